"""What a redriven record says of its way, and when it may go no more. Pure.

=========================== ===================================================================
header                      value
=========================== ===================================================================
sidecar.redrive.count       how often it was redriven
sidecar.redrive.topic       where it was before it was dead-lettered for the first time: the topic,
sidecar.redrive.partition   the partition
sidecar.redrive.offset      and the offset
sidecar.redrive.timestamp   its timestamp there in ms; the record's own is when it was redriven, else retention could delete it at once
=========================== ===================================================================

They come after the record's own headers. When it is dead-lettered and redriven again, the place stays and the count grows.
"""

from __future__ import annotations

from sidecar.core.records import Header
from sidecar.dlq.letters import Letter

PREFIX = "sidecar.redrive."
COUNT = PREFIX + "count"


def count_of(letter: Letter) -> int:
    """Return how often it was redriven before."""
    found = [text or b"" for name, text in letter.own if name == COUNT]
    return int(found[-1]) if found and found[-1].isdigit() else 0


def refusal(letter: Letter, most: int) -> str | None:
    """Return why ``letter`` is not redriven, for people; None where it may be, up to ``most`` times."""
    if letter.origin is None:
        return "it does not say which topic it came from"
    if (count := count_of(letter)) >= most:
        return f"it was redriven {count} times, and came back each time"
    return None


def headers_of(letter: Letter) -> list[Header]:
    """Return the headers that go with the record."""
    count = count_of(letter)
    own = [header for header in letter.own if header[0] != COUNT]
    return [*own, *([] if count else _place(letter)), (COUNT, b"%d" % (count + 1))]


def _place(letter: Letter) -> list[Header]:
    assert letter.origin is not None, "what does not say where it came from is refused before"  # noqa: S101 -- our own mistake, never a user's
    tp, offset = letter.origin
    values = {"topic": tp.topic, "partition": tp.partition, "offset": offset, "timestamp": letter.original_timestamp}
    return [(PREFIX + name, str(value).encode()) for name, value in values.items()]
