"""The steps of the model: :data:`STEPS` has all that can happen, each once, to each of the two processes.

A step is given the state, the process that it is about and the model; it yields each state that may follow, none where it cannot happen. Those of the kind
FAULT need not happen: without them everything comes to its end.

The database is PostgreSQL as READ COMMITTED has it: what a transaction writes is there from its COMMIT on; who writes the row of an offset waits for the
end of another transaction that has written it, and then sees what that one left.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.model.protocols import Commits, Expects, Letters, Lost, Offset, Old, OldResult, Protocol, Rejected, Start
from tests.model.states import Batch, Phase, Process, Stage, State

BATCH = 2
"""The most records of one batch."""


Moves = Callable[[State, int, "Model"], Iterator[State]]


@dataclass(frozen=True)
class Model:
    """A protocol in a world of ``records`` records, of which the downstream will never take ``poison``; ``spared`` are steps that never happen."""

    protocol: Protocol
    records: int = 3
    poison: frozenset[int] = frozenset({1})
    spared: frozenset[Moves] = frozenset()

    def has_poison(self, batch: Batch) -> bool:
        """Tell whether the downstream will never take ``batch``."""
        return any(batch.start <= offset < batch.end for offset in self.poison)


class Kind(enum.Enum):
    """Who makes a step."""

    PROCESS = "the process"
    KAFKA = "Kafka"
    DOWNSTREAM = "the downstream"
    FAULT = "chance"


@dataclass(frozen=True, eq=False)
class Step:
    """One kind of step; ``text`` tells what happened: of ``me``, of that process ``before`` and ``after``, and of the ``state`` after."""

    kind: Kind
    moves: Moves
    text: str

    def tell(self, before: State, after: State, me: int) -> str:
        """Say in a sentence what happened to ``me`` between two states."""
        return self.text.format(me="AB"[me], before=before.processes[me], after=after.processes[me], state=after)


# What the process does.


def locate(state: State, me: int, model: Model) -> Iterator[State]:
    process, protocol = state.processes[me], model.protocol
    if process.phase is Phase.UNPLACED and not _waits_for_old(process, protocol):
        stored = state.table.stored
        begin = process.position if stored is None or protocol.start is Start.KAFKA else stored
        yield state.having(me, process._replace(phase=Phase.PLACED, position=begin, stored=stored))


def poll(state: State, me: int, model: Model) -> Iterator[State]:
    """Poll a batch. What is polled ahead of it would only be given back in the end, so it is left out."""
    process, protocol = state.processes[me], model.protocol
    if process.phase is Phase.PLACED and process.batch is None and not _waits_for_old(process, protocol):
        for end in range(process.position + 1, min(process.position + BATCH, model.records) + 1):
            expected = process.position if protocol.expects is Expects.FIRST and process.stored is not None else process.stored
            yield state.having(me, process._replace(position=end, batch=Batch(process.position, end, expected)))


def begin_flush(state: State, me: int, model: Model) -> Iterator[State]:
    process, protocol = state.processes[me], model.protocol
    batch = process.batch
    waits = process.letters and protocol.letters is Letters.ALL_WAIT
    if process.phase is Phase.PLACED and batch is not None and batch.stage is Stage.POLLED and not waits:
        begun = Stage.BEGUN if protocol.keeps_offsets else Stage.SENT
        yield state.having(me, process._replace(batch=batch._replace(stage=begun)))


def move_offset(state: State, me: int, model: Model) -> Iterator[State]:
    """Write the offset, as soon as no other transaction has locked its row.

    Where the end of the batch is found, the batch is there: an answer was lost, or another owner has written the same.
    """
    if any(process.locks() for process in state.processes):
        return
    stored = state.table.stored
    for old, batch in _flights(state, me, Stage.BEGUN):
        if model.protocol.offset is not Offset.COMPARE_AND_SET or stored == batch.expected:
            yield _at(state, me, Stage.MOVED, old=old)
        elif stored == batch.end:
            yield _at(state, me, Stage.TAKEN, old=old)
        else:
            yield _ended(state, me) if old else _at(state, me, Stage.FENCED)


def send_commit(state: State, me: int, model: Model) -> Iterator[State]:
    for old, batch in _flights(state, me, Stage.MOVED):
        if not model.has_poison(batch):
            yield _at(state, me, Stage.SENT, old=old)


def land(state: State, me: int, _model: Model) -> Iterator[State]:
    process = state.processes[me]
    if process.batch is not None and process.batch.stage is Stage.TAKEN:
        stored = process.batch.end if process.phase is Phase.PLACED else None
        yield state.having(me, process._replace(batch=None, stored=stored))


def land_old(state: State, me: int, model: Model) -> Iterator[State]:
    process = state.processes[me]
    if process.stale is not None and process.stale.stage is Stage.TAKEN:
        believes = model.protocol.old_result is OldResult.BELIEVED and process.phase is Phase.PLACED
        yield state.having(me, process._replace(stale=None, stored=process.stale.end if believes else process.stored))


def land_fenced(state: State, me: int, model: Model) -> Iterator[State]:
    """Give the records back, and look again where to begin."""
    process = state.processes[me]
    if process.batch is not None and process.batch.stage is Stage.FENCED:
        begin = _committable(process, model.protocol)
        phase = Phase.UNPLACED if process.phase is Phase.PLACED else process.phase
        again = process._replace(phase=phase, position=begin, stored=None, letters=frozenset(), batch=None)
        yield state.having(me, again)


def hear_of_letter(state: State, me: int, _model: Model) -> Iterator[State]:
    process = state.processes[me]
    for offset in process.letters & state.dead:
        yield state.having(me, process._replace(letters=process.letters - {offset}))


def commit(state: State, me: int, model: Model) -> Iterator[State]:
    """Commit to Kafka asynchronously. Who is no longer the owner is refused, and nothing happens."""
    kafka, process = state.kafka, state.processes[me]
    if kafka.owner == me and process.phase is Phase.PLACED and kafka.offered is None:
        offset = _committable(process, model.protocol)
        if offset > kafka.committed:
            yield state._replace(kafka=kafka._replace(offered=offset))


def give_back(state: State, me: int, model: Model) -> Iterator[State]:
    """Commit synchronously and let go of the partition, when what was out has landed, or the deadline for that has come."""
    kafka, process = state.kafka, state.processes[me]
    if kafka.owner == me and process.phase is Phase.REVOKING and _can_leave(process):
        committed = max(kafka.committed, _committable(process, model.protocol))
        yield state.having(me, _left(process))._replace(kafka=kafka._replace(owner=None, committed=committed, offered=None))


def notice_loss(state: State, me: int, _model: Model) -> Iterator[State]:
    process = state.processes[me]
    if state.kafka.owner != me and process.phase is not Phase.IDLE and _can_leave(process):
        yield state.having(me, _left(process))


# What Kafka does.


def assign(state: State, me: int, model: Model) -> Iterator[State]:
    kafka, process = state.kafka, state.processes[me]
    if kafka.owner is None and process.phase is Phase.IDLE:
        phase = Phase.UNPLACED if model.protocol.keeps_offsets else Phase.PLACED
        yield state.having(me, process._replace(phase=phase, position=kafka.committed))._replace(kafka=kafka._replace(owner=me))


def take_commit(state: State, me: int, _model: Model) -> Iterator[State]:
    kafka = state.kafka
    if kafka.owner == me and kafka.offered is not None:
        yield state._replace(kafka=kafka._replace(committed=kafka.offered, offered=None))


def take_letter(state: State, me: int, _model: Model) -> Iterator[State]:
    for offset in state.processes[me].letters - state.dead:
        yield state._replace(dead=state.dead | {offset})


def revoke(state: State, me: int, _model: Model) -> Iterator[State]:
    kafka, process = state.kafka, state.processes[me]
    if kafka.owner == me and process.phase is Phase.PLACED:
        yield state.having(me, process._replace(phase=Phase.REVOKING, stored=None))
    elif kafka.owner == me and process.phase is Phase.UNPLACED:
        yield state.having(me, _left(process))._replace(kafka=kafka._replace(owner=None, offered=None))


def end_session(state: State, me: int, _model: Model) -> Iterator[State]:
    """End the session of a process that crashed; the one that was started in its place is a new member."""
    if state.kafka.owner == me and state.processes[me].phase is Phase.IDLE:
        yield state._replace(kafka=state.kafka._replace(owner=None, offered=None))


# What the downstream does.


def take(state: State, me: int, model: Model) -> Iterator[State]:
    """Carry out a COMMIT, or take what a downstream without stored offsets was sent."""
    for old, batch in _flights(state, me, Stage.SENT):
        if not model.has_poison(batch):
            yield _at(_written(state, batch, model), me, Stage.TAKEN, old=old)


def take_orphan(state: State, me: int, model: Model) -> Iterator[State]:
    process = state.processes[me]
    if process.orphan is not None:
        yield _written(state, process.orphan, model).having(me, process._replace(orphan=None))


def roll_back_orphan(state: State, me: int, _model: Model) -> Iterator[State]:
    process = state.processes[me]
    if process.orphan is not None:
        yield state.having(me, process._replace(orphan=None))


def reject(state: State, me: int, model: Model) -> Iterator[State]:
    """Refuse a batch for a record that will never be taken; the process tries it in smaller ones, until it knows which."""
    process = state.processes[me]
    for old, batch in _flights(state, me, Stage.MOVED if model.protocol.keeps_offsets else Stage.SENT):
        if not model.has_poison(batch):
            continue
        if not old and model.protocol.rejected is Rejected.SKIPPED:
            yield state.having(me, process._replace(batch=None))
        elif not old and batch.end == batch.start + 1:
            yield state.having(me, process._replace(batch=None, letters=process.letters | {batch.start}))
        else:
            yield _ended(state, me, old=old)


# What chance does.


def fail(state: State, me: int, _model: Model) -> Iterator[State]:
    """Fail a flush in a way that leaves no doubt: nothing was taken."""
    for stage in (Stage.BEGUN, Stage.MOVED, Stage.SENT):
        for old, _ in _flights(state, me, stage):
            yield _ended(state, me, old=old)


def lose_answer(state: State, me: int, model: Model) -> Iterator[State]:
    """Cut the connection: what was sent may have been carried out, or will be (a database has a COMMIT still), or never. The same batch is tried again."""
    for old, _ in _flights(state, me, Stage.TAKEN):
        yield _unanswered(state, me, model, old=old)
    if model.protocol.keeps_offsets:
        for old, batch in _flights(state, me, Stage.SENT):
            orphaned = state.processes[me]._replace(orphan=_orphan(batch))
            yield _unanswered(state.having(me, orphaned), me, model, old=old)


def refuse_commit(state: State, me: int, _model: Model) -> Iterator[State]:
    if state.kafka.owner == me and state.kafka.offered is not None:
        yield state._replace(kafka=state.kafka._replace(offered=None))


def give_back_uncommitted(state: State, me: int, _model: Model) -> Iterator[State]:
    kafka, process = state.kafka, state.processes[me]
    if kafka.owner == me and process.phase is Phase.REVOKING and _can_leave(process):
        yield state.having(me, _left(process))._replace(kafka=kafka._replace(owner=None, offered=None))


def expire(state: State, me: int, _model: Model) -> Iterator[State]:
    """End the session of a process that lives on and knows nothing of it."""
    if state.kafka.owner == me and state.processes[me].phase is not Phase.IDLE:
        yield state._replace(kafka=state.kafka._replace(owner=None, offered=None))


def crash(state: State, me: int, model: Model) -> Iterator[State]:
    """End a process, and start it again; the database still has a COMMIT that was sent."""
    process = state.processes[me]
    orphan = process.orphan
    if model.protocol.keeps_offsets:
        for _, batch in _flights(state, me, Stage.SENT):
            orphan = _orphan(batch)
    crashed = Process(orphan=orphan)
    if crashed != process:
        yield state.having(me, crashed)


STEPS = (
    Step(Kind.KAFKA, assign, "Kafka assigns the partition to {me}; its committed offset is {state.kafka.committed}"),
    Step(Kind.PROCESS, locate, "{me} reads the stored offset and begins at {after.position}"),
    Step(Kind.PROCESS, poll, "{me} polls from {after.batch.start} up to {after.batch.end}"),
    Step(Kind.PROCESS, begin_flush, "{me} begins to flush"),
    Step(Kind.PROCESS, move_offset, "{me} tries to write the offset"),
    Step(Kind.PROCESS, send_commit, "{me} writes the rows and sends COMMIT"),
    Step(Kind.DOWNSTREAM, take, "the downstream takes what {me} sent"),
    Step(Kind.PROCESS, land, "{me} hears that it was taken"),
    Step(Kind.PROCESS, land_old, "{me} hears that an older flush was taken"),
    Step(Kind.PROCESS, land_fenced, "{me} is fenced"),
    Step(Kind.FAULT, fail, "the flush of {me} fails"),
    Step(Kind.FAULT, lose_answer, "the answer to {me} is lost"),
    Step(Kind.DOWNSTREAM, take_orphan, "the database carries out a COMMIT of {me} for which nobody waits"),
    Step(Kind.DOWNSTREAM, roll_back_orphan, "the database rolls back a transaction of {me} for which nobody waits"),
    Step(Kind.DOWNSTREAM, reject, "the downstream rejects what {me} sent"),
    Step(Kind.KAFKA, take_letter, "Kafka takes the dead letter of {me}"),
    Step(Kind.PROCESS, hear_of_letter, "{me} hears that its dead letter is there"),
    Step(Kind.PROCESS, commit, "{me} sends a commit of {state.kafka.offered}"),
    Step(Kind.KAFKA, take_commit, "Kafka takes the commit of {me}"),
    Step(Kind.FAULT, refuse_commit, "Kafka refuses the commit of {me}"),
    Step(Kind.KAFKA, revoke, "Kafka wants the partition back from {me}"),
    Step(Kind.PROCESS, give_back, "{me} commits, and gives the partition back"),
    Step(Kind.FAULT, give_back_uncommitted, "{me} gives the partition back; its commit fails"),
    Step(Kind.FAULT, expire, "{me} is stopped for longer than its session, and Kafka takes the partition away"),
    Step(Kind.PROCESS, notice_loss, "{me} wakes up, and notices that the partition is gone"),
    Step(Kind.FAULT, crash, "{me} crashes, and is started again"),
    Step(Kind.KAFKA, end_session, "Kafka ends the session that {me} had before"),
)


def _flights(state: State, me: int, stage: Stage) -> Iterator[tuple[bool, Batch]]:
    """Give the batches of a process that are at a stage, and of each whether it is of an older epoch."""
    process = state.processes[me]
    if process.batch is not None and process.batch.stage is stage:
        yield False, process.batch
    if process.stale is not None and process.stale.stage is stage:
        yield True, process.stale


def _waits_for_old(process: Process, protocol: Protocol) -> bool:
    return process.stale is not None and protocol.old is Old.AWAITED


def _committable(process: Process, protocol: Protocol) -> int:
    """Return the offset up to which everything has an outcome, as the protocol understands it."""
    if protocol.commits is Commits.AFTER_POLL:
        return process.position
    first = process.position if process.batch is None else process.batch.start
    return first if protocol.letters is Letters.NOBODY_WAITS else min((first, *process.letters))


def _written(state: State, batch: Batch, model: Model) -> State:
    """Write a batch. Two of a record are as bad as three; where repeats are allowed they are not counted."""
    protocol, table = model.protocol, state.table
    most = 2 if protocol.keeps_offsets else 1
    rows = tuple(min(most, count + (batch.start <= offset < batch.end)) for offset, count in enumerate(table.rows))
    stored = max(table.stored or 0, batch.end) if protocol.offset is Offset.GREATEST else batch.end
    return state._replace(table=table._replace(rows=rows, stored=stored if protocol.keeps_offsets else None))


def _at(state: State, me: int, stage: Stage, *, old: bool = False) -> State:
    process = state.processes[me]
    if old and process.stale is not None:
        return state.having(me, process._replace(stale=process.stale._replace(stage=stage)))
    return state.having(me, process._replace(batch=process.batch and process.batch._replace(stage=stage)))


def _ended(state: State, me: int, *, old: bool = True) -> State:
    """End a flush of which nothing was taken: its records are polled again, unless they are of an older epoch."""
    process = state.processes[me]
    if old or process.batch is None:
        return state.having(me, process._replace(stale=None))
    return state.having(me, process._replace(batch=None, position=process.batch.start))


def _unanswered(state: State, me: int, model: Model, *, old: bool) -> State:
    if old:
        return _ended(state, me)
    return _at(state, me, Stage.TAKEN if model.protocol.lost is Lost.DELIVERED else Stage.POLLED)


def _orphan(batch: Batch) -> Batch:
    return Batch(batch.start, batch.end, None, Stage.SENT)


def _can_leave(process: Process) -> bool:
    """Tell whether there is a place for what is out. One old flush is enough to show what a second could do."""
    return process.stale is None or _out(process.batch) is None


def _left(process: Process) -> Process:
    """Return the process without the partition; a flush that is out is of an older epoch from now on."""
    return Process(stale=_out(process.batch) or process.stale, orphan=process.orphan)


def _out(batch: Batch | None) -> Batch | None:
    """Return a batch that a flusher holds; its result of any other stage is known, or there is none."""
    return batch if batch is not None and Stage.BEGUN <= batch.stage <= Stage.TAKEN else None
