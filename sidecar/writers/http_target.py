"""Where an HTTP writer writes to: the parts of its URL, and a name for people that carries no credentials. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from sidecar.core.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}

_LONGEST_LABEL = 63
"""Characters between two dots of a name, at most: the resolver's own rule."""

_LONGEST_SOCKET_PATH = 107
"""Bytes of the path of a unix socket, at most: the kernel's own rule."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, and what is asked for there.

    ``socket_path`` is set for ``http+unix`` alone, where ``host`` is ``localhost``. ``authorization`` is the value of
    that header, None where the URL has no user. ``name`` is the URL without credentials and query. ``link_local`` allows the addresses
    of :mod:`sidecar.writers.link_local`.
    """

    name: str
    host: str
    port: int
    path: str
    tls: bool = False
    socket_path: str | None = None
    authorization: str | None = field(default=None, repr=False)
    link_local: bool = False


class _Unusable(Exception):  # noqa: N818 -- what it is
    """Why an address cannot be used."""


def parse(url: str, setting: str = "SIDECAR_WRITER__URL") -> Target:
    """Return the parts of ``url``, the value of ``setting``; raises ConfigurationError, without quoting it: it may hold a secret."""
    try:
        return _parse(url)
    except _Unusable as unusable:
        raise ConfigurationError(f"{setting}: {unusable}") from None


def _parse(url: str) -> Target:
    parts = urlsplit(url)
    if not parts.hostname:
        raise _Unusable("it names no host; write http://host:port/path, or http+unix://%2Frun%2Fapp.sock/path")
    if any(character <= " " or character > "~" for character in url):
        raise _Unusable("it holds a space, or a character outside ASCII; percent-encode those")
    if "#" in url:
        raise _Unusable("it holds a #, which ends an address; percent-encode it as %23")
    host = parts.netloc.rpartition("@")[2]
    name = f"{parts.scheme}://{host}{parts.path}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http+unix":
        return Target(name, "localhost", 80, path, socket_path=_socket_path(host), authorization=_basic(parts))
    return Target(name, _host(parts), _port(parts), path, tls=parts.scheme == "https", authorization=_basic(parts))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not all(0 < len(label) <= _LONGEST_LABEL for label in host.rstrip(".").split(".")):
        raise _Unusable("a part of its host's name is empty or longer than 63 characters")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:  # what it says quotes the port, which can be the end of a password
        port = 0
    if port == 0:
        raise _Unusable("its port is not a number from 1 to 65535")
    return port


def _socket_path(host: str) -> str:
    path = unquote(host)
    if not path.startswith("/") or "\0" in path:
        raise _Unusable("its socket is named by its absolute path, slashes as %2F; write http+unix://%2Frun%2Fapp.sock/path")
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        raise _Unusable(f"the path of its socket is longer than {_LONGEST_SOCKET_PATH} bytes, which the system does not allow")
    return path


def _basic(parts: SplitResult) -> str | None:
    """Return the Basic credentials of the URL's user and password."""
    if parts.username is None:
        return None
    return basic(unquote(parts.username), unquote(parts.password or ""))


def basic(user: str, password: str) -> str:
    """Return the value of the header ``Authorization`` for these (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
