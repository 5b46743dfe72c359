"""The sidecar as its users run it: a program of its own, told by the environment, asked over HTTP, ended by signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.child import Child, Program
from tests.parts.waiting import free_port, wait_for

ANSWER_WITHIN = 5.0

Labels = frozenset[tuple[str, str]]


def caught_up(status: Any) -> bool:
    """Whether a status document says that every record has its outcome."""
    return status["why"]["verdict"] in ("ok", "idle") and status["lag"]["records"] == 0


class RunningSidecar:
    """A sidecar that runs as ``child`` and answers on ``port``; a context manager that kills what still runs."""

    def __init__(self, child: Program, port: int) -> None:
        self.child = child
        self.port = port

    def get(self, path: str) -> tuple[int, Any]:
        """Return the HTTP status and the body: decoded where it is JSON, else text. Raises ``OSError`` when nothing answers."""
        return self._ask("GET", path, ANSWER_WITHIN)

    def post(self, path: str, within: float = 60.0) -> tuple[int, Any]:
        """Have something done; return what :meth:`get` does."""
        return self._ask("POST", path, within)

    def _ask(self, method: str, path: str, within: float) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=within)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        return response.status, msgspec.json.decode(body) if is_json else body.decode()

    def wait_ready(self, within: float = 30.0) -> None:
        """Return when ``/readyz`` says 200."""
        self._wait(lambda: self.get("/readyz")[0] == 200, "the sidecar is ready", within)

    def wait_status(self, holds: Callable[[Any], bool], what: str, within: float = 30.0) -> Any:
        """Return the first ``/status`` for which ``holds`` is true; ``what`` says in words what is waited for."""
        found: list[Any] = []

        def look() -> bool:
            code, document = self.get("/status")
            found[:] = [document]
            return code == 200 and holds(document)  # before the first report it is 503

        self._wait(look, what, within)
        return found[0]

    def metrics(self) -> dict[tuple[str, Labels], float]:
        """Return the value of each series of ``/metrics``, by name and set of labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the series of ``name`` that have all of ``labels``; raises ``KeyError`` when there is none."""
        wanted = labels.items()
        found = [value for (named, having), value in self.metrics().items() if named == name and wanted <= having]
        if not found:
            raise KeyError(name)
        return sum(found)

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of its log that tell of ``name`` (None: all). With ``SIDECAR_LOG__FORMAT=json`` every line is an object."""
        lines = self.child.log.read_bytes().splitlines(keepends=True)
        told = [msgspec.json.decode(line) for line in lines if line.endswith(b"\n")]  # the last may be half written
        return [line for line in told if name is None or line["event"] == name]

    def sigterm(self) -> None:
        """Ask it to drain and end."""
        self.child.send(signal.SIGTERM)

    def sigkill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        self.child.end(grace=0)

    def wait_exit(self, within: float = 30.0) -> int:
        """Return the exit status."""
        return self.child.wait(within)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            print(f"The sidecar's log ends:\n{self.child.tail(60)}")
        self.child.end(grace=0)

    def _wait(self, look: Callable[[], bool], what: str, within: float) -> None:
        def look_if_it_runs() -> bool:
            if not self.child.running:
                raise RuntimeError(f"the sidecar ended with {self.child.wait(0)} before {what}:\n{self.child.tail()}")
            with suppress(OSError, HTTPException):  # not up yet
                return look()
            return False

        try:
            wait_for(look_if_it_runs, what, within)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the log of the sidecar ends:\n{self.child.tail()}") from None


class SidecarProcess(RunningSidecar):
    """``kafka-sidecar run`` with the settings ``env`` and a free admin port.

    Its log is ``sidecar-<port>.log`` in ``folder``, which is also its working directory. ``prefix`` comes before its command line.
    """

    def __init__(self, env: Mapping[str, str], folder: Path, prefix: Sequence[str] = ()) -> None:
        port = free_port()
        child = Child(
            [*prefix, sys.executable, "-m", "sidecar", "run"],
            env={"PATH": os.environ["PATH"], "SIDECAR_HTTP__LISTEN": f"127.0.0.1:{port}", **env},
            folder=folder,
            log=folder / f"sidecar-{port}.log",
        )
        super().__init__(child, port)
