"""Addresses: which topic a record goes to, by a name in which ``{topic}`` stands for the topic that it came from. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where records go; ``consumed`` are the names and patterns of what is consumed from the same cluster."""

    template: str
    consumed: Sequence[str]

    def of(self, topic: str) -> str:
        """Return where a record of ``topic`` goes."""
        return self.template.replace("{topic}", topic)

    def is_consumed(self, topic: str) -> bool:
        """Tell whether what goes to ``topic`` would come back as a record. What patterns mean is only known with the topic's name."""
        return any(re.match(name, topic) if name.startswith("^") else name == topic for name in self.consumed)

    def loop(self) -> str | None:
        """Return a topic to which records go and that is consumed itself, as far as that is known before the first record."""
        return next((topic for topic in self._certain() if self.is_consumed(topic)), None)

    def _certain(self) -> Iterable[str]:
        return {self.of(name) for name in self.consumed if not name.startswith("^") or "{topic}" not in self.template}
