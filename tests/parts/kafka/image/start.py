"""Runs inside of the container: the broker, with the properties that the environment names, as in Kafka's own image.

``KAFKA_NODE_ID=1`` is ``node.id=1``. The log is formatted once; a restarted container keeps its records.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DATA = Path("/var/lib/kafka")
NOT_PROPERTIES = {"KAFKA_HEAP_OPTS"}

properties = {"log.dirs": str(DATA / "logs")} | {
    name.removeprefix("KAFKA_").lower().replace("_", "."): value
    for name, value in os.environ.items()
    if name.startswith("KAFKA_") and name not in NOT_PROPERTIES
}
config = DATA / "server.properties"
config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), "utf-8")

java = ["/opt/java/bin/java", *os.environ.get("KAFKA_HEAP_OPTS", "-Xmx512m").split(), "-XX:+UseSerialGC"]
java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", "/opt/kafka/libs/*"]
if not (DATA / "logs").is_dir():
    cluster = "a2Fma2Etc2lkZWNhci10ZQ"
    subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config], check=True)
os.execv(java[0], [*java, "kafka.Kafka", str(config)])  # noqa: S606 -- takes the place of this process, and its signals
