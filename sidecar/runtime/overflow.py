"""The seam between the loop and overflow topics: chunks out, one answer each by the queue of outcomes."""

from __future__ import annotations

from typing import Protocol

from sidecar.core.actions import Divert


class OverflowProducer(Protocol):
    """Produces what is diverted, idempotently and acknowledged by all replicas in sync."""

    def start(self) -> None:
        """Begin to produce."""

    def send(self, divert: Divert) -> None:
        """Have the records of ``divert`` produced. Its one answer (``DivertFinished``) comes by the queue; nothing is raised, and nothing waits."""

    def close(self, timeout: float) -> None:
        """End; what has no answer after ``timeout`` seconds gets none any more."""
