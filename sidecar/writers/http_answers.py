"""What an answer of the application means: the HTTP contract's table, in one place. Pure.

==================================== ==========================================================================
answer                               result
==================================== ==========================================================================
2xx                                  Delivered, or Partial where a JSON body lists ``failures``
2xx, body above :func:`longest`      Retriable: what it says cannot be known
2xx, failures that cannot be read    Retriable: a breach of the contract never counts as delivered
207 without a list of failures       Retriable: it says that some failed, and not which
408 425 429, 5xx, 1xx                Retriable, after ``Retry-After`` (an hour at most): it may pass later
400 409 422                          Poison: the records are at fault, one at least
413                                  TooLarge: fewer may pass; of one record Poison, since none are fewer
431                                  Systemic; where the headers are the record's own (:func:`of_record`) Poison
any other: 401 403 404 3xx 415 ...   Systemic: it is not about these records
==================================== ==========================================================================
"""

from __future__ import annotations

import http
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import (
    LONGEST_TEXT,
    Delivered,
    FailureAction,
    Partial,
    Poison,
    RecordFailure,
    Result,
    Retriable,
    Said,
    Systemic,
    TooLarge,
)
from sidecar.writers.http_connection import Answer

TRY_AGAIN = frozenset({408, 425, 429})
TOO_MANY = 429
POISONED = frozenset({400, 409, 422})
TOO_LARGE = 413
HEADERS_TOO_LARGE = 431
MULTI_STATUS = 207

LONGEST_WAIT = 3600.0
"""What a ``Retry-After`` may ask for at most, in seconds."""

ANSWER_BYTES = 64 * 1024
FAILURE_BYTES = 256
"""What an answer may hold, in bytes: so much, and so much again for each record, so that each can be refused by name."""

LONGEST_ERROR = 200
"""How much of an application's error text for a record is kept, in characters."""


class _Failure(msgspec.Struct):
    """An entry of ``failures``."""

    topic: str
    partition: int
    offset: int
    action: str
    error: str = ""


class _Breach(Exception):  # noqa: N818 -- it is the contract that was breached
    """The body of a success is not what the contract says."""


def longest(batch: Batch) -> int:
    """Return how many bytes of an answer to ``batch`` are read."""
    return ANSWER_BYTES + FAILURE_BYTES * batch.records


def result_of(answer: Answer, batch: Batch, wall: float) -> Result:
    """Return what ``answer`` means for ``batch``; ``wall`` is Unix time in seconds, for a ``Retry-After`` that is a date."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 -- that is what 2xx means
        return _of_success(answer, batch, wall)
    if status in TRY_AGAIN or status < 200 or status >= 500:  # noqa: PLR2004 -- classes of statuses
        return Retriable(_reason(status), _wait(answer.retry_after, wall), status == TOO_MANY, said(answer))
    if status in POISONED or (status == TOO_LARGE and batch.records == 1):
        return Poison(_reason(status), said=said(answer))
    if status == TOO_LARGE:
        return TooLarge(_reason(status))
    return Systemic(_reason(status))


def of_record(answer: Answer, record: Batch, wall: float) -> Result:
    """Return what ``answer`` means for one record whose key and headers were headers of the request: as :func:`result_of`, but for 431."""
    if answer.status == HEADERS_TOO_LARGE:
        return Poison(_reason(answer.status), said=said(answer))
    return result_of(answer, record, wall)


def said(answer: Answer) -> Said:
    """Return the answer's own words, for a dead letter: what of it can be printed, on one line."""
    begun = (answer.body or b"")[: 4 * LONGEST_TEXT].decode(errors="replace")[:LONGEST_TEXT]
    return Said(str(answer.status), "".join(character if character.isprintable() else " " for character in begun))


def _reason(status: int) -> str:
    """Return the status for people, in HTTP's own words: those of the server could hold anything."""
    try:
        return f"answered {status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return f"answered {status}"


def _of_success(answer: Answer, batch: Batch, wall: float) -> Result:
    if answer.body is None:
        return Retriable(f"the answer is longer than {longest(batch)} bytes", said=said(answer))
    try:
        failures = _failures(answer, answer.body, batch)
    except _Breach as breach:
        return Retriable(f"the answer is not what the contract says: {breach}", said=said(answer))
    if failures:
        return Partial(failures, _wait(answer.retry_after, wall), said(answer))
    return Delivered()


def _failures(answer: Answer, body: bytes, batch: Batch) -> tuple[RecordFailure, ...]:
    """Read the list of failures; raises _Breach where there is one, or ought to be, or ought to be JSON, and cannot be read."""
    required = answer.status == MULTI_STATUS
    if not required and (not body.strip() or not _ought_to_be_json(answer.content_type, body)):
        return ()
    try:
        document = msgspec.json.decode(body)
        listed = document.get("failures") if isinstance(document, dict) else None
        entries = msgspec.convert(listed or [], list[_Failure])
    except msgspec.ValidationError as error:
        raise _Breach(f"in `failures`: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Breach("its body is not valid JSON") from error
    if required and listed is None:
        raise _Breach("a 207 without `failures`")
    _check_places(entries, batch)
    return tuple(map(_record_failure, entries))


def _ought_to_be_json(content_type: str, body: bytes) -> bool:
    """Tell whether ``body`` may speak of failures: those must not be lost over a missing header, or a cut end."""
    is_json = content_type == "application/json" or content_type.endswith("+json")
    return is_json or body.lstrip().startswith(b"{") or b'"failures"' in body


def _check_places(entries: Sequence[_Failure], batch: Batch) -> None:
    """Raise _Breach for a failure of a record that is not in ``batch``, and for a second one of the same record."""
    if not entries:
        return
    sent: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for chunk in batch.chunks:
        sent[chunk.tp].update(chunk.offsets)
    for entry in entries:
        offsets = sent.get((entry.topic, entry.partition), set())
        if entry.offset not in offsets:
            raise _Breach("`failures` names a record that was not sent, or one record twice")
        offsets.remove(entry.offset)


def _record_failure(entry: _Failure) -> RecordFailure:
    try:
        action = FailureAction(entry.action)
    except ValueError:  # what it says quotes the answer
        raise _Breach("in `failures`: an `action` is neither `retry` nor `reject`") from None
    error = "".join(filter(str.isprintable, entry.error[:LONGEST_ERROR]))
    return RecordFailure(TopicPartition(entry.topic, entry.partition), entry.offset, action, error)


def _wait(retry_after: str | None, wall: float) -> float | None:
    """Return the seconds that a ``Retry-After`` (seconds, or a date) asks for; None where there is none that can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return LONGEST_WAIT if len(text) > len(str(int(LONGEST_WAIT))) else min(float(text), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return min(max(at - wall, 0.0), LONGEST_WAIT)
