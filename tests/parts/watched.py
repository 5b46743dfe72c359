"""A column of records that tells whether anybody still holds it."""

from __future__ import annotations

from weakref import ref


class Watched(list[bytes | None]):
    """Values of records, to which a weak reference can be had."""

    def watch(self) -> ref[Watched]:
        """Return what gives None once nobody holds this any more."""
        return ref(self)
