"""The consumer: librdkafka's, behind :class:`sidecar.runtime.client.Client`. One thread owns it; see there.

What it takes care of, since each of these loses or repeats records elsewhere:

- A callback that raises inside ``consume()`` destroys the records of that call. So callbacks are wrapped: what one raises
  is kept, and raised when the call is over; the process ends by it, so what the call brought is not committed and comes again.
- ``pause()`` throws away what was prefetched, and ``resume()`` alone can take a second. So a resume always seeks.
- Under a backlog the client serves the first partitions alone. So they take turns (:mod:`sidecar.kafka.turns`).
- A pause outlives the assignment: a partition that left while it was paused comes back paused. So an assignment lifts it.
- A partition that is paused as soon as it is assigned, and sought and resumed some milliseconds later, mostly gives its first record after a second. So one whose
  start the downstream will tell is *awaited*: it is ours, but the client fetches it only from when it is told where.
- A late explicit commit is accepted by the broker even for a partition that another member owns. So commits are made only of current
  partitions, by the engine's order, and never from ``on_lost``.
- ``close()`` with an asynchronous commit outstanding blocks for a session timeout when the broker is away. So its caller settles commits first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.actions import CommitOffset
from sidecar.core.errors import ConfigurationError, SidecarError
from sidecar.core.events import CommitFinished
from sidecar.core.records import Chunk, TopicPartition
from sidecar.kafka.columns import Columns, partition_of, topic_of
from sidecar.kafka.errors import Meaning, classify, describe
from sidecar.kafka.late_starts import LateStarts
from sidecar.kafka.login import Changed, never, renew
from sidecar.kafka.place import Place
from sidecar.kafka.refetched import STATISTICS_INTERVAL_MS, Refetched
from sidecar.kafka.resets import Resets
from sidecar.kafka.starts import Starts, begin_anew
from sidecar.kafka.trouble import Trouble
from sidecar.kafka.turns import Turns
from sidecar.runtime.client import Listener
from sidecar.writers.protocol import Membership

SERVE_TIMEOUT = 0.05
"""Seconds of one wait for callbacks."""

MANY_RECORDS = 1000
"""A partition whose log goes on by more has a backlog: half of what a poll takes of one."""


class KafkaFatal(SidecarError):  # noqa: N818 -- the client's own word for it
    """The client cannot go on; a new process may."""


class KafkaFenced(KafkaFatal):
    """Another member took our place; a new process would only take it back."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the time comes from: monotonic seconds, and Unix seconds."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


class KafkaConsumer:
    """A member of a consumer group."""

    def __init__(  # noqa: PLR0913 -- what it is made of, each by name
        self,
        config: Mapping[str, Any],
        topics: Sequence[str],
        *,
        columns: Columns,
        starts: Starts,
        resets: Resets,
        trouble: Trouble,
        clocks: Clocks,
        starts_told: bool = False,
        place: Place | None = None,
        login: Changed = never,
    ) -> None:
        """Create the client; nothing is sent until :meth:`join`. Raises KafkaException for properties that librdkafka refuses.

        ``starts_told`` is True where the downstream knows where partitions start: then the first :meth:`resume` of each says it. ``place`` is there
        where a writer wants to know it, ``login`` tells when the user or the password have changed.
        """
        self._topics = list(topics)
        self._columns = columns
        self._starts = starts
        self._late_starts = LateStarts(starts)
        self._resets = resets
        self._trouble = trouble
        self._clocks = clocks
        self._login = login
        self._place = place
        self._starts_told = starts_told
        self._owned: set[TopicPartition] = set()
        self._awaited: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._turns = Turns()
        self._refetched = Refetched()
        self._has_backlog = False
        self._outstanding: Mapping[TopicPartition, CommitOffset] | None = None
        self._failure: Exception | None = None
        ours = {"error_cb": self._on_error, "on_commit": self._on_commit, "stats_cb": self._on_statistics}
        self._consumer = Consumer(
            {**config, **ours, "statistics.interval.ms": STATISTICS_INTERVAL_MS}, logger=logging.getLogger("librdkafka")
        )
        self._listener: Listener

    def join(self, listener: Listener) -> None:
        """Subscribe. Raises ConfigurationError for a pattern that the client cannot read."""
        self._listener = listener
        try:
            self._consumer.subscribe(
                self._topics,
                on_assign=lambda _, partitions: self._guard(self._on_assign, partitions),
                on_revoke=lambda _, partitions: self._guard(self._on_revoke, partitions),
                on_lost=lambda _, partitions: self._guard(self._on_lost, partitions),
            )
        except KafkaException as error:
            why = "the Kafka client cannot read a pattern of these; it has POSIX's regular expressions"
            raise ConfigurationError(f"SIDECAR_TOPICS: {why} ({error.args[0].str()})") from error

    def poll(self, limit: int, timeout: float, gathering: float) -> list[Chunk]:
        """Return records, at most one chunk a partition."""
        self._settle_offsets()
        chunks = self._given(self._consumer.consume(limit, timeout), gathering)
        records = sum(map(len, chunks))
        self._refetched.gave_out(records)
        self._has_backlog = records >= limit or any(self._log_end(c.tp) > c.end + MANY_RECORDS for c in chunks)
        self._turns.took(chunks, has_backlog=self._has_backlog)
        now = self._clocks.monotonic()
        if self._turns.is_over(now):
            self._begin_turn(now)
        return chunks

    @property
    def has_backlog(self) -> bool:
        """Whether the last poll was full, or a log goes on well beyond it."""
        return self._has_backlog

    def serve(self) -> list[Chunk]:
        """Serve callbacks; what comes nevertheless is returned."""
        self._settle_offsets()
        return self._serve(0)

    def pause(self, tps: Sequence[TopicPartition]) -> None:
        """Stop fetching."""
        self._turns.forget(tps)
        self._pause(tps)

    def resume(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Fetch again, from these positions."""
        self._turns.forget(positions)
        self._resume(positions)

    def positions(self) -> dict[TopicPartition, int]:
        """Return where the client stands. This is asked once a second, so it is the moment to look at the login, too."""
        renew(self._consumer, self._login)
        answers = self._consumer.position([KafkaPartition(*tp) for tp in self._owned])
        return {TopicPartition(a.topic, a.partition): a.offset for a in answers if a.offset >= 0}

    def commit(self, offsets: Mapping[TopicPartition, CommitOffset]) -> None:
        """Commit asynchronously."""
        self._outstanding = offsets
        try:
            self._consumer.commit(offsets=_offsets(offsets), asynchronous=True)
        except KafkaException as error:
            self._answer(offsets, error.args[0])

    def commit_now(self, offsets: Mapping[TopicPartition, CommitOffset]) -> CommitFinished:
        """Commit and wait for the answer."""
        try:
            answers = self._consumer.commit(offsets=_offsets(offsets), asynchronous=False)
        except KafkaException as error:
            return _finished(offsets, error.args[0])
        return _finished(offsets, next((answer.error for answer in answers or [] if answer.error), None))

    def settle_commits(self, deadline: float) -> bool:
        """Serve callbacks until no commit is outstanding. Everything is paused, so what a poll brings is an error."""
        while self._outstanding is not None and self._clocks.monotonic() < deadline:
            self._serve(SERVE_TIMEOUT)
        return self._outstanding is None

    @property
    def membership(self) -> Membership | None:
        """Our place in the group, for other threads; None before the first assignment, and where nobody wants it."""
        return None if self._place is None else self._place.published

    @property
    def trouble(self) -> str | None:
        """What stands in the way now."""
        return self._trouble.text

    @property
    def unreadable_headers(self) -> Mapping[str, int]:
        """Count records whose headers could not be decoded, by topic."""
        return self._columns.unreadable

    @property
    def missed_offsets(self) -> Mapping[str, int]:
        """Count offsets that the log lost before they were polled, by topic."""
        return self._resets.missed

    @property
    def fetched_bytes(self) -> int:
        """Count the bytes of records that the client received."""
        return self._refetched.received_bytes

    @property
    def refetched_bytes(self) -> int:
        """Count what the client received and threw away again."""
        return self._refetched.bytes

    def close(self) -> None:
        """Leave the group. Raises, once that is done, what a callback raised meanwhile: also KafkaFenced or KafkaFatal, for an error of the connection."""
        self._consumer.close()
        self._raise_failure()

    def _settle_offsets(self) -> None:
        """Before the client is asked for more, so that no record of a partition that moves is on its way here."""
        now = self._clocks.monotonic()
        self._late_starts.settle(self._consumer, now, self._listener)
        if self._resets.waiting:
            self._resets.settle(self._consumer, now, self._listener, self._paused)

    def _serve(self, timeout: float) -> list[Chunk]:
        message = self._consumer.poll(timeout)
        return self._given([] if message is None else [message])

    def _given(self, messages: list[Message], gathering: float = 0.0) -> list[Chunk]:
        """Turn what came into chunks, act on errors in the stream, and raise what a callback raised meanwhile."""
        chunks: list[Chunk] = []
        if messages:
            if any(map(Message.error, messages)):  # comparing an error with None would leave an exception behind
                messages = self._without_errors(messages)
            if messages:
                self._trouble.over()
                began = self._clocks.monotonic() - gathering, int((self._clocks.wall() - gathering) * 1000)
                chunks = self._columns.convert(messages, *began)
        if self._place is not None:
            self._place.renew(self._consumer, self._clocks.monotonic())
        self._raise_failure()
        return chunks

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _without_errors(self, messages: list[Message]) -> list[Message]:
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(message)
            else:
                self._act_on(error, message)
        return records

    def _act_on(self, error: KafkaError, message: Message) -> None:
        meaning = classify(error).meaning
        if meaning is Meaning.RESET:
            tp = TopicPartition(topic_of(message), partition_of(message))
            self._late_starts.forget([tp])
            self._resets.begin(tp, self._clocks.monotonic(), self._listener)
        elif meaning is Meaning.TROUBLE:
            self._trouble.note(error, of_stream=True)
        else:
            self._on_error(error)

    def _begin_turn(self, now: float) -> None:
        """Let those rest that were served while others starved, or wake them.

        None that rests can be in the poll that is just over, so the listener, who has not heard of that poll yet, knows their positions.
        """
        change = self._turns.next(self._owned - self._paused, self._is_behind, now)
        if change.rest:
            self._pause(change.rest)
        if change.wake:
            self._resume({tp: self._listener.position_of(tp) for tp in change.wake})

    def _is_behind(self, tp: TopicPartition) -> bool:
        """Whether the log of a partition that gave nothing goes on."""
        return self._log_end(tp) > (self._listener.position_of(tp) or 0)

    def _log_end(self, tp: TopicPartition) -> int:
        """Return the end of a log as the last answer of its broker had it (negative: there was none yet); no question is asked."""
        _, end = self._consumer.get_watermark_offsets(KafkaPartition(*tp), cached=True)
        return end

    def _pause(self, tps: Collection[TopicPartition]) -> None:
        self._consumer.pause([KafkaPartition(*tp) for tp in tps])
        self._paused.update(tps)

    def _resume(self, positions: Mapping[TopicPartition, int | None]) -> None:
        self._lift_pauses(positions)
        self._forget_offsets([tp for tp, position in positions.items() if position is not None])
        awaited = self._awaited.intersection(positions)
        self._awaited -= awaited
        if awaited:
            self._assign({tp: positions[tp] for tp in awaited})
        for tp, position in positions.items():
            if position is not None and tp not in awaited:
                self._seek(tp, position)

    def _assign(self, starts: Mapping[TopicPartition, int | None]) -> None:
        self._consumer.incremental_assign([_at(tp, start) for tp, start in starts.items()])
        self._late_starts.add([tp for tp, start in starts.items() if start is None], self._clocks.monotonic())

    def _forget_offsets(self, tps: Collection[TopicPartition]) -> None:
        self._late_starts.forget(tps)
        self._resets.forget(tps)

    def _lift_pauses(self, tps: Iterable[TopicPartition]) -> None:
        self._consumer.resume([KafkaPartition(*tp) for tp in tps])
        self._paused.difference_update(tps)

    def _seek(self, tp: TopicPartition, position: int) -> None:
        try:
            self._consumer.seek(KafkaPartition(tp.topic, tp.partition, position))
        except KafkaException:
            begin_anew(self._consumer, tp, position)

    def _guard(self, callback: Callable[[Sequence[TopicPartition]], None], partitions: list[KafkaPartition]) -> None:
        """Run a callback so that nothing gets out of it here; the first exception is raised after the call that served it."""
        try:
            callback([TopicPartition(p.topic, p.partition) for p in partitions])
        except Exception as failure:  # noqa: BLE001 -- raised again by _raise_failure(), where no record can be lost
            self._failure = self._failure or failure

    def _on_assign(self, tps: Sequence[TopicPartition]) -> None:
        beginnings = self._starts.of(self._consumer, tps)
        self._lift_pauses(self._paused.intersection(tps))
        if self._starts_told:
            self._awaited.update(tps)
        self._assign({tp: start for tp, start in beginnings.offsets.items() if tp not in self._awaited})
        self._owned.update(tps)
        if tps:
            self._trouble.over()
        self._listener.assigned(beginnings.offsets, beginnings.fresh)
        self._publish_place()

    def _on_revoke(self, tps: Sequence[TopicPartition]) -> None:
        self._listener.revoking(tps)
        self._give_up(tps)

    def _on_lost(self, tps: Sequence[TopicPartition]) -> None:
        self._listener.lost(tps)
        self._give_up(tps)

    def _give_up(self, tps: Sequence[TopicPartition]) -> None:
        """End the assignment of ``tps``. The client does so by itself, but not when a resume inside the callback assigned something anew."""
        self._consumer.incremental_unassign([KafkaPartition(*tp) for tp in set(tps) - self._awaited])
        self._owned.difference_update(tps)
        self._awaited.difference_update(tps)
        self._forget_offsets(tps)
        self._turns.forget(tps)
        self._publish_place()

    def _publish_place(self) -> None:
        if self._place is not None:
            epochs = {tp: epoch for tp in self._owned if (epoch := self._listener.epoch_of(tp)) is not None}
            self._place.take(self._consumer, epochs, self._clocks.monotonic())

    def _on_error(self, error: KafkaError) -> None:
        """Take note of an error of the connection; a fatal one is raised after the call that served it."""
        meaning = classify(error).meaning
        if meaning is Meaning.FENCED:
            self._failure = self._failure or KafkaFenced(describe(error))
        elif meaning is Meaning.FATAL or error.fatal():
            self._failure = self._failure or KafkaFatal(describe(error))
        elif meaning is Meaning.TROUBLE:
            self._trouble.note(error, of_stream=False)

    def _on_statistics(self, statistics: str) -> None:
        try:
            self._refetched.sample(statistics)
        except Exception as failure:  # noqa: BLE001 -- raised again by _raise_failure()
            self._failure = self._failure or failure

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[KafkaPartition]) -> None:
        """Match the answer with the one asynchronous commit that is outstanding; synchronous ones are answered where they are made."""
        answered = {TopicPartition(p.topic, p.partition) for p in partitions}
        if self._outstanding is not None and answered == set(self._outstanding):
            self._answer(self._outstanding, error or next((p.error for p in partitions if p.error), None))

    def _answer(self, offsets: Mapping[TopicPartition, CommitOffset], error: KafkaError | None) -> None:
        self._outstanding = None
        try:
            self._listener.committed(_finished(offsets, error))
        except Exception as failure:  # noqa: BLE001 -- raised again by _raise_failure()
            self._failure = self._failure or failure


def _at(tp: TopicPartition, start: int | None) -> KafkaPartition:
    """Return ``tp`` to be fetched from ``start``; None: from what the client itself finds committed."""
    return KafkaPartition(tp.topic, tp.partition) if start is None else KafkaPartition(tp.topic, tp.partition, start)


def _offsets(offsets: Mapping[TopicPartition, CommitOffset]) -> list[KafkaPartition]:
    """Return ``offsets`` as the client wants them, each with the leader epoch where it is known."""
    return [
        KafkaPartition(tp.topic, tp.partition, commit.offset)
        if commit.leader_epoch is None
        else KafkaPartition(tp.topic, tp.partition, commit.offset, leader_epoch=commit.leader_epoch)
        for tp, commit in offsets.items()
    ]


def _finished(offsets: Mapping[TopicPartition, CommitOffset], error: KafkaError | None) -> CommitFinished:
    return CommitFinished(
        {tp: commit.offset for tp, commit in offsets.items()},
        {tp: commit.epoch for tp, commit in offsets.items()},
        None if error is None else describe(error),
    )
