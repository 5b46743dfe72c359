"""Why no records are taken of a partition: the closed list of reasons, and which of them come from outside of the engine."""

from __future__ import annotations

import enum


class HoldReason(enum.StrEnum):
    """Why no records are taken of a partition.

    ``POSITION`` waits for the offset that the downstream keeps, ``DEAD_LETTER`` for a dead letter that cannot be sent, ``OVERFLOW`` for its overflow topic. ``OPERATOR``, ``APP`` and ``QUIESCE`` are asked for and lifted by events, and hold every partition; the others follow from the engine's state.
    """

    BUFFER = "buffer"
    ROOM = "room"
    BREAKER = "breaker"
    DRAIN = "drain"
    STOPPED = "stopped"
    POSITION = "position"
    DEAD_LETTER = "dead_letter"
    OVERFLOW = "overflow"
    QUIESCE = "quiesce"
    OPERATOR = "operator"
    APP = "app"


ASKED = (HoldReason.QUIESCE, HoldReason.OPERATOR, HoldReason.APP)
"""The reasons that are asked for, in the order in which they are told."""
