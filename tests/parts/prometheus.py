"""Prometheus for tests: Debian's package, unpacked into ``.cache`` and not installed, so no service of it starts and root is not needed.

:class:`Prometheus` runs one on a port of its own, with what it scrapes in a file that it looks at again whenever it changes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from tests.parts.child import Child
from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing
from tests.parts.unpacked import unpack
from tests.parts.waiting import free_port, wait_for

CACHE = Path(__file__).parents[2] / ".cache"
PACKAGE = "prometheus"
FOLDER = CACHE / PACKAGE
START_WITHIN = 30.0
EVERY = "1s"
"""How often it scrapes and evaluates."""


class Series(NamedTuple):
    """One series of an answer: its labels, and (Unix seconds, value) of each point."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


class Target(NamedTuple):
    """What to scrape: a port of the loopback address, and the labels that its series get beside ``instance``."""

    port: int
    labels: Mapping[str, str]


def promtool() -> Path:
    """Return the program; the test that asks is skipped by name where this machine cannot have it."""
    return _or_skip("promtool")


def fetch_prometheus() -> None:
    """Unpack Debian's package into the cache unless it is there; raises :class:`Unavailable`."""
    if FOLDER.is_dir():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        unpacked = unpack([PACKAGE], Path(scratch))
        if not FOLDER.is_dir():  # another run was quicker: its folder stays
            (unpacked / "usr" / "bin").rename(FOLDER)


def _or_skip(name: str) -> Path:
    try:
        fetch_prometheus()
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")
    return FOLDER / name


class Prometheus:
    """A running Prometheus without memory of an earlier one; a context manager. ``rules`` is the text of a file of rules."""

    def __init__(self, folder: Path, rules: str = "groups: []") -> None:
        program = _or_skip("prometheus")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._targets: list[Target] = []
        self._found = folder / "targets.json"
        self._tell_targets()
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        (folder / "prometheus.yml").write_text(json.dumps(self._config(folder)), encoding="utf-8")
        options = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        env = {"PATH": os.environ["PATH"]}
        self._child = Child([str(program), *options], env=env, folder=folder, log=folder / "prometheus.log")

    def scrape(self, *targets: Target) -> None:
        """Scrape these, too, from now on."""
        self._targets += targets
        self._tell_targets()

    def forget(self, *ports: int) -> None:
        """Scrape these no more."""
        self._targets = [target for target in self._targets if target.port not in ports]
        self._tell_targets()

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """Return the value of each series, now or ``at`` a Unix time; a number is one series without labels."""
        answer = self._ask("query", {"query": expression} | ({} if at is None else {"time": str(at)}))
        if answer["resultType"] == "scalar":
            return [Series({}, [_point(answer["result"])])]
        return [Series(found["metric"], [_point(found["value"])]) for found in answer["result"]]

    def query_range(self, expression: str, begin: float, end: float, step: float) -> list[Series]:
        """Return the values of each series over time."""
        asked = {"query": expression, "start": str(begin), "end": str(end), "step": str(step)}
        found = self._ask("query_range", asked)["result"]
        return [Series(series["metric"], [_point(pair) for pair in series["values"]]) for series in found]

    def alerts(self) -> list[Mapping[str, Any]]:
        """Return the alerts that are pending or firing: each with ``state`` and ``labels``."""
        alerts: list[Mapping[str, Any]] = self._ask("alerts", {})["alerts"]
        return alerts

    def __enter__(self) -> Self:
        def answers() -> bool:
            if not self._child.running:
                raise RuntimeError(f"Prometheus ended with {self._child.wait(0)}:\n{self._child.tail()}")
            try:
                return self._get("/-/ready")[0] == 200
            except (OSError, HTTPException):
                return False

        wait_for(answers, "Prometheus is up", START_WITHIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._child.end(grace=5)

    def _config(self, folder: Path) -> Mapping[str, Any]:
        job = {"job_name": "kafka-sidecar", "file_sd_configs": [{"files": [str(self._found)], "refresh_interval": EVERY}]}
        scraping = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
        return {"global": scraping, "rule_files": [str(folder / "rules.yml")], "scrape_configs": [job]}

    def _tell_targets(self) -> None:
        """Replace the file of targets whole: half of one must not be read."""
        told = [{"targets": [f"127.0.0.1:{target.port}"], "labels": dict(target.labels)} for target in self._targets]
        waiting = self._found.with_suffix(".new")
        waiting.write_text(json.dumps(told), encoding="utf-8")
        waiting.replace(self._found)

    def _ask(self, what: str, asked: Mapping[str, str]) -> Any:
        status, body = self._get(f"/api/v1/{what}?{urlencode(asked)}")
        document = json.loads(body)
        if status != 200:
            raise ValueError(f"{asked.get('query', what)}: {document.get('error', body)}")
        return document["data"]

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
