"""Overflow topics: implements :class:`sidecar.runtime.overflow.OverflowProducer`.

On the source's own cluster, idempotent and acknowledged by all replicas in sync, by the producer of the ``kafka://`` writer (:mod:`sidecar.kafka.writer`). Key, value and headers are kept as they
are. The timestamp is the time of writing, or else the topic's retention could delete an old record at once. These headers follow the record's own, in UTF-8 text:

=============================================  =================================================
header                                         value
=============================================  =================================================
sidecar.source.topic, .partition, .offset      where the record came from
sidecar.source.timestamp                       its timestamp there in ms
sidecar.overflow.reason                        why it was dropped, as in ``/status/drops``
sidecar.overflow.group                         the consumer group
=============================================  =================================================

A thread of its own writes what has come meanwhile in one go, overflow topic by overflow topic, so one that is missing fails alone; the others wait for as long as that takes to be known (5 s). Each
chunk gets one answer; the engine sends it again after a failure. How much is here at once is the engine's choice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from sidecar.core.actions import Divert
from sidecar.core.events import DivertFinished
from sidecar.core.results import Delivered, Partial, Result
from sidecar.kafka.address import Address
from sidecar.kafka.connection import Properties, connection
from sidecar.kafka.destination import ALWAYS, Destination
from sidecar.kafka.login import Changed, renew
from sidecar.kafka.parcels import Parcel, restamped
from sidecar.kafka.writer import IdempotentWriter

TIMEOUT = 20.0
"""Seconds after which what no broker has acknowledged is given up, to be sent again later."""

OURS = "sidecar.overflow."

Answer = Callable[[DivertFinished | Exception], None]


class Sender(Protocol):
    """Writes parcels (:class:`sidecar.kafka.writer.IdempotentWriter`)."""

    def send(self, parcels: Iterable[Parcel], deadline: float) -> Result:
        """Write them by ``deadline``."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where overflow topics are: how to reach it, who tells of a new login, and the group and the topics (names and patterns) that are consumed there."""

    properties: Properties
    login: Changed
    group: str
    consumed: Sequence[str]


class KafkaOverflow:
    """Produces chunks on a thread of its own."""

    def __init__(
        self, cluster: Cluster, create: Callable[[Properties], Sender], answer: Answer, clock: Callable[[], float]
    ) -> None:
        """Write by what ``create`` makes; ``answer`` is called on the thread, with what that raised, too: that is a defect."""
        self._properties = cluster.properties
        self._login = cluster.login
        self._group = cluster.group
        self._consumed = Address("", cluster.consumed)
        self._create = create
        self._sender: Sender | None = None
        self._answer = answer
        self._clock = clock
        self._orders: SimpleQueue[Divert | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="overflow", daemon=True)

    def start(self) -> None:
        """Begin to produce."""
        self._thread.start()

    def send(self, divert: Divert) -> None:
        """Have ``divert`` produced."""
        self._orders.put(divert)

    def close(self, timeout: float) -> None:
        """End, within ``timeout`` seconds."""
        self._orders.put(None)
        self._thread.join(timeout)

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        """Use these from now on; called on the thread."""
        self._properties = {**self._properties, "sasl.username": username, "sasl.password": password}
        self._give_back()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as defect:  # noqa: BLE001 -- the loop raises it
            self._answer(defect)

    def _serve(self) -> None:
        """Write what comes until None does. No name holds chunks that are answered for, nor while the thread waits: they would stay in memory, unaccounted."""
        while orders := _all_that_came(self._orders):
            renew(self, self._login)
            for topic in list(orders):
                for answer in self._write(topic, orders.pop(topic)):
                    self._answer(answer)
        self._give_back()

    def _give_back(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _write(self, topic: str, orders: list[Divert]) -> list[DivertFinished]:
        """Write chunks for one topic; return an answer for each."""
        error = self._produce(topic, orders)
        return [DivertFinished(order.number, error) for order in orders]

    def _produce(self, topic: str, orders: list[Divert]) -> str | None:
        if self._consumed.is_consumed(topic):
            return (
                "it is consumed itself, so what goes there would come back: name another overflow_topic in SIDECAR_TOPIC_POLICIES"
            )
        if self._sender is None:
            self._sender = self._create(self._properties)
        match self._sender.send(self._parcels(orders), self._clock() + TIMEOUT):
            case Delivered():
                return None
            case Partial() as partial:
                return partial.failures[0].error
            case result:
                return result.reason

    def _parcels(self, orders: list[Divert]) -> Iterator[Parcel]:
        for order in orders:
            said = [(f"{OURS}reason", order.reason.value.encode()), (f"{OURS}group", self._group.encode())]
            yield restamped(order.chunk, order.topic, said)


def _all_that_came(orders: SimpleQueue[Divert | None]) -> dict[str, list[Divert]]:
    """Wait for an order; return it and those behind it by topic, none where the first is the end."""
    came: dict[str, list[Divert]] = {}
    order = orders.get()
    while order is not None:
        came.setdefault(order.topic, []).append(order)
        try:
            order = orders.get_nowait()
        except Empty:
            return came
    if came:
        orders.put(None)  # the end is for the next time
    return came


def build_overflow(properties: Properties, group: str, consumed: Sequence[str], login: Changed, answer: Answer) -> KafkaOverflow:
    """Return what produces to overflow topics on the cluster that ``group`` reads ``consumed`` from, with ``properties``."""
    return KafkaOverflow(Cluster(connection(properties), login, group, consumed), _sender, answer, time.monotonic)


def _sender(properties: Properties) -> IdempotentWriter:
    return IdempotentWriter(
        Destination(
            "the source's cluster",
            Address("", ()),
            (),
            {**ALWAYS, **properties, "compression.type": "lz4"},
            exactly_once=False,
            transactional_id_prefix="",
            transaction_timeout=0.0,
            same_partition=False,
            source_headers=False,
        )
    )
