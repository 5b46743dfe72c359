"""What the demonstration's records go to: it counts for itself, so that the closing books do not rest on the sidecar's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Downstream(Protocol):
    """``taken`` counts records, ``unique`` those with different ids, ``duplicates`` the others; ``name`` is for people."""

    name: str

    @property
    def settings(self) -> Mapping[str, str]:
        """The sidecar's settings for it."""

    @property
    def taken(self) -> int:
        """Count all records."""

    @property
    def unique(self) -> int:
        """Count the ids."""

    @property
    def duplicates(self) -> int:
        """Count the records whose id was there before."""

    def start(self) -> None:
        """Begin to take records."""

    def stop(self) -> None:
        """End."""
