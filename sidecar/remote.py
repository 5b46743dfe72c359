"""The commands that ask the sidecar of this container over its admin port: drain, pause, resume, status.

They run inside a container whose memory the sidecar may use up, and as hooks on a pod's last seconds. So nothing heavy is imported here: the two
settings that matter are read from the environment by the names and the rules of :mod:`sidecar.settings`, without the rest of it.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sidecar.runtime.loop import ExitStatus

DEFAULT_LISTEN = "0.0.0.0:9877"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what to ask where it listens everywhere
PATIENCE = 10.0
"""Seconds that an answer may take which waits for nothing."""


_SENDABLE = re.compile(r"[!-~]+")
"""A token that can stand in a header. Another one is no token of a sidecar; the client would print it, and over loopback none is needed."""


class NoAnswer(Exception):  # noqa: N818 -- what there was
    """No sidecar answered, or it refused; the text is for people."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the sidecar listens, and the token, if there is one."""

    host: str
    port: int
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Remote:
        """Return the sidecar of the container with this environment."""
        host, _, port = (_said(environ, "SIDECAR_HTTP__LISTEN") or DEFAULT_LISTEN).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return cls(ANYWHERE.get(host, host), int(port) if port.isdecimal() else 0, _said(environ, "SIDECAR_HTTP__TOKEN"))

    def ask(self, method: str, path: str, within: float = PATIENCE) -> dict[str, Any]:
        """Return the answer's document. Raises NoAnswer."""
        headers = {"X-Sidecar-Token": self.token} if self.token and _SENDABLE.fullmatch(self.token) else {}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=within)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise NoAnswer(f"no sidecar answers on {self.host}:{self.port} ({why})") from error
        finally:
            connection.close()
        if not response.getheader("Content-Type", "").startswith("application/json"):
            raise NoAnswer(f"the sidecar answers {response.status}: {body.decode(errors='replace').strip()}")
        document: dict[str, Any] = json.loads(body)
        return document


def drain(remote: Remote, *, wait: str | None, terminal: bool) -> int:
    """Have it drain; with ``wait`` (empty: as long as it may take), until that is done."""
    query = ["terminal"] if terminal else []
    try:
        answer = remote.ask("POST", _with("/drain", query))
        if wait is not None:  # asked again with it: the first answer says how long this one can take
            answer = remote.ask("POST", _with("/drain", [*query, urlencode({"wait": wait})]), answer["longest_wait"] + PATIENCE)
    except NoAnswer as error:
        return _complain(error)
    print(_of_drain(answer))
    return ExitStatus.DRAINED if answer["drained"] or wait is None else ExitStatus.UNFINISHED


def hold(remote: Remote, path: str) -> int:
    """Pause or resume."""
    try:
        answer = remote.ask("POST", path)
    except NoAnswer as error:
        return _complain(error)
    holds = ", ".join(f"{reason} ({why})" for reason, why in answer["holds"].items())
    print(f"held: {holds}; {_left(answer)}" if holds else "not held")
    return ExitStatus.DRAINED


def status(remote: Remote, *, as_json: bool) -> int:
    """Say what it does."""
    try:
        document = remote.ask("GET", "/status")
    except NoAnswer as error:
        return _complain(error)
    print(json.dumps(document, indent=2, ensure_ascii=False) if as_json else "\n".join(_summary(document)))
    return ExitStatus.DRAINED


def _said(environ: Mapping[str, str], name: str) -> str | None:
    """Return a setting as it was given: by itself, by the file that ``<NAME>_FILE`` names, or by a file of the folder of secrets."""
    if name in environ:
        return environ[name]
    secrets = environ.get("SIDECAR_SECRETS_DIR")
    for path in (environ.get(f"{name}_FILE"), secrets and f"{secrets}/{name}"):
        if path and Path(path).is_file():
            return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    return None


def _with(path: str, query: list[str]) -> str:
    return f"{path}?{'&'.join(query)}" if query else path


def _complain(error: NoAnswer) -> int:
    print(error, file=sys.stderr)
    return ExitStatus.FAILED


def _of_drain(answer: Mapping[str, Any]) -> str:
    kind = "drain" if answer["kind"] == "terminal" else "quiesce"
    if answer["drained"]:
        return f"{kind}: done after {answer['seconds']:.1f} s{'' if answer['committed'] else '; not all offsets are committed'}"
    return f"{kind}: {_left(answer)} after {answer['seconds']:.1f} s"


def _left(answer: Mapping[str, Any]) -> str:
    return f"{answer['buffered']} records buffered, {answer['in_flight']} in flight"


def _summary(document: Mapping[str, Any]) -> list[str]:
    """Return what a person wants to know first, a line each."""
    if "why" not in document:
        return [f"phase      {document['phase']}"]
    why, lag, books, kafka = (document[name] for name in ("why", "lag", "books", "kafka"))
    dropped, released = (sum(books[name].values()) for name in ("dropped", "released"))
    here = f"{books['buffered']} buffered, {books['in_flight']} in flight"
    fates = f"{books['delivered']} delivered, {books['dead_lettered']} dead-lettered, {dropped} dropped, {released} released"
    lines = [
        f"phase      {document['phase']}, buffer {document['state']} ({document['buffer']['utilization']:.0%} full)",
        f"verdict    {why['verdict']}: {why['sentence']}",
        f"lag        {_known(lag['records'], 'records')}, {_known(lag['seconds'], 's')}",
        f"records    {books['polled']} polled: {fates}, {here}",
        f"kafka      {kafka['assigned']} partitions{'' if kafka['trouble'] is None else '; ' + kafka['trouble']}",
    ]
    lines += [f"held for   {reason}: {text}" for reason, text in document["holds"].items()]
    return lines if document["waits_for"] is None else [*lines, f"waits      {document['waits_for']}"]


def _known(number: float | None, unit: str) -> str:
    return f"unknown {unit}" if number is None else f"{number:g} {unit}"
