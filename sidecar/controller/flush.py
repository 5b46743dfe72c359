"""The contract of ``flush``: what it may answer, and what that means to the engine.

============================== ==============================================================================
``flush(items)``               meaning
============================== ==============================================================================
returns None                   every item was taken
returns a FlushResult          ``success`` items were taken; those whose indexes ``failed`` names are flushed again
raises an Exception            none is known to be taken; all are flushed again
anything else                  a mistake in the program: FlushContractError, and nothing is flushed any more
============================== ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from sidecar.controller.errors import FlushContractError
from sidecar.controller.items import LANE, items_of, offsets_of
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, FailureAction, Partial, RecordFailure, Result, Retriable


@dataclass(frozen=True, slots=True)
class FlushResult:
    """What a flush came to: ``success`` items were taken, those at the indexes ``failed`` were not; together they are all.

    ``errors`` says why, for people, in the order of ``failed``; it may be shorter.
    """

    success: int
    failed: Sequence[int] = ()
    errors: Sequence[str] = ()


def attempt(flush: Callable[[list[Any]], object], batch: Batch) -> Result:
    """Call ``flush`` with the items of ``batch``. Raises FlushContractError for an answer that means nothing."""
    try:
        answer = flush(items_of(batch))
    except Exception as error:  # noqa: BLE001 -- whatever it is, the batch was not taken
        return Retriable(f"{type(error).__name__}: {error}")
    if answer is None:
        return Delivered()
    if not isinstance(answer, FlushResult):
        raise FlushContractError(f"flush returned {answer!r}: return a FlushResult, or None when every item was taken")
    _check(answer, batch.records)
    return _result(answer, batch)


def _check(answer: FlushResult, items: int) -> None:
    """Raise FlushContractError unless each of ``items`` items has its place in ``answer`` once."""
    failed = list(answer.failed)
    if any(not 0 <= index < items for index in failed) or len(set(failed)) < len(failed):
        raise FlushContractError(f"flush named {failed!r} as failed: name indexes of its list of {items} items, each once")
    if answer.success + len(failed) != items:
        raise FlushContractError(f"flush had {items} items and reported {answer.success} taken and {len(failed)} failed")


def _result(answer: FlushResult, batch: Batch) -> Result:
    reasons = dict(zip(answer.failed, chain(answer.errors, repeat("no reason given")), strict=False))
    if not reasons:
        return Delivered()
    if len(reasons) == batch.records:
        return Retriable(next(iter(reasons.values())))
    offsets = offsets_of(batch)
    return Partial(tuple(RecordFailure(LANE, offsets[index], FailureAction.RETRY, reason) for index, reason in reasons.items()))
