"""The seam between the loop and the dead-letter topic: records out, one answer each by the queue of outcomes."""

from __future__ import annotations

from typing import Protocol

from sidecar.core.actions import DeadLetter


class DeadLetterProducer(Protocol):
    """Produces dead letters, idempotently and acknowledged by all replicas in sync."""

    def start(self) -> None:
        """Begin to wait for answers."""

    def send(self, letter: DeadLetter) -> None:
        """Have ``letter`` produced. Its one answer (``DeadLetterFinished``) comes by the queue, also when it fails at once; nothing is raised, and nothing waits."""

    def close(self, timeout: float) -> None:
        """End; what has no answer after ``timeout`` seconds gets none any more."""
