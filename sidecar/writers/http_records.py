"""A record as one request (body ``raw``): those of a batch one after the other on one connection.

What came of each is told by name. A record that is refused for itself is rejected, and the next one is sent; at the first that
has to wait (or whose answer is unknown) the writer stops, and asks for that one and all after it to be sent again: so nothing of a
partition overtakes what waits. Refusals count as proven only where another record of the batch was taken: a status can be anyone's, and
that of a proxy that refuses everything is none of the records' fault.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.core.records import Batch, Chunk
from sidecar.core.results import (
    NOTHING_SAID,
    Delivered,
    FailureAction,
    Partial,
    Poison,
    RecordFailure,
    Result,
    Retriable,
    Said,
    Systemic,
)
from sidecar.writers import raw, trace
from sidecar.writers.http_answers import longest, of_record
from sidecar.writers.http_connection import Answer
from sidecar.writers.http_requests import Requests

LONGEST_HEADERS = 64_000
"""What a record's key and headers may take as headers of a request, in bytes: above it servers break the connection and say nothing."""


class RecordWriter:
    """Posts each record by itself."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def connect(self, deadline: float) -> None:
        """Open the connection, and say nothing on it."""
        self._requests.open(deadline)

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        """Post the records of ``batch`` until one has to wait, and return what came of them."""
        sofar = _SoFar()
        records = _records(batch)
        for record in records:
            result = self._write(record, attempt, deadline)
            if isinstance(result, Retriable | Systemic):
                return sofar.stopped(result, [record, *records])
            sofar.note(record, result)
        return sofar.result()

    def close(self) -> None:
        """Close the connection."""
        self._requests.close()

    def _write(self, record: Chunk, attempt: int, deadline: float) -> Delivered | Poison | Retriable | Systemic:
        about = raw.headers_of(record)
        if sum(map(len, about.values())) > LONGEST_HEADERS:
            return Poison(f"its key and headers take more than {LONGEST_HEADERS} bytes as headers: body `raw` cannot carry them")
        content_type, body = raw.body_of(record)
        headers = {"Content-Type": content_type, **about, **_about(record, attempt)}
        alone = Batch.of([record])
        answer = self._requests.post([body], headers, deadline, longest(alone))
        return _of_one(of_record(answer, alone, time.time()) if isinstance(answer, Answer) else answer)


@dataclass(slots=True)
class _SoFar:
    """What came of the records of a batch until now."""

    delivered: int = 0
    rejected: list[RecordFailure] = field(default_factory=list)
    words: set[Said] = field(default_factory=set)

    def note(self, record: Chunk, result: Delivered | Poison) -> None:
        if isinstance(result, Delivered):
            self.delivered += 1
        else:
            self.rejected.append(RecordFailure(record.tp, record.start, FailureAction.REJECT, result.reason))
            self.words.add(result.said)

    def result(self) -> Result:
        if not self.rejected:
            return Delivered()
        return Partial(tuple(self.rejected), said=self._said()) if self.delivered else self._refused()

    def stopped(self, why: Retriable | Systemic, rest: list[Chunk]) -> Result:
        """Return the result when ``rest`` has to wait; where nothing came before, it is the same for the whole batch."""
        if not self.delivered:
            return self._refused() if self.rejected else why
        again = [RecordFailure(record.tp, record.start, FailureAction.RETRY, why.reason) for record in rest]
        wait = why.wait if isinstance(why, Retriable) else None
        return Partial((*self.rejected, *again), wait, self._said())

    def _refused(self) -> Poison:
        return Poison(self.rejected[0].error, tuple(self.rejected), self._said())

    def _said(self) -> Said:
        """Return what was said of the rejected ones, where it was one and the same: the result has room for one."""
        return next(iter(self.words)) if len(self.words) == 1 else NOTHING_SAID


def _records(batch: Batch) -> Iterator[Chunk]:
    for chunk in batch.chunks:
        for index in range(len(chunk)):
            yield chunk.slice(index, index + 1)


def _of_one(result: Result) -> Delivered | Poison | Retriable | Systemic:
    """Return what ``result`` means for the only record of its batch: an answer that names it as failed is one that refuses it."""
    if isinstance(result, Partial):
        (failure,) = result.failures
        if failure.action is FailureAction.REJECT:
            return Poison(failure.error, said=result.said)
        return Retriable(failure.error, result.wait, said=result.said)
    assert isinstance(result, Delivered | Poison | Retriable | Systemic)  # noqa: S101 -- the others mean more than one record
    return result


def _about(record: Chunk, attempt: int) -> Mapping[str, str]:
    """Return the headers that tell one request from another; a record goes in its own trace where it carries one."""
    name = raw.name_of(record)
    return {
        "Idempotency-Key": name,
        "Sidecar-Attempt": str(attempt),
        "Sidecar-Records": "1",
        **(trace.carried(record.headers[0] if record.headers else None) or trace.made(name)),
    }
