"""What a request proves itself with: nothing, the URL's user, or a token from a file that may change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.stamps import Stamp, stamp

TOKEN = re.compile(r"[!-~]+")
"""What can stand in a header as a token."""


class Credentials(Protocol):
    """The source of the header ``Authorization``."""

    def header(self, deadline: float) -> str | None:
        """Return the header for the next request, None for none; raises WriterUnavailable where there is none to be had."""

    def after_refusal(self, refused: str | None, deadline: float) -> str | None:
        """Return another header than ``refused``, which was answered with 401; None where there is no other. Raises as :meth:`header`."""


class Fixed:
    """Always the same header."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    def header(self, deadline: float) -> str | None:  # noqa: ARG002 -- the Protocol's
        """Return it."""
        return self._header

    def after_refusal(self, refused: str | None, deadline: float) -> str | None:  # noqa: ARG002 -- the Protocol's
        """There is no other."""
        return None


class TokenFile:
    """The token in a file, read again when the file has changed. Threads can share it: what was read is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[Stamp, str] | None = None

    def header(self, deadline: float) -> str:  # noqa: ARG002 -- the Protocol's; a disk has no time-out
        """Return the header with the token that is in the file now."""
        try:
            now = stamp(self._path)
            if self._read is None or self._read[0] != now:
                self._read = now, f"Bearer {self._token()}"
        except OSError as error:
            raise WriterUnavailable(f"SIDECAR_WRITER__TOKEN_FILE: the file cannot be read ({error.strerror})") from error
        return self._read[1]

    def after_refusal(self, refused: str | None, deadline: float) -> str | None:
        """Return the header if the file has changed since ``refused`` was made."""
        now = self.header(deadline)
        return None if now == refused else now

    def _token(self) -> str:
        token = self._path.read_bytes().strip().decode("latin-1")
        if not TOKEN.fullmatch(token):
            raise WriterUnavailable("SIDECAR_WRITER__TOKEN_FILE: the file does not hold a token, which is one word of ASCII")
        return token
