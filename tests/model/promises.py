"""What is promised: each promise with the states that keep it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.model.states import Phase, Process, Stage, State
from tests.model.steps import Model


@dataclass(frozen=True)
class Promise:
    """``says`` tells people; ``holds`` whether a state keeps it."""

    says: str
    holds: Callable[[State, Model], bool]


def holds_once(state: State, model: Model) -> bool:
    """Without stored offsets a record may come again."""
    return not model.protocol.keeps_offsets or max(state.table.rows) <= 1


def commit_passes_none(state: State, _model: Model) -> bool:
    return state.kafka.committed <= _first_without_outcome(state)


def stored_passes_none(state: State, _model: Model) -> bool:
    return state.table.stored is None or state.table.stored <= _first_without_outcome(state)


def fences_only_others(state: State, _model: Model) -> bool:
    return not any(_is_fenced_by_itself(process, state) for process in state.processes)


ONCE = Promise("no record is in the table twice", holds_once)
COMMIT_PASSES_NONE = Promise("what is committed to Kafka passes no record without an outcome", commit_passes_none)
STORED_PASSES_NONE = Promise("the stored offset passes no record without an outcome", stored_passes_none)
ONLY_OTHERS = Promise("no process is fenced by a flush of its own whose answer is on its way", fences_only_others)
PROMISES = (ONCE, COMMIT_PASSES_NONE, STORED_PASSES_NONE, ONLY_OTHERS)
"""Those that each state keeps."""


def is_complete(state: State, model: Model) -> bool:
    """Tell whether all is done: each record has its outcome, Kafka knows it, nothing is out, and the owner waits for more."""
    owner = state.kafka.owner
    return (
        owner is not None
        and state.kafka.committed == _first_without_outcome(state) == model.records
        and state.processes[owner].phase is Phase.PLACED
        and all(process.batch is process.stale is process.orphan is None for process in state.processes)
    )


ENDS = Promise("once nothing fails any more, all is done in the end", is_complete)
"""That one holds in a state from which a complete one can be reached without a fault."""


def _first_without_outcome(state: State) -> int:
    """Return the first offset that is neither in the table nor among the dead letters."""
    for offset, count in enumerate(state.table.rows):
        if not count and offset not in state.dead:
            return offset
    return len(state.table.rows)


def _is_fenced_by_itself(process: Process, state: State) -> bool:
    batch, stale = process.batch, process.stale
    if batch is None or stale is None:
        return False
    return batch.stage is Stage.FENCED and stale.stage is Stage.TAKEN and stale.end == state.table.stored
