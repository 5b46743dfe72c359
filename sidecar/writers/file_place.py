"""Where a file is, how it and those that are full are called, and when a new one begins. It only looks at names; the writer acts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sidecar.writers.file_formats import FORMATS, Format


@dataclass(frozen=True, slots=True)
class Place:
    """``base`` is the file's path without what a compression adds; ``rotate_interval`` is None, or above 0: seconds."""

    base: Path
    format: Format
    rotate_size: int
    rotate_interval: float | None

    @property
    def path(self) -> Path:
        """Where is written now."""
        return self.base.with_name(self.base.name + self.format.suffix)

    @property
    def lock(self) -> Path:
        """What the writing process holds a lock on."""
        return self.base.with_name(f"{self.base.name}.lock")

    def next_full(self) -> Path:
        """Return the name for the next file that is full: one above the highest number there is, compressed or not."""
        highest = max(map(self._number, self.base.parent.iterdir()), default=0)
        return self.base.with_name(f"{self.base.name}.{highest + 1:06}{self.format.suffix}")

    def is_due(self, written_at: float, now: float) -> bool:
        """Tell whether a file that was written to at ``written_at`` is of an earlier interval."""
        every = self.rotate_interval
        return every is not None and written_at // every < now // every

    def _number(self, path: Path) -> int:
        if not path.name.startswith(f"{self.base.name}."):
            return 0
        number = path.name.removeprefix(f"{self.base.name}.")
        for other in FORMATS.values():
            number = number.removesuffix(other.suffix)
        return int(number) if number.isdecimal() else 0
