"""Which letters a command means: by reason, by the topic that they came from, by the time at which they became letters, and how many at most. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.dlq.letters import Letter


@dataclass(frozen=True, slots=True)
class Selection:
    """What is set must fit; times are Unix ms, ``since`` counts and ``until`` does not."""

    reason: str | None = None
    topic: str | None = None
    since: int | None = None
    until: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Tell whether ``letter`` is meant."""
        return (
            self.reason in {None, letter.reason}
            and self.topic in {None, letter.source}
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
        )
