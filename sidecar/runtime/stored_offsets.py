"""Asks the downstream for the offsets that it keeps, on a thread of its own: it may be away for long, and the group must not notice.

One question at a time, asked again until there is an answer: every second, since nothing of those partitions moves before. What is asked for meanwhile is
asked together next time. The answer is an event for the engine, which knows by its epochs whether it still matters. What else is raised is a defect, and reaches the loop as it is:
partitions whose offset nobody looks up would wait for ever.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from sidecar.core.actions import Locate
from sidecar.core.errors import WriterUnavailable
from sidecar.core.events import Located
from sidecar.core.records import TopicPartition
from sidecar.writers.protocol import StoredOffsets

AGAIN_AFTER = 1.0
"""Seconds between two questions while the downstream is away."""

PATIENCE = 10.0
"""Seconds that one question may take."""


@dataclass(frozen=True, slots=True)
class NotLocated:
    """The downstream did not answer; it is asked again. ``reason`` is for people. Told of the first attempt, then of every second as many."""

    partitions: int
    attempts: int
    reason: str


class StoredOffsetsReader:
    """A thread that answers :class:`~sidecar.core.actions.Locate`."""

    def __init__(
        self,
        create: Callable[[], StoredOffsets],
        answer: Callable[[Located | NotLocated | Exception], None],
        clock: Callable[[], float],
    ) -> None:
        """Read from what ``create`` makes; ``answer`` takes what came of it, on this thread. ``clock`` is monotonic."""
        self._create = create
        self._answer = answer
        self._clock = clock
        self._questions: SimpleQueue[Locate | None] = SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stored-offsets", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask(self, question: Locate) -> None:
        """Have it answered; returns at once."""
        self._questions.put(question)

    def stop(self) -> None:
        """End the thread as soon as it is between two questions."""
        self._ending.set()
        self._questions.put(None)

    def _run(self) -> None:
        try:
            self._serve(self._create())
        except Exception as defect:  # noqa: BLE001 -- the loop raises it
            self._answer(defect)

    def _serve(self, offsets: StoredOffsets) -> None:
        try:
            while (question := self._questions.get()) is not None and not self._ending.is_set():
                self._ask_until_answered(offsets, dict(question.epochs))
        finally:
            offsets.close()

    def _ask_until_answered(self, offsets: StoredOffsets, epochs: dict[TopicPartition, int]) -> None:
        for attempt in itertools.count(1):
            epochs |= self._asked_meanwhile()
            try:
                found = offsets.read(epochs, self._clock() + PATIENCE)
            except WriterUnavailable as unavailable:
                if attempt.bit_count() == 1:
                    self._answer(NotLocated(len(epochs), attempt, str(unavailable)))
                if self._ending.wait(AGAIN_AFTER):
                    return
            else:
                self._answer(Located({tp: found.get(tp) for tp in epochs}, epochs))
                return

    def _asked_meanwhile(self) -> Mapping[TopicPartition, int]:
        epochs: dict[TopicPartition, int] = {}
        try:
            while (question := self._questions.get_nowait()) is not None:
                epochs |= question.epochs
        except Empty:
            pass
        return epochs
