"""How people write values: ``500ms``, ``64MiB``, ``0.0.0.0:9877``. Each reader returns the number or raises ValueError with the mend.

Durations become seconds, sizes become bytes, moments become Unix milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_BYTES |= {"k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([a-zA-Z]*)")
_WHOLE = re.compile(r"[0-9]{1,15}")
_LONGEST_WAIT = 86_400.0
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 means any free one."""

    host: str
    port: int


def duration(text: str) -> float:
    """Return seconds."""
    number, unit = _split(text)
    if unit not in _SECONDS:
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, like 500ms, 30s, 5m or 1h")
    return float(number) * _SECONDS[unit]


def wait(text: str) -> float:
    """Return the seconds of something that is waited for: at most a day, since the system's own time-outs end at some weeks."""
    seconds = duration(text)
    if seconds > _LONGEST_WAIT:
        raise ValueError(f"{text!r} is too long: write 1d or less")
    return seconds


def size(text: str) -> int:
    """Return bytes."""
    number, unit = _split(text)
    if unit.lower() not in _BYTES or not number:
        raise ValueError(f"{text!r} is not a size: write a number and a unit, like 64MiB, 512KiB or 1GiB")
    return int(float(number) * _BYTES[unit.lower()])


def count(text: str) -> int:
    """Return a whole number."""
    if not _WHOLE.fullmatch(text.strip().removeprefix("+").removeprefix("-")):
        raise ValueError(f"{text!r} is not a whole number, like 1000")
    return int(text)


def rate(text: str) -> int | str:
    """Return N of 1 in N, or ``auto``."""
    return text if text == "auto" else count(text)


def regular_expression(text: str) -> str:
    """Return ``text``, which Python can read as one."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


def switch(text: str) -> bool:
    """Return whether it is on."""
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def ratio(text: str) -> float:
    """Return a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError(f"{text!r} is not a fraction: write a number from 0 to 1, like 0.8")
    return number


def moment(text: str) -> int:
    """Return Unix milliseconds, of digits that are that already or of a time in ISO 8601 with its zone."""
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ValueError(f"{text!r} must be earliest, latest, or a time with its zone, like 2026-01-31T06:00:00Z")
    return int(parsed.timestamp() * 1000)


def address(text: str) -> Address:
    """Return host and port of ``host:port`` or ``[::]:port``."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not _WHOLE.fullmatch(port) or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is not an address: write host:port, like 0.0.0.0:9877 or [::]:9877")
    return Address(host, int(port))


def as_duration(seconds: float) -> str:
    """Return seconds as people write them."""
    return f"{seconds:g}s"


def as_size(number: int) -> str:
    """Return bytes as people write them: the largest unit that is exact, else MiB or KiB with a digit after the point."""
    for unit in ("GiB", "MiB", "KiB"):
        if number and number % _BYTES[unit.lower()] == 0:
            return f"{number // _BYTES[unit.lower()]}{unit}"
    if abs(number) > _BYTES["mib"]:
        return f"{number / _BYTES['mib']:.1f}MiB"
    return f"{number / _BYTES['kib']:.1f}KiB" if abs(number) > _BYTES["kib"] else str(number)


def _split(text: str) -> tuple[str, str]:
    """Return the number and the unit; both empty where ``text`` is neither."""
    found = _NUMBER_AND_UNIT.fullmatch(text.strip())
    return (found[1], found[2]) if found else ("", "?")


def other_topic(text: str) -> str:
    """Return the name of a topic, or a template of it; raises ValueError for one that Kafka would not take."""
    if not re.fullmatch(r"([a-zA-Z0-9._-]|\{topic\}){1,249}", text) or text in (".", "..", "{topic}"):
        raise ValueError(
            f"{text!r} names no other topic: letters, digits, dot, underscore and hyphen, and {{topic}} for the record's own, like {{topic}}.dead"
        )
    return text
