"""The headers of a dead letter: the record's own, byte for byte and first, then where it came from and why it is here. Pure.

The names that begin with ``__connect.errors.`` are Kafka Connect's (KIP-298; ``DeadLetterQueueReporter``), so that tools for its dead letters read ours. Those that begin with
:data:`OURS` say what Connect has no name for. Values are UTF-8 text.

=================================== =======================================================================
header                              value
=================================== =======================================================================
__connect.errors.topic              the source topic
__connect.errors.partition          and partition
__connect.errors.offset             and offset
__connect.errors.connector.name     the consumer group
__connect.errors.stage              ``TASK_PUT``, Connect's word for the writer
__connect.errors.exception.class.name  ``poison`` or ``retries_exhausted``
__connect.errors.exception.message  the error, as it was logged
sidecar.dead_letter.reason          ``poison`` or ``retries_exhausted``
sidecar.dead_letter.group           the consumer group
sidecar.dead_letter.attempts        how often it was tried, in batches of any size
sidecar.dead_letter.failed_at       when it first failed, ISO 8601 in UTC
sidecar.dead_letter.timestamp       the source record's timestamp in ms; the letter's own is when it was produced, else retention could delete it at once
sidecar.dead_letter.status          the downstream's own code, where it gave one (an HTTP status, a SQLSTATE)
sidecar.dead_letter.answer          the first 256 bytes of what it said
sidecar.dead_letter.weight          how many records a sampled one stands for, above 1
sidecar.dead_letter.headers         ``unreadable``, where the client could not decode the record's own
=================================== =======================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sidecar.core.actions import DeadLetter
from sidecar.core.records import UNREADABLE, Header

CONNECT = "__connect.errors."
OURS = "sidecar.dead_letter."
ANSWER_BYTES = 256


def headers_of(letter: DeadLetter, group: str) -> list[Header]:
    """Return all headers of ``letter``."""
    chunk = letter.chunk
    own = None if chunk.headers is None else chunk.headers[0]
    added = [*_of_connect(letter, group), *_of_ours(letter, group)]
    return [*(own or ()), *((name, value.encode()) for name, value in added)]


def _of_connect(letter: DeadLetter, group: str) -> Iterator[tuple[str, str]]:
    tp = letter.chunk.tp
    yield CONNECT + "topic", tp.topic
    yield CONNECT + "partition", str(tp.partition)
    yield CONNECT + "offset", str(letter.chunk.start)
    yield CONNECT + "connector.name", group
    yield CONNECT + "stage", "TASK_PUT"
    yield CONNECT + "exception.class.name", letter.reason.value
    yield CONNECT + "exception.message", letter.error


def _of_ours(letter: DeadLetter, group: str) -> Iterator[tuple[str, str]]:
    chunk = letter.chunk
    yield OURS + "reason", letter.reason.value
    yield OURS + "group", group
    yield OURS + "attempts", str(letter.attempts)
    yield OURS + "failed_at", datetime.fromtimestamp(letter.failed_wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
    yield OURS + "timestamp", str(chunk.timestamps[0])
    if letter.said.status:
        yield OURS + "status", letter.said.status
    if letter.said.text:
        yield OURS + "answer", letter.said.text.encode()[:ANSWER_BYTES].decode(errors="ignore")
    if chunk.weight > 1:
        yield OURS + "weight", str(chunk.weight)
    if chunk.headers is not None and chunk.headers[0] is UNREADABLE:
        yield OURS + "headers", "unreadable"
