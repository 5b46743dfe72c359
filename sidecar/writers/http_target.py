"""Where an HTTP writer writes to: the parts of its URL, and a name for people that carries no credentials. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from sidecar.core.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443, "http+unix": 0}

_LONGEST_LABEL = 63
"""Characters between two dots of a name, at most: the resolver's own rule."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, and what is asked for there.

    ``socket_path`` is set for ``http+unix`` alone, where ``host`` is ``localhost``. ``authorization`` is the value of
    that header, None where the URL has no user. ``name`` is the URL without credentials and query.
    """

    name: str
    host: str
    port: int
    path: str
    tls: bool = False
    socket_path: str | None = None
    authorization: str | None = field(default=None, repr=False)


def parse(url: str) -> Target:
    """Return the parts of ``url``; raises ConfigurationError, without quoting it: it may hold a secret."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise _unusable("its port is not a number from 1 to 65535") from None
    if not parts.hostname:
        raise _unusable("it names no host; write http://host:port/path, or http+unix://%2Frun%2Fapp.sock/path")
    if any(character <= " " or character > "~" for character in url):
        raise _unusable("it holds a space, or a character outside ASCII; percent-encode those")
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme != "http+unix" and not all(
        0 < len(label) <= _LONGEST_LABEL for label in parts.hostname.rstrip(".").split(".")
    ):
        raise _unusable("a part of its host's name is empty or longer than 63 characters")
    name = f"{parts.scheme}://{host}{parts.path}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http+unix":
        return Target(name, "localhost", port, path, socket_path=unquote(host), authorization=_basic(parts))
    return Target(name, parts.hostname, port, path, tls=parts.scheme == "https", authorization=_basic(parts))


def _basic(parts: SplitResult) -> str | None:
    """Return the Basic credentials of the URL's user and password."""
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(f"SIDECAR_WRITER__URL: {why}")
