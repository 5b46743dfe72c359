"""A listener that does what a loop does with it, and writes down what it heard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sidecar.core.events import CommitFinished
from sidecar.core.records import Chunk, TopicPartition


class Notes:
    """Implements :class:`sidecar.runtime.client.Listener`.

    ``on_revoking`` runs inside the revocation, ``on_moved`` when a partition is moved. ``fail`` is raised by every callback when it is set, against the contract.
    """

    def __init__(self) -> None:
        self.starts: dict[TopicPartition, int | None] = {}
        self.fresh: set[TopicPartition] = set()
        self.epochs: dict[TopicPartition, int] = {}
        self.reached: dict[TopicPartition, int] = {}
        self.revoked: list[TopicPartition] = []
        self.gone: list[TopicPartition] = []
        self.answers: list[CommitFinished] = []
        self.moves: list[tuple[TopicPartition, int]] = []
        self.stops: dict[TopicPartition, str] = {}
        self.on_revoking: Callable[[Sequence[TopicPartition]], None] = lambda _tps: None
        self.on_moved: Callable[[TopicPartition], None] = lambda _tp: None
        self.fail: Exception | None = None

    def took(self, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """Keep where the chunks end."""
        self.reached.update({chunk.tp: chunk.end for chunk in chunks})
        return chunks

    def epoch_of(self, tp: TopicPartition) -> int | None:
        return self.epochs.get(tp)

    def position_of(self, tp: TopicPartition) -> int | None:
        return self.reached.get(tp)

    def assigned(self, starts: Mapping[TopicPartition, int | None], fresh: Collection[TopicPartition]) -> None:
        self.starts.update(starts)
        self.fresh.update(fresh)
        self.epochs.update(dict.fromkeys(starts, 1))
        self._maybe_fail()

    def revoking(self, tps: Sequence[TopicPartition]) -> None:
        self.on_revoking(tps)
        self.revoked += tps
        self._leave(tps)

    def lost(self, tps: Sequence[TopicPartition]) -> None:
        self.gone += tps
        self._leave(tps)

    def committed(self, answer: CommitFinished) -> None:
        self.answers.append(answer)
        self._maybe_fail()

    def moved(self, tp: TopicPartition, offset: int) -> None:
        self.moves.append((tp, offset))
        self.on_moved(tp)

    def stopped(self, tp: TopicPartition, reason: str) -> None:
        self.stops[tp] = reason

    def _leave(self, tps: Sequence[TopicPartition]) -> None:
        for tp in tps:
            self.epochs.pop(tp, None)
            self.reached.pop(tp, None)
        self._maybe_fail()

    def _maybe_fail(self) -> None:
        if self.fail is not None:
            raise self.fail
