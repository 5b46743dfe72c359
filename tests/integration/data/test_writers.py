from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.integration.data import dying
from tests.integration.data.stage import drain, wait_done
from tests.integration.data.unix_app import unix_socket_to
from tests.parts.app import Application
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import Message, committed, create_topic, fresh_name, produce, produce_numbered

TORN = b'{"topic":"ord'

QUICK_SESSION = {"KAFKA__SESSION_TIMEOUT_MS": "1500", "KAFKA__HEARTBEAT_INTERVAL_MS": "500"}
"""So that the group lets go soon of a member that was killed."""


def test_a_file_has_every_record_after_a_kill_in_the_middle_and_a_torn_line(kafka: RealKafka, tmp_path: Path) -> None:
    topic, records = fresh_name("orders"), 60_000
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce_numbered(kafka.bootstrap, topic, range(records // 2), partitions=2)
    out, armed = tmp_path / "out.ndjson", tmp_path / "armed"
    environ = sidecar_environ(
        kafka.bootstrap,
        topic,
        f"file://{out}",
        FLUSH__MAX_BATCH="100",
        BUFFER__MAX_MESSAGES="1000",
        WRITER__ROTATE_SIZE="200KiB",
        **QUICK_SESSION,
    )
    with SidecarProcess(environ, tmp_path, [sys.executable, dying.__file__, str(armed), "20"]) as sidecar:
        wait_done(sidecar, kafka.bootstrap, topic)
        armed.touch()
        produce_numbered(kafka.bootstrap, topic, range(records // 2, records), partitions=2)
        assert sidecar.wait_exit() == -signal.SIGKILL
    with out.open("ab") as file:
        file.write(TORN)  # what a crash of the machine can leave
    written = len(_ids(out))
    safe = sum(committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], topic).values())
    assert records // 2 <= safe < written < records
    with SidecarProcess(environ, tmp_path) as sidecar:
        wait_done(sidecar, kafka.bootstrap, topic)
        drain(sidecar)
        (told,) = sidecar.events("writer.file.torn_end_cut")
    assert told["bytes"] >= len(TORN)
    assert not out.read_bytes().count(TORN + b"{")
    ids = _ids(out)
    assert set(ids) == set(range(records))
    assert len(ids) == written + records - safe  # repeated is what was written and not committed, and no more
    assert len(list(tmp_path.glob("out.ndjson.0*"))) > 5


def _ids(out: Path) -> list[int]:
    """Return the numbers of all whole lines in ``out`` and the files that it was before."""
    files = [path for path in sorted(out.parent.glob("out.ndjson*")) if not path.name.endswith(".lock")]
    lines = [line for path in files for line in path.read_bytes().split(b"\n")[:-1]]
    return [json.loads(line)["value"]["id"] for line in lines]


def test_standard_output_has_every_record_and_standard_error_the_log(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(5000))
    environ = sidecar_environ(kafka.bootstrap, topic, "stdout:")
    with SidecarProcess(environ, tmp_path, ["/bin/sh", "-c", 'exec "$@" > out.ndjson', "sh"]) as sidecar:
        wait_done(sidecar, kafka.bootstrap, topic)
        sidecar.sigterm()
        assert sidecar.wait_exit() == 0
        assert sidecar.events()[-1]["event"] == "sidecar.stopped"
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert [line["value"]["id"] for line in lines] == list(range(5000))


def test_an_application_on_a_unix_socket_gets_every_record(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(5000))
    with Application() as app, tempfile.TemporaryDirectory() as short:  # a socket's path has at most 108 characters
        path = Path(short) / "App.sock"
        url = f"http+unix://{quote(str(path), safe='')}/records"
        with unix_socket_to(app.port, path), SidecarProcess(sidecar_environ(kafka.bootstrap, topic, url), tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic)
            assert drain(sidecar)["delivered"] == 5000
    assert app.ids == tuple(range(5000))


def test_payloads_alone_are_sent_one_a_line(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(1000))
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, WRITER__BODY="values")
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic)
            drain(sidecar)
    assert app.ids == tuple(range(1000))
    assert not app.taken  # no places were sent


def test_a_pattern_takes_the_topics_that_match_and_those_that_come_later(kafka: RealKafka, tmp_path: Path) -> None:
    prefix = fresh_name("telemetry")
    first, second, later, other = f"{prefix}.a", f"{prefix}.b", f"{prefix}.later", fresh_name("other")
    for number, topic in enumerate((first, second, other)):
        create_topic(kafka.bootstrap, topic)
        produce(kafka.bootstrap, topic, [Message(b'{"id": %d}' % number)])
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, f"^{prefix}\\..*", app.url)
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, first)
            wait_done(sidecar, kafka.bootstrap, second)
            create_topic(kafka.bootstrap, later)
            produce(kafka.bootstrap, later, [Message(b'{"id": 3}')])
            wait_done(sidecar, kafka.bootstrap, later)
            assert sidecar.metric("sidecar_records_delivered_total") == 3
            assert sidecar.metric("sidecar_records_delivered_total", topic=later) == 1
            drain(sidecar)
    assert sorted(app.ids) == [0, 1, 3]
