"""The fair queue: which topic is served next, so that each gets its share of the bytes that are delivered.

Start-time fair queueing (Goyal, Vin and Cheng, "Start-Time Fair Queuing", SIGCOMM 1996). Each topic has a *finish tag*; records of ``l`` bytes that are taken of a
topic of weight ``w`` get the start tag ``S = max(v, finish)`` and move its finish tag to ``S + l / w``. ``v`` is the start tag of what was taken last; the topic with
the lowest start tag is next, of several the heaviest. A topic that had nothing for a while begins at ``v``: it is next, and has saved nothing up.

*The bound.* While two topics have records that could be flushed, what they got divided by their weights differs by less than ``L/w1 + L/w2``, where ``L`` is the most bytes
of one batch (theorem 1 of the paper). So no weight starves another, and among topics of one weight none gets ahead by more than two batches. Bytes count when they are
taken for a flush; a flush that failed and whose records were put back is paid for again.
"""

from __future__ import annotations


class FairQueue:
    """The tags of the topics; all begin at 0."""

    def __init__(self) -> None:
        """Begin with nothing served."""
        self._virtual = 0.0
        self._finish: dict[str, float] = {}

    def start(self, topic: str) -> float:
        """Return the start tag of what ``topic`` has next."""
        return max(self._virtual, self._finish.get(topic, 0.0))

    def charge(self, topic: str, nbytes: int, weight: float) -> None:
        """Take note that ``nbytes`` of ``topic`` were taken."""
        self._virtual = self.start(topic)
        self._finish[topic] = self._virtual + nbytes / weight
