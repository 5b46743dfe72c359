"""The sidecar's process as the demonstration sees it: started with an environment, asked over HTTP, ended by SIGTERM."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

UP_WITHIN = 20.0
LOOK_AGAIN = 0.05
ANSWER_WITHIN = 5.0
HEARD_WITHIN = 1.0


@contextmanager
def sidecar(environment: Mapping[str, str], log: Path) -> Iterator[Sidecar]:
    """Run ``kafka-sidecar run`` as it would run in a pod, with nothing of this shell's own SIDECAR_* names; end it whatever happens."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "sidecar", "run"], env={**inherited, **environment}, stderr=output)
    try:
        yield Sidecar(process, log)
    finally:
        process.kill()
        process.wait()


class Sidecar:
    """A running sidecar that logs JSON to ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port = 0
        self.log = log
        self._process = process

    def wait_until_up(self) -> None:
        """Return when its admin server answers. Raises RuntimeError, with its log, when it does not."""
        deadline = time.monotonic() + UP_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            started = self._event("sidecar.started")
            if started is not None:
                self.port = started["admin_port"]
                if self._answers():
                    return
            time.sleep(LOOK_AGAIN)
        raise RuntimeError(f"the sidecar did not come up:\n{self.log.read_text(encoding='utf-8')}")

    def status(self) -> dict[str, Any]:
        """Return its ``/status``."""
        return self.document("/status")

    def document(self, path: str) -> dict[str, Any]:
        """Return one of its JSON pages."""
        document: dict[str, Any] = msgspec.json.decode(self._page(path))
        return document

    def dropped_by_topic(self) -> dict[str, int]:
        """Return how many records it dropped, by topic, as its metrics count them."""
        families = text_string_to_metric_families(self._page("/metrics").decode())
        dropped: Counter[str] = Counter()
        for family in families:
            for sample in family.samples:
                if sample.name == "sidecar_records_dropped_total":
                    dropped[sample.labels["topic"]] += int(sample.value)
        return dict(dropped)

    def _page(self, path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def has_partitions(self) -> bool:
        """Whether it has joined the group."""
        return self._event("partitions.assigned") is not None

    def heard_the_terminal(self) -> bool:
        """Whether a Ctrl-C reached it, too, as it does all processes of a terminal; a further signal would end it at once."""
        deadline = time.monotonic() + HEARD_WITHIN
        while time.monotonic() < deadline:
            if self._event("drain.started") is not None:
                return True
            time.sleep(LOOK_AGAIN)
        return False

    def drain(self, within: float) -> int:
        """Send SIGTERM; return the exit status. Raises subprocess.TimeoutExpired when it does not end."""
        self._process.terminate()
        return self.wait(within)

    def wait(self, within: float) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired when it does not end within so many seconds."""
        return self._process.wait(within)

    def last_books(self) -> dict[str, Any]:
        """Return the books that it closed when it ended. Raises RuntimeError when it did not end in order."""
        stopped = self._event("sidecar.stopped")
        if stopped is None:
            raise RuntimeError(f"the sidecar ended without closing its books:\n{self.log.read_text(encoding='utf-8')}")
        books: dict[str, Any] = stopped["books"]
        return books

    def _answers(self) -> bool:
        try:
            return "lag" in self.status()
        except (OSError, HTTPException):
            return False

    def _event(self, name: str) -> dict[str, Any] | None:
        """Return the first log line of this event; a line that is still being written is not one yet."""
        for line in self.log.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and line.startswith(b"{"):
                fields: dict[str, Any] = msgspec.json.decode(line)
                if fields["event"] == name:
                    return fields
        return None
