"""Which writer a URL means, and what can be set for it: the only module that knows all writers.

``SIDECAR_WRITER__URL`` picks the writer by its scheme, ``SIDECAR_WRITER__<OPTION>`` sets its options.
Errors name the setting and the mend, and never quote the URL: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from sidecar.core.errors import ConfigurationError
from sidecar.writers import discard, file, http, stdout
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import WriterKind

__all__ = ["SCHEMES", "Option", "Options", "Value", "kind", "options_of"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a writer's module offers: how its URLs look, its options, and how to make its kind."""

    example: str
    options: Options
    kind: Callable[[str, Mapping[str, Value]], WriterKind]


SCHEMES: Mapping[str, _Entry] = {
    "http": _Entry("http://host:port/path", http.OPTIONS, http.kind),
    "https": _Entry("https://host/path", http.OPTIONS, http.kind),
    "http+unix": _Entry("http+unix://%2Frun%2Fapp.sock/path", http.OPTIONS, http.kind),
    "file": _Entry("file:///path/name.ndjson", file.OPTIONS, file.kind),
    "stdout": _Entry("stdout:", stdout.OPTIONS, stdout.kind),
    "discard": _Entry("discard:", discard.OPTIONS, discard.kind),
}
"""The writers of this version, by URL scheme."""

_LATER = frozenset({"postgresql", "sqlite", "kafka", "python"})


def options_of(url: str) -> Options:
    """Return the options that the writer of ``url`` has; raises ConfigurationError when there is no such writer."""
    return _entry(url).options


def kind(url: str, options: Mapping[str, Value]) -> WriterKind:
    """Return the writer for ``url``, with ``options`` (by name, in the units of :class:`Option`) in place of its defaults.

    Raises ConfigurationError for a URL or an option that cannot work.
    """
    entry = _entry(url)
    _check_form(url)
    for name, value in options.items():
        _check(name, value, entry.options)
    return entry.kind(url, {name: option.default for name, option in entry.options.items()} | dict(options))


def _entry(url: str) -> _Entry:
    scheme, colon, _ = url.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme in SCHEMES:
        return SCHEMES[scheme]
    supported = "supported are " + ", ".join(entry.example for entry in SCHEMES.values())
    if scheme in _LATER:
        raise ConfigurationError(f"SIDECAR_WRITER__URL: {scheme} is not supported by this version; {supported}")
    raise ConfigurationError(f"SIDECAR_WRITER__URL: it names no known writer{_meant(scheme, SCHEMES)}; {supported}")


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
    if value in option.later:
        raise ConfigurationError(f"{setting}: {value} is not supported by this version; use {' or '.join(option.choices)}")
    if option.choices and value not in option.choices:
        raise ConfigurationError(f"{setting}: must be {' or '.join(option.choices)}{_meant(str(value), option.choices)}")


def _meant(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    nearest = get_close_matches(word, known, n=1)
    return f" (was {nearest[0]} meant?)" if nearest else ""
