"""Redrives letters to the topics that they came from, each into its own partition there: they are consumed again, behind what is there already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.dlq.letters import Letter
from sidecar.dlq.redriven import headers_of
from sidecar.kafka.redelivery import Redelivered


class ToSource:
    """Implements :class:`sidecar.dlq.work.Target`."""

    def __init__(self, send: Callable[[Sequence[Redelivered]], Sequence[str | None]]) -> None:
        """``send`` produces records, and tells why each is not in its topic."""
        self._send = send

    def take(self, letters: Sequence[Letter]) -> Sequence[str | None]:
        """Produce ``letters``; return why each was not taken."""
        return self._send([_record(letter) for letter in letters])


def _record(letter: Letter) -> Redelivered:
    assert letter.origin is not None, "what does not say where it came from is refused before"  # noqa: S101 -- our own mistake, never a user's
    return Redelivered(letter.origin[0], letter.key, letter.value, headers_of(letter))
