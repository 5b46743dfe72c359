"""The engine under random interleavings of every event, with every invariant checked after each (:mod:`tests.simulation.audit`).

The machine plays client, broker and writer at once and knows nothing of the engine's parts. Unlike in the simulation, nothing here
need make sense: results come in any order and of any kind, time jumps, partitions come and go at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.core.actions import Commit, DeadLetter, Divert, Finish, Locate, Pause, Resume, StartFlush
from sidecar.core.config import DeadLetterRules, EngineConfig, FlushLimits, OnPoison, Ordering, Policy, RetryLimits, Strategy
from sidecar.core.engine import Engine
from sidecar.core.events import (
    Advanced,
    Assigned,
    CommitFinished,
    DeadLetterFinished,
    DivertFinished,
    DrainRequested,
    Event,
    FlushFinished,
    HoldAsked,
    HoldLifted,
    Located,
    Lost,
    Moved,
    PartitionFailed,
    Polled,
    RevokeBegun,
    Revoked,
    Tick,
)
from sidecar.core.hold_reasons import ASKED, HoldReason
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, FailureAction, Partial, Poison, RecordFailure, Result, Retriable, Systemic, TooLarge
from tests.simulation.audit import Audit
from tests.simulation.broker import SAMPLE_RATE, Log
from tests.simulation.table import Table

ORDERS = [TopicPartition("orders", number) for number in range(2)]
CLICKS = [TopicPartition("clicks", number) for number in range(2)]
VIEWS = [TopicPartition("views", 0)]
ALL = ORDERS + CLICKS + VIEWS
TPS = st.sampled_from(ALL)
POLICIES = st.builds(
    Policy,
    st.sampled_from(Strategy),
    st.sampled_from([SAMPLE_RATE, None]),
    st.sampled_from([None, 0.5]),
    max_age=st.sampled_from([None, 1.0]),
    max_wait=st.sampled_from([None, 0.2]),
    priority=st.integers(-2, 1),
    weight=st.sampled_from([None, 0.5, 3.0]),
    overflow_topic=st.sampled_from([None, "overflow", "other-overflow"]),
)
SOME = st.lists(TPS, min_size=1, unique=True)
RARELY = st.integers(0, 7).map(lambda number: (number + 4) % 8)
"""0 now and then, for what ends so much that little happens after it; Hypothesis likes its first and last values."""
SIZES = st.lists(st.sampled_from([0, 100, 100, 1_000, 8_000]), min_size=1, max_size=30)

WHOLE: list[Callable[[], Result]] = [
    Delivered,
    lambda: Retriable("503"),
    lambda: Retriable("429", 1.0),
    lambda: Poison("422"),
    lambda: TooLarge("413"),
    lambda: Systemic("refused"),
]


@st.composite
def partials(draw: st.DrawFn, batch: Batch) -> Partial:
    places = [(each.tp, offset) for each in batch.chunks for offset in each.offsets]
    failed = draw(st.lists(st.sampled_from(places), min_size=1, max_size=4, unique=True))
    actions = [draw(st.sampled_from(FailureAction)) for _ in failed]
    failures = tuple(RecordFailure(*place, action, "no") for place, action in zip(failed, actions, strict=True))
    return Partial(failures, draw(st.sampled_from([None, 0.5])))


def places(batch: Batch) -> set[TopicPartition]:
    return {each.tp for each in batch.chunks}


def possible(policy: Policy, stored_offsets: bool) -> Policy:  # noqa: FBT001 -- the dial of the configuration
    """Return ``policy`` without an overflow topic where it cannot have one."""
    return replace(policy, overflow_topic=None) if stored_offsets or policy.strategy is Strategy.SAMPLE else policy


class EngineMachine(RuleBasedStateMachine):
    @initialize(
        clicks=POLICIES,
        views=POLICIES,
        max_messages=st.integers(1, 60),
        max_bytes=st.sampled_from([3_000, 20_000]),
        on_poison=st.sampled_from(OnPoison),
        pause_after=st.sampled_from([0.0, 1.0]),
        stored_offsets=st.booleans(),
        commits_with_records=st.booleans(),
        ordering=st.sampled_from(Ordering),
        dead_letters=st.sampled_from([None, DeadLetterRules(burst=2, earned_by=5), DeadLetterRules(burst=100, max_share=1.0)]),
        seed=st.integers(0, 99),
    )
    def begin(  # noqa: PLR0913 -- each is one dial of the configuration
        self,
        *,
        clicks: Policy,
        views: Policy,
        max_messages: int,
        max_bytes: int,
        on_poison: OnPoison,
        pause_after: float,
        stored_offsets: bool,
        commits_with_records: bool,
        ordering: Ordering,
        dead_letters: DeadLetterRules | None,
        seed: int,
    ) -> None:
        if stored_offsets:
            ordering = Ordering.PARTITION
        policies = {"orders": Policy(), "clicks": possible(clicks, stored_offsets), "views": possible(views, stored_offsets)}
        self.random = Random(seed)
        self.engine = Engine(
            EngineConfig(
                max_messages=max_messages,
                max_bytes=max_bytes,
                policy=policies.__getitem__,
                flush=FlushLimits(first_batch=8, max_batch=16, max_batch_bytes=5_000, max_in_flight=3, first_in_flight=2),
                ordering=ordering,
                on_poison=on_poison,
                pause_after=pause_after,
                stored_offsets=stored_offsets,
                commits_with_records=stored_offsets and commits_with_records,
                dead_letters=dead_letters,
                retry=RetryLimits(max_attempts=None if dead_letters is None else 3),
            ),
            Random(seed),
        )
        self.commits_with_records = stored_offsets and commits_with_records
        self.now = 0.0
        self.logs = {tp: Log(tp) for tp in ALL}
        lossless = [topic for topic, policy in policies.items() if topic == "orders" or policy.overflow_topic is not None]
        self.audit = Audit(self.engine, self.logs, lossless if on_poison is OnPoison.STOP or dead_letters else [], ordering)
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.running: dict[int, StartFlush] = {}
        self.commits: list[Commit] = []
        self.table = Table() if stored_offsets else None
        self.questions: list[Locate] = []
        self.letters: dict[int, DeadLetter] = {}
        self.diverts: dict[int, Divert] = {}
        self.leaving: set[TopicPartition] = set()
        self.assign(ALL, known=True)

    def tell(self, event: Event) -> None:
        actions = self.engine.handle(event, self.now)
        self.audit.check(event, actions, self.now)
        for action in actions:
            match action:
                case StartFlush():
                    self.running[action.flight] = action
                    assert not (self.commits_with_records and self.committing() & places(action.batch)), "a flush beside a commit"
                case Pause():
                    assert not self.paused & set(action.partitions), "paused twice"
                    assert set(action.partitions) <= set(self.positions), "a pause of what is not ours"
                    self.paused.update(action.partitions)
                case Resume():
                    assert set(action.positions) <= self.paused, "a resume of what is not paused"
                    self.paused.difference_update(action.positions)
                    self.positions.update({tp: at for tp, at in action.positions.items() if at is not None})
                case Commit():
                    self.commits.append(action)
                    flushing = {tp for start in self.running.values() for tp in places(start.batch)}
                    assert not (self.commits_with_records and flushing & set(action.offsets)), "a commit beside a flush"
                case Locate():
                    self.questions.append(action)
                case DeadLetter():
                    assert action.number not in self.letters, "a letter is sent twice at once"
                    self.letters[action.number] = action
                case Divert():
                    self.diverts[action.number] = action
                case Finish():
                    self.running.clear()

    def committing(self) -> set[TopicPartition]:
        """Return what is being committed in its present epoch."""
        offers = [offer for commit in self.commits for offer in commit.offsets.items()]
        return {tp for tp, offer in offers if offer.epoch == self.engine.epoch(tp)}

    def commit_now(self, tps: list[TopicPartition]) -> None:
        flushing = {tp for start in self.running.values() for tp in places(start.batch)}
        for tp, offer in self.engine.offsets_to_commit(tps).items():
            assert not (self.commits_with_records and tp in flushing), "a last commit beside a flush"
            self.audit.committed(tp, offer)
            self.logs[tp].committed = offer.offset

    @rule(known=st.booleans())
    def assign_what_is_not_ours(self, *, known: bool) -> None:
        self.assign([tp for tp in self.logs if tp not in self.positions], known=known)

    @rule(tps=SOME, known=st.booleans(), chance=RARELY)
    def assign_again(self, tps: list[TopicPartition], chance: int, *, known: bool) -> None:
        """Assign what nobody took away before."""
        if not chance:
            self.assign(tps, known=known)

    def assign(self, tps: list[TopicPartition], *, known: bool) -> None:
        starts = {tp: self.logs[tp].committed for tp in tps}
        self.paused.difference_update(tps)
        self.leaving.difference_update(tps)
        self.positions.update(starts)
        self.tell(Assigned({tp: start if known or start else None for tp, start in starts.items()}))

    @rule(tps=SOME, sizes=SIZES, gaps=st.booleans())
    def produce_and_poll(self, tps: list[TopicPartition], sizes: list[int], *, gaps: bool) -> None:
        for tp in tps:
            self.logs[tp].append(sizes, self.random, gaps=gaps)
        self.poll(40, advance=gaps)

    @rule(limit=st.integers(1, 40), advance=st.booleans())
    def poll(self, limit: int, *, advance: bool) -> None:
        chunks = []
        for tp in self.positions.keys() - self.paused:
            polled = self.logs[tp].fetch(self.positions[tp], limit, self.engine.epoch(tp) or 0, self.now)
            if polled is not None:
                self.positions[tp] = polled.end
                chunks.append(polled)
        if chunks:
            self.tell(Polled(sorted(chunks, key=lambda each: each.tp)))
        if advance:
            self.advance()

    @rule(tp=TPS, back=st.integers(1, 20))
    def poll_what_was_polled_before(self, tp: TopicPartition, back: int) -> None:
        """Deliver from the client's old queue after a seek, or records of a partition that is gone."""
        polled = self.logs[tp].fetch(max(0, self.positions.get(tp, 0) - back), back, self.engine.epoch(tp) or 0, self.now)
        if polled is not None and polled.end <= self.positions.get(tp, polled.end):
            self.tell(Polled([polled]))

    @rule()
    def advance(self) -> None:
        self.tell(Advanced(dict(self.positions)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), seconds=st.sampled_from([0.001, 0.1, 3.0]))
    def finish_a_flush(self, data: st.DataObject, seconds: float) -> None:
        flight = data.draw(st.sampled_from(sorted(self.running)))
        batch = self.running.pop(flight).batch
        whole = st.sampled_from(WHOLE).map(lambda make: make())
        result = data.draw(whole if self.table else whole | partials(batch))
        self.tell(FlushFinished(flight, self.written(batch) if isinstance(result, Delivered) else result, seconds))

    def written(self, batch: Batch) -> Result:
        return Delivered() if self.table is None else self.table.write(batch)

    def deliver_everything(self) -> None:
        while self.running or self.questions or self.letters or self.diverts:
            while self.diverts:
                self.tell(DivertFinished(self.diverts.popitem()[0], None))
            while self.letters:
                self.tell(DeadLetterFinished(self.letters.popitem()[0], None))
            if self.questions:
                self.answer_where_partitions_begin()
            if self.running:
                flight, start = self.running.popitem()
                self.tell(FlushFinished(flight, self.written(start.batch), 0.01))

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), error=st.sampled_from([None, None, "unknown topic"]))
    def answer_a_dead_letter(self, data: st.DataObject, error: str | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.letters)))
        del self.letters[number]
        self.tell(DeadLetterFinished(number, error))

    @precondition(lambda self: self.diverts)
    @rule(data=st.data(), error=st.sampled_from([None, None, "unknown topic"]))
    def answer_for_an_overflow_topic(self, data: st.DataObject, error: str | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.diverts)))
        del self.diverts[number]
        self.tell(DivertFinished(number, error))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def name_the_poison(self, data: st.DataObject) -> None:
        flight = data.draw(st.sampled_from(sorted(self.running)))
        batch = self.running.pop(flight).batch
        places = [(each.tp, offset) for each in batch.chunks for offset in each.offsets]
        named = data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=2, unique=True))
        failures = tuple(RecordFailure(*place, FailureAction.REJECT, "no") for place in named)
        self.tell(FlushFinished(flight, Poison("22P02", failures), 0.1))

    @precondition(lambda self: self.running and self.table)
    @rule(data=st.data())
    def lose_the_answer_to_a_flush(self, data: st.DataObject) -> None:
        """Write it, and do not tell the writer."""
        flight = data.draw(st.sampled_from(sorted(self.running)))
        batch = self.running.pop(flight).batch
        if self.written(batch) == Delivered():
            self.audit.elsewhere.update((chunk.tp, offset) for chunk in batch.chunks for offset in chunk.offsets)
        answers: list[Result] = [Retriable("connection lost"), Systemic("refused")]
        answer = data.draw(st.sampled_from(answers))
        self.tell(FlushFinished(flight, answer, 0.1))

    @precondition(lambda self: self.questions)
    @rule()
    def answer_where_partitions_begin(self) -> None:
        assert self.table is not None, "asked a downstream that keeps no offsets"
        question = self.questions.pop(0)
        self.tell(Located({tp: self.table.offsets.get(tp) for tp in question.epochs}, question.epochs))

    @precondition(lambda self: self.table)
    @rule(tp=TPS, count=st.integers(1, 10), chance=RARELY)
    def let_another_owner_write(self, tp: TopicPartition, count: int, chance: int) -> None:
        if chance or self.table is None:
            return
        begin = self.table.offsets.get(tp, 0)
        records = self.logs[tp].fetch(begin, count, 0, self.now)
        if records is not None:
            assert self.table.write(Batch.of([records], {tp: self.table.offsets.get(tp)})) == Delivered()
            self.audit.elsewhere.update((tp, offset) for offset in records.offsets)

    @rule(tp=TPS, back=st.integers(1, 10), chance=RARELY)
    def cut_the_log(self, tp: TopicPartition, back: int, chance: int) -> None:
        """Let the client go on further back, when it is told to; the same records count as new ones then. It says so from inside a poll only."""
        at = self.positions.get(tp, 0)
        if chance or not at or not self.engine.polling or tp in self.leaving or tp in self.paused or tp in self.engine.stopped:
            return
        self.positions[tp] = max(0, at - back)
        self.paused.add(tp)
        if self.table is not None:
            for offset in self.logs[tp].between(self.positions[tp], self.logs[tp].end):
                self.table.rows.pop((tp, offset), None)
        self.tell(Moved(tp, self.positions[tp]))

    @invariant()
    def no_record_is_in_the_table_twice(self) -> None:
        if self.table is not None:
            self.table.check()

    @rule(tps=SOME, chance=RARELY)
    def begin_revoke(self, tps: list[TopicPartition], chance: int) -> None:
        if chance:
            return
        tps = [tp for tp in tps if tp in self.positions]
        self.leaving.update(tps)
        self.tell(RevokeBegun(tps))

    @precondition(lambda self: self.leaving)
    @rule()
    def revoke(self) -> None:
        tps = sorted(self.leaving)
        self.commit_now(tps)
        self.forget(tps)
        self.tell(Revoked(tps))

    @rule(tps=SOME, chance=RARELY)
    def lose(self, tps: list[TopicPartition], chance: int) -> None:
        if chance:
            return
        self.forget(tps)
        self.tell(Lost(tps))

    def forget(self, tps: list[TopicPartition]) -> None:
        self.leaving.difference_update(tps)
        self.paused.difference_update(tps)
        for tp in tps:
            self.positions.pop(tp, None)

    @rule(tp=TPS, chance=RARELY)
    def fail_a_partition(self, tp: TopicPartition, chance: int) -> None:
        if not chance:
            self.tell(PartitionFailed(tp, "offset out of range"))

    @precondition(lambda self: self.commits)
    @rule(refused=st.booleans())
    def answer_a_commit(self, *, refused: bool) -> None:
        offers = self.commits.pop(0).offsets
        stale = any(self.engine.epoch(tp) != offer.epoch for tp, offer in offers.items())
        if not (refused or stale):
            for tp, offer in offers.items():
                self.logs[tp].committed = max(offer.offset, self.logs[tp].committed)
        error = "refused" if refused or stale else None
        epochs = {tp: offer.epoch for tp, offer in offers.items()}
        self.tell(CommitFinished({tp: offer.offset for tp, offer in offers.items()}, epochs, error))

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 60.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Tick())

    @rule()
    def wake_up_when_due(self) -> None:
        due = self.engine.next_due(self.now)
        if due is not None:
            self.now = max(self.now, due)
            self.tell(Tick())

    @rule(reason=st.sampled_from(ASKED), seconds=st.sampled_from([None, 0.0, 0.5, 30.0]), chance=RARELY)
    def ask_for_a_hold(self, reason: HoldReason, seconds: float | None, chance: int) -> None:
        if not chance or reason in self.engine.asked:
            self.tell(HoldAsked(reason, "a hook", None if seconds is None else self.now + seconds))

    @rule(reason=st.sampled_from(ASKED))
    def lift_a_hold(self, reason: HoldReason) -> None:
        self.tell(HoldLifted(reason))

    @precondition(lambda self: HoldReason.QUIESCE in self.engine.asked)
    @rule()
    def wait_until_the_quiesce_is_settled(self) -> None:
        """Deliver everything, and let time pass: then nothing is here and all of it is committed, unless the quiesce ended before."""
        for _ in range(100):
            ended = HoldReason.QUIESCE not in self.engine.asked or self.audit.finished is not None
            if ended or self.engine.snapshot(self.now).is_settled:
                return
            self.deliver_everything()
            if self.commits:
                self.answer_a_commit(refused=False)
            elif not self.leaving:
                self.wake_up_when_due()
            else:
                self.revoke()
        raise AssertionError("a quiesce never settles")

    @rule(chance=RARELY, seconds=st.sampled_from([0.0, 1.0, 30.0]))
    def drain(self, chance: int, seconds: float) -> None:
        if not chance:
            self.tell(DrainRequested(self.now + seconds))

    @invariant()
    def what_is_held_is_paused_while_the_client_is_polled(self) -> None:
        held = {view.tp for view in self.engine.snapshot(self.now).partitions if view.holds}
        assert held <= set(self.positions)
        assert held <= self.paused if self.engine.polling else held == set(self.positions)

    @invariant()
    def what_was_asked_for_holds_every_partition(self) -> None:
        asked = {reason.value for reason in self.engine.asked}
        shot = self.engine.snapshot(self.now)
        assert set(shot.asked_holds) == asked
        assert all(asked <= set(view.holds) for view in shot.partitions)

    def teardown(self) -> None:
        """Let everything end well: what is here is delivered, released or dropped, and the drain finishes."""
        if not hasattr(self, "engine"):
            return
        self.drain(0, 100.0)
        for _ in range(200):
            if self.audit.finished is not None:
                break
            self.deliver_everything()
            if self.audit.finished is None:
                self.wake_up_when_due()
        assert self.audit.finished is not None, "the drain never ends"
        self.advance()
        self.commit_now(list(self.positions))
        books = self.engine.snapshot(self.now).books
        assert (books.buffered, books.in_flight) == (0, 0)


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
