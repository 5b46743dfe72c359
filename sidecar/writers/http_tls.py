"""What HTTP is encrypted with: whom to trust and who we are, from files that are read again when they have changed.

They are looked at before each new connection, so what is rotated counts from the next one on. What cannot be used then, after what could,
changes nothing but the log: the files of a Secret can be looked at in the middle of their exchange.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.stamps import Stamp, stamp

_log = structlog.get_logger(__name__)


class TlsFiles:
    """A source of TLS contexts; threads can share it, since what was read is replaced whole.

    ``ca`` are the authorities to trust (None: the system's), ``certificate`` what to show to a server that asks, ``key`` its key
    (None: it is in the same file). Certificates and names of servers are always checked.
    """

    def __init__(self, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> None:
        self._files = {"TLS_CA": ca, "TLS_CERT": certificate, "TLS_KEY": key}
        self._loaded: tuple[dict[str, Stamp], ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context of the files as they are now; raises WriterUnavailable when they never could be used."""
        try:
            stamps = {name: self._stamp(name, path) for name, path in self._files.items() if path is not None}
            if self._loaded is None or self._loaded[0] != stamps:
                self._loaded = stamps, self._load()
        except WriterUnavailable as unusable:
            if self._loaded is None:
                raise
            _log.warning("writer.http.tls_files_unusable", error=str(unusable))
        return self._loaded[1]

    def _stamp(self, name: str, path: Path) -> Stamp:
        with _naming(name):
            return stamp(path)

    def _load(self) -> ssl.SSLContext:
        ca, certificate, key = self._files.values()
        with _naming("TLS_CA"):
            context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            with _naming("TLS_CERT"):
                context.load_cert_chain(certificate, key, password=str)  # the empty one: else a prompt would wait at the terminal
        return context


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Raise what goes wrong with a file as WriterUnavailable that names the setting."""
    try:
        yield
    except ssl.SSLError as error:
        why = (error.reason or "it is no PEM").replace("_", " ").lower()
        raise WriterUnavailable(f"SIDECAR_WRITER__{name}: what is in the file cannot be used ({why})") from error
    except OSError as error:
        raise WriterUnavailable(f"SIDECAR_WRITER__{name}: the file cannot be read ({error.strerror})") from error
