"""The admin server's token where it is in a file: its value is what the file holds now.

A kubelet exchanges the files of a Secret while the process runs, so the file is looked at whenever the value is asked for (some microseconds), and
read again when it has changed. What cannot be used then, after what could, changes nothing but the log, which says so once: a mistake in a Secret
is no reason to let nobody in.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from pydantic import SecretStr

from sidecar.settings.environment import OPEN_TO_ALL, is_open_to_all
from sidecar.settings.model import usable_token
from sidecar.writers.stamps import Stamp, stamp

_log = structlog.get_logger("sidecar")


class TokenFile(SecretStr):
    """The token in the file at ``path``, of which ``text`` was read. One thread may ask for it."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self._path = path
        self._seen: Stamp | None = None  # of no file yet: it may have been exchanged since it was read
        self._trouble: str | None = None

    def get_secret_value(self) -> str:
        """Return the token that is in the file; the last one that could be used where this one cannot."""
        try:
            now = stamp(self._path)
            if now != self._seen:
                self._take(_read(self._path))
                self._seen = now
            self._trouble = None
        except OSError as error:
            self._complain(f"cannot be read ({error.strerror})")
        except ValueError as error:
            self._complain(str(error))
        return self._secret_value

    def _take(self, token: SecretStr) -> None:
        text = token.get_secret_value()
        if text != self._secret_value:
            self._secret_value = text
            _log.info("http.token_changed", file=str(self._path))

    def _complain(self, why: str) -> None:
        if why != self._trouble:
            self._trouble = why
            _log.warning("http.token_unusable", file=str(self._path), reason=why)


def _read(path: Path) -> SecretStr:
    """Return the token in a file; raises OSError, or ValueError that says why it cannot be used."""
    if is_open_to_all(path):
        raise ValueError(OPEN_TO_ALL)
    return usable_token(SecretStr(path.read_bytes().decode("utf-8", "replace").removesuffix("\n")))
