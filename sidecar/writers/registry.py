"""Which writer a URL means, and what can be set for it.

``SIDECAR_WRITER__URL`` picks the writer by its scheme, ``SIDECAR_WRITER__<OPTION>`` sets its options. A scheme is one of :data:`BUILT_IN`, or
an entry point of the group :data:`GROUP`, by its name, that is a :class:`~sidecar.writers.protocol.Scheme`: so others can add writers, and
one that needs a library is loaded only when it is asked for. What is built in cannot be replaced.

Errors name the setting and the mend, and never quote the URL: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import urlsplit

from sidecar.core.errors import ConfigurationError
from sidecar.writers import discard, file, http, python, stdout
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Scheme, Surroundings, WriterKind

__all__ = ["BUILT_IN", "GROUP", "Option", "Options", "Scheme", "Value", "kind", "options_of", "schemes"]

GROUP = "kafka_sidecar.writers"
"""The group of entry points by which a distribution adds writers."""

BUILT_IN: Mapping[str, Scheme] = {
    "http": Scheme("http://host:port/path", http.OPTIONS, http.kind),
    "https": Scheme("https://host/path", http.OPTIONS, http.kind),
    "http+unix": Scheme("http+unix://%2Frun%2Fapp.sock/path", http.OPTIONS, http.kind),
    "file": Scheme("file:///path/name.ndjson", file.OPTIONS, file.kind),
    "stdout": Scheme("stdout:", stdout.OPTIONS, stdout.kind),
    "python": Scheme("python:package.module:callable", python.OPTIONS, python.kind),
    "discard": Scheme("discard:", discard.OPTIONS, discard.kind),
}
"""The writers that need nothing but the standard library and msgspec, by URL scheme."""


def schemes() -> Mapping[str, Scheme]:
    """Return all writers by URL scheme, those of entry points loaded. Raises ConfigurationError for one that cannot be loaded."""
    return dict(BUILT_IN) | {point.name: _load(point) for point in _entry_points() if point.name not in BUILT_IN}


def options_of(url: str) -> Options:
    """Return the options that the writer of ``url`` has; raises ConfigurationError when there is no such writer."""
    return _entry(url).options


def kind(url: str, options: Mapping[str, Value], surroundings: Surroundings | None = None) -> WriterKind:
    """Return the writer for ``url``, with ``options`` (by name, in the units of :class:`Option`) in place of its defaults.

    Raises ConfigurationError for a URL or an option that cannot work.
    """
    entry = _entry(url)
    _check_form(url)
    for name, value in options.items():
        _check(name, value, entry.options)
    effective = {name: option.default for name, option in entry.options.items()} | dict(options)
    return entry.kind(url, effective, surroundings or Surroundings())


def _entry(url: str) -> Scheme:
    scheme, colon, _ = url.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme in BUILT_IN:
        return BUILT_IN[scheme]
    for point in _entry_points():
        if point.name == scheme:
            return _load(point)
    known = schemes()
    supported = "supported are " + ", ".join(entry.example for entry in known.values())
    raise ConfigurationError(f"SIDECAR_WRITER__URL: it names no known writer{_meant(scheme, known)}; {supported}")


def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: point.name))


def _load(point: EntryPoint) -> Scheme:
    origin = f"the writer {point.name!r} of {point.dist.name if point.dist else point.value}"
    try:
        scheme = point.load()
    except Exception as error:  # the code of others
        raise ConfigurationError(f"SIDECAR_WRITER__URL: {origin} cannot be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(scheme, Scheme):
        raise ConfigurationError(
            f"SIDECAR_WRITER__URL: {origin} is no sidecar.writers.protocol.Scheme: its entry point must name one"
        )
    return scheme


def _check_form(url: str) -> None:
    try:
        urlsplit(url)
    except ValueError:  # what it says can quote the URL
        raise ConfigurationError(
            "SIDECAR_WRITER__URL: the brackets of its host are wrong; write http://[::1]:8080/path"
        ) from None


def _check(name: str, value: Value, options: Options) -> None:
    setting = f"SIDECAR_WRITER__{name.upper()}"
    if name not in options:
        known = ", ".join(f"SIDECAR_WRITER__{other.upper()}" for other in options) or "none"
        raise ConfigurationError(f"{setting}: this writer has no such option{_meant(name, options)}; it has {known}")
    option = options[name]
    if option.choices and value not in option.choices:
        raise ConfigurationError(f"{setting}: must be {' or '.join(option.choices)}{_meant(str(value), option.choices)}")


def _meant(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    nearest = get_close_matches(word, known, n=1)
    return f" (was {nearest[0]} meant?)" if nearest else ""
