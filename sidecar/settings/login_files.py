"""The user and the password of SASL where they are in files: what the files hold now.

A kubelet exchanges the files of a Secret while the process runs. Each of the process's Kafka clients asks for itself whether its login has changed, about once a second; what
it is told counts for the connections that it makes from then on. A file that cannot be read changes nothing but the log, which says so once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from sidecar.writers.stamps import Stamp, stamp

Login = tuple[str, str]
"""User and password."""

Changed = Callable[[], Login | None]
"""Returns the login that is to be used from now on; None while it is the same as the last time."""

_log = structlog.get_logger("sidecar")


def follow(user: str, password: str, files: Mapping[str, Path]) -> Changed:
    """Return what one client asks; ``files`` are those of ``user`` and ``password`` that are in one."""
    return _Followed({"user": user, "password": password}, files).changed


class _Followed:
    def __init__(self, login: dict[str, str], files: Mapping[str, Path]) -> None:
        self._login = login
        self._told = dict(login)
        self._files = files
        self._seen: dict[str, Stamp] = {}
        self._trouble: str | None = None

    def changed(self) -> Login | None:
        try:
            for name, path in self._files.items():
                self._look(name, path)
        except OSError as error:
            self._complain(f"{error.filename} cannot be read ({error.strerror})")
            return None
        self._trouble = None
        if self._login == self._told:
            return None
        self._told = dict(self._login)
        _log.info("kafka.login_changed", files=", ".join(map(str, self._files.values())))
        return self._login["user"], self._login["password"]

    def _look(self, name: str, path: Path) -> None:
        now = stamp(path)
        if now != self._seen.get(name):
            self._login[name] = path.read_bytes().decode("utf-8", "replace").removesuffix("\n")
            self._seen[name] = now

    def _complain(self, why: str) -> None:
        if why != self._trouble:
            self._trouble = why
            _log.warning("kafka.login_unusable", reason=why)
