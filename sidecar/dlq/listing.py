"""``dlq list`` and ``dlq show``: what is told of letters. Pure.

Payloads are not shown unless it is asked for: neither value, key and the values of the record's own headers, nor what the downstream said, which may quote them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sidecar.dlq.letters import Letter

MAY_QUOTE = "sidecar.dead_letter.answer"


@dataclass(slots=True)
class Line:
    """How many letters there are of one topic for one reason; the times are those of the oldest and of the newest, in Unix ms."""

    letters: int
    oldest: int
    newest: int


Key = tuple[str, str, str]
"""The dead-letter topic, the topic they came from, the reason."""


def count(lines: dict[Key, Line], letters: Iterable[Letter]) -> None:
    """Add ``letters`` to ``lines``."""
    for letter in letters:
        line = lines.setdefault((letter.tp.topic, letter.source, letter.reason), Line(0, letter.timestamp, letter.timestamp))
        line.letters += 1
        line.oldest = min(line.oldest, letter.timestamp)
        line.newest = max(line.newest, letter.timestamp)


def table(lines: Mapping[Key, Line]) -> str:
    """Return ``lines`` for people."""
    if not lines:
        return "no letters"
    head = ("LETTERS", "DEAD-LETTER TOPIC", "FROM", "REASON", "OLDEST", "NEWEST")
    rows = [head, *((str(line.letters), *key, instant(line.oldest), instant(line.newest)) for key, line in sorted(lines.items()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def document(lines: Mapping[Key, Line]) -> list[dict[str, str | int]]:
    """Return ``lines`` for programs."""
    return [
        {
            "dead_letter_topic": key[0],
            "topic": key[1],
            "reason": key[2],
            "letters": line.letters,
            "oldest": instant(line.oldest),
            "newest": instant(line.newest),
        }
        for key, line in sorted(lines.items())
    ]


def shown(letter: Letter, *, payload: bool) -> Iterator[str]:
    """Yield the lines that tell of one letter."""
    yield f"letter     {letter.place}"
    yield f"written    {instant(letter.timestamp)}"
    yield f"key        {_content(letter.key, payload=payload)}"
    yield f"value      {_content(letter.value, payload=payload)}"
    for name, value in letter.own:
        yield f"header     {name}: {_content(value, payload=payload)}"
    for name, text in letter.added.items():
        yield f"about it   {name}: {text if payload or name != MAY_QUOTE else _content(text.encode(), payload=False)}"


def instant(milliseconds: int) -> str:
    """Return a time for people; a record can have any."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def _content(content: bytes | None, *, payload: bool) -> str:
    if content is None:
        return "null"
    if not payload:
        return f"{len(content)} bytes"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"base64 {base64.b64encode(content).decode()}"
