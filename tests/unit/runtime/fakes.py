"""What stands around the loop in its tests: a clock by hand, a client, an observer and writers that do as they are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from random import Random
from typing import NoReturn

from sidecar.core.actions import Action, CommitOffset, DeadLetter, Divert, Locate, StartFlush
from sidecar.core.config import EngineConfig
from sidecar.core.engine import Engine
from sidecar.core.events import CommitFinished, FlushFinished
from sidecar.core.records import RECORD_BYTES, Batch, Chunk, TopicPartition
from sidecar.core.results import Delivered, Result
from sidecar.runtime.client import Client, Listener
from sidecar.runtime.control import Control, Durations, Gate
from sidecar.runtime.driver import Driver, Hands
from sidecar.runtime.flushers import Flushed, Flushers, Outcome
from sidecar.runtime.loop import Loop
from sidecar.runtime.membership import Membership
from sidecar.runtime.observer import Observer
from sidecar.runtime.report import FlushCounts, Report

P0, P1 = TopicPartition("orders", 0), TopicPartition("orders", 1)
DRAIN_TIMEOUT = 5.0
QUIESCE_BOUND = 30.0
REVOKE_TIMEOUT = 2.0


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Journal(list[str]):
    """What happened, in order, a word or two each."""

    def words(self, *wanted: str) -> list[str]:
        """Return only the entries that begin with one of ``wanted``."""
        return [entry for entry in self if entry.startswith(wanted)]


class FakeClient:
    """Implements :class:`sidecar.runtime.client.Client` without Kafka.

    ``incoming`` is what the next polls bring: chunks, or things that happen inside the poll. A poll takes ``clock`` forward by its time-out.
    ``answers`` is what commits are answered with, in turn (default: success); ``SILENCE`` is no answer.
    """

    SILENCE = "silence"

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.incoming: list[list[Chunk] | Callable[[], None]] = []
        self.answers: list[str | None] = []
        self.at: dict[TopicPartition, int] = {}
        self.trouble: str | None = None
        self.unreadable_headers: Mapping[str, int] = {}
        self.missed_offsets: Mapping[str, int] = {}
        self.limits: list[int] = []
        self.timeouts: list[float] = []
        self.gatherings: list[float] = []
        self.has_backlog = False
        self.fetched_bytes = 0
        self.refetched_bytes = 0
        self._clock = clock
        self._journal = journal
        self._outstanding: CommitFinished | None = None
        self._silent = False
        self._owned: list[TopicPartition] = []
        self.joined = False
        self.while_settling: Callable[[], None] = lambda: None
        self.while_closing: Callable[[], None] = lambda: self.listener.revoking(self._owned)
        self.listener: Listener

    def join(self, listener: Listener) -> None:
        self.listener = listener
        self.joined = True

    def assign(self, *tps: TopicPartition) -> None:
        """Have partitions assigned from offset 0."""
        self._owned += tps
        self.listener.assigned(dict.fromkeys(tps, 0), fresh=())

    def poll(self, limit: int, timeout: float, gathering: float) -> list[Chunk]:
        assert limit > 0
        self.limits.append(limit)
        assert timeout >= 0
        self.gatherings.append(gathering)
        self.timeouts.append(timeout)
        self._journal.append("poll")
        return self._next(timeout)

    def serve(self) -> list[Chunk]:
        self._journal.append("serve")
        return self._next(0.01)

    def _next(self, seconds: float) -> list[Chunk]:
        self._answer()
        self._clock.now += seconds
        coming = self.incoming.pop(0) if self.incoming else []
        if isinstance(coming, list):
            return coming
        coming()
        return []

    def pause(self, tps: Sequence[TopicPartition]) -> None:
        self._journal.append(f"pause {names(tps)}")

    def resume(self, positions: Mapping[TopicPartition, int | None]) -> None:
        self._journal.append(f"resume {', '.join(f'{tp}@{at}' for tp, at in positions.items())}")

    def positions(self) -> dict[TopicPartition, int]:
        return self.at

    def commit(self, offsets: Mapping[TopicPartition, CommitOffset]) -> None:
        self._journal.append(f"commit {shown(offsets)}")
        answer = self.answers.pop(0) if self.answers else None
        self._silent = answer == self.SILENCE
        self._outstanding = finished(offsets, answer)

    def commit_now(self, offsets: Mapping[TopicPartition, CommitOffset]) -> CommitFinished:
        self._journal.append(f"commit now {shown(offsets)}")
        return finished(offsets, self.answers.pop(0) if self.answers else None)

    def settle_commits(self, deadline: float) -> bool:
        self._answer()
        self.while_settling()
        if self._outstanding is not None:
            self._clock.now = max(self._clock.now, deadline)
        return self._outstanding is None

    def _answer(self) -> None:
        if self._outstanding is not None and not self._silent:
            answer, self._outstanding = self._outstanding, None
            self.listener.committed(answer)

    def close(self) -> None:
        self._journal.append("close")
        self.while_closing()


def names(tps: Sequence[TopicPartition]) -> str:
    """Render partitions in order."""
    return " ".join(map(str, sorted(tps)))


def shown(offsets: Mapping[TopicPartition, CommitOffset]) -> str:
    """Render offsets in order."""
    return " ".join(f"{tp}={offsets[tp].offset}" for tp in sorted(offsets))


def finished(offsets: Mapping[TopicPartition, CommitOffset], error: str | None) -> CommitFinished:
    """Return the answer to a commit."""
    return CommitFinished({tp: o.offset for tp, o in offsets.items()}, {tp: o.epoch for tp, o in offsets.items()}, error)


class FakeObserver:
    """Implements :class:`sidecar.runtime.observer.Observer`: keeps everything."""

    def __init__(self, journal: Journal) -> None:
        self.actions: list[Action] = []
        self.results: list[tuple[Result, int]] = []
        self.landed_records = 0
        self.reports: list[Report] = []
        self.last_delivery_wall: float | None = None
        self.on_publish: Callable[[Report], None] = lambda _report: None
        self._journal = journal

    def acted(self, actions: Sequence[Action], now: float) -> None:
        assert now > 0
        self.actions += actions

    def flushed(self, result: Result, seconds: float, records: int) -> None:
        assert seconds >= 0
        self.results.append((result, records))

    def landed(self, chunks: Sequence[Chunk]) -> None:
        self.landed_records += sum(map(len, chunks))

    def event(self, name: str, **fields: object) -> None:
        assert isinstance(fields, dict)
        self._journal.append(name)

    def trouble(self, name: str, **fields: object) -> None:
        self._journal.append(f"{name} {fields}")

    def counts(self) -> FlushCounts:
        return FlushCounts({}, {}, (), 0.0, (), 0.0)

    def publish(self, report: Report) -> None:
        self.reports.append(report)
        self.on_publish(report)


class Outcomes(SimpleQueue[Outcome]):
    """Waiting for a result takes no time but the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    on_wait: Callable[[], None] = staticmethod(lambda: None)
    """What happens while the loop waits here."""

    def get(self, block: bool = True, timeout: float | None = None) -> Outcome:  # noqa: FBT001, FBT002 -- the queue's own signature
        if self.empty() and block:
            self.on_wait()
        if self.empty() and block:
            assert timeout is not None, "a loop that waits without an end"
            self._clock.now += timeout
        return super().get(block=False)


class FakeFlushers(Flushers):
    """Flushers without threads: each order waits until the test, or ``answer`` at once, lands it."""

    def __init__(self, outcomes: SimpleQueue[Outcome], journal: Journal) -> None:
        super().__init__(no_writer, threads=0, timeout=30.0, clock=lambda: 0.0, outcomes=outcomes)
        self.orders: list[StartFlush] = []
        self.answer: Callable[[Batch], Result | Exception | None] = lambda _batch: Delivered()
        self._results = outcomes
        self._journal = journal

    def submit(self, order: StartFlush) -> None:
        self._journal.append(f"flush {order.batch.records}")
        result = self.answer(order.batch)
        if isinstance(result, Exception):
            self._results.put(result)
        elif result is None:
            self.orders.append(order)
        else:
            self.land(order, result)

    def land(self, order: StartFlush, result: Result) -> None:
        """Put a result."""
        self._results.put(Flushed(FlushFinished(order.flight, result, 0.01), order.batch.records))


def no_writer() -> NoReturn:
    """Stand where a writer is made; nobody makes one."""
    raise AssertionError("no writer is wanted")


class Stop:
    """Implements :class:`sidecar.runtime.loop.StopRequest`."""

    requested_at: float | None = None


class World:
    """A loop with all that is around it."""

    def __init__(self, config: EngineConfig | None = None, gate: Gate | None = None) -> None:
        self.clock = Clock()
        self.journal = Journal()
        self.stop = Stop()
        self.fake = FakeClient(self.clock, self.journal)
        self.observer = FakeObserver(self.journal)
        self.outcomes = Outcomes(self.clock)
        self.flushers = FakeFlushers(self.outcomes, self.journal)
        self.engine = Engine(config or EngineConfig(), Random(1))
        client: Client = self.fake
        observer: Observer = self.observer
        self.questions: list[Locate] = []
        self.letters: list[DeadLetter] = []
        self.diverts: list[Divert] = []
        hands = Hands(self.flushers.submit, self.questions.append, self.letters.append, self.diverts.append)
        self.driver = Driver(self.engine, client, hands, self.outcomes, observer, self.clock)
        self.membership = Membership(self.driver, REVOKE_TIMEOUT)
        self.control = Control(self.driver, Durations(DRAIN_TIMEOUT, QUIESCE_BOUND), gate or Gate())
        self.loop = Loop(self.driver, self.membership, self.control, self.stop, 1_000_000, lambda: 1_700_000_000.0)
        self.fake.listener = self.membership

    def run_with(self, *incoming: list[Chunk] | Callable[[], None]) -> int:
        """Run to the end; polls bring ``incoming``, then a stop is requested."""
        self.fake.incoming = [lambda: self.fake.assign(P0, P1), *incoming, self.request_stop]
        return self.loop.run()

    def request_stop(self) -> None:
        self.stop.requested_at = self.clock.now

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.loop.step()

    @property
    def last_books_balance(self) -> bool:
        return all(report.engine.books.unaccounted == 0 for report in self.observer.reports)


def records(tp: TopicPartition, first: int, count: int, *, at: float = 100.0) -> Chunk:
    """Return records of the first epoch of ``tp``."""
    nothing = [None] * count
    offsets = range(first, first + count)
    return Chunk(tp, 1, offsets, [1] * count, nothing, nothing, None, first + count, RECORD_BYTES * count, at, 0)


def tally(journal: Sequence[str]) -> Counter[str]:
    """Count the entries."""
    return Counter(journal)
