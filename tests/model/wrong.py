"""Protocols that are known to be wrong: each differs from ours by what its name says, and breaks a promise.

Others have lost or repeated records by the first ones (a batch that is skipped: Vector's issue 24543); the last ones are near at hand when one writes ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.model.promises import COMMIT_PASSES_NONE, ONCE, ONLY_OTHERS, STORED_PASSES_NONE, Promise
from tests.model.protocols import (
    AT_LEAST_ONCE,
    EXACTLY_ONCE,
    Commits,
    Letters,
    Lost,
    Offset,
    Old,
    OldResult,
    Protocol,
    Rejected,
    Start,
)
from tests.model.steps import Moves, lose_answer


@dataclass(frozen=True)
class Wrong:
    """``why`` is for people: what goes wrong, in a sentence. ``spared`` are faults that it does not even take."""

    name: str
    protocol: Protocol
    breaks: Promise
    why: str
    spared: frozenset[Moves] = frozenset()


WRONG = (
    Wrong(
        "commit before flush",
        replace(AT_LEAST_ONCE, commits=Commits.AFTER_POLL),
        COMMIT_PASSES_NONE,
        "What is polled is committed. A crash before the flush loses it: the next owner begins behind it.",
    ),
    Wrong(
        "skip of a rejected batch",
        replace(AT_LEAST_ONCE, rejected=Rejected.SKIPPED),
        COMMIT_PASSES_NONE,
        "A batch that is rejected is left behind, and the commit of what follows passes its records, good ones too.",
    ),
    Wrong(
        "dead letter not awaited",
        replace(AT_LEAST_ONCE, letters=Letters.NOBODY_WAITS),
        COMMIT_PASSES_NONE,
        "A dead letter counts as an outcome when it is sent. Where the topic does not take it, or the process crashes before, the record is nowhere.",
    ),
    Wrong(
        "flush ahead of a dead letter",
        replace(EXACTLY_ONCE, letters=Letters.COMMIT_WAITS),
        STORED_PASSES_NONE,
        "The commit to Kafka waits for the dead letter, the next flush does not. It stores an offset behind the letter, and the next owner begins there: "
        "a crash loses the letter. (Without stored offsets this is no harm: the next owner begins at Kafka's.)",
    ),
    Wrong(
        "blind write of the offset",
        replace(EXACTLY_ONCE, offset=Offset.BLIND),
        ONCE,
        "An owner that was stopped, and wakes up after another one has written, writes the same records again.",
        frozenset({lose_answer}),
    ),
    Wrong(
        "GREATEST alone",
        replace(EXACTLY_ONCE, offset=Offset.GREATEST),
        ONCE,
        "The stored offset does not go back, but the rows of the old owner are written all the same.",
        frozenset({lose_answer}),
    ),
    Wrong(
        "start at Kafka's offset",
        replace(EXACTLY_ONCE, start=Start.KAFKA),
        ONCE,
        "The stored offset is read only to be expected. Kafka's is behind it after a crash between the two commits, and what lies between is written again.",
    ),
    Wrong(
        "old flush not awaited",
        replace(EXACTLY_ONCE, old=Old.NOT_AWAITED),
        ONLY_OTHERS,
        "A partition comes back to a process that still has a flush of it out. The stored offset is read, then the old flush is carried out, and the new one "
        "is fenced by it. The table stays right, but the process takes itself for two owners.",
    ),
    Wrong(
        "old flush not awaited, its result believed",
        replace(EXACTLY_ONCE, old=Old.NOT_AWAITED, old_result=OldResult.BELIEVED),
        ONCE,
        "As before, and the result of the old flush moves the offset that the new epoch expects: now it is found, and the records are written again.",
    ),
    Wrong(
        "lost answer to COMMIT taken for a yes",
        replace(EXACTLY_ONCE, lost=Lost.DELIVERED),
        COMMIT_PASSES_NONE,
        "The connection is lost after COMMIT was sent, and the database rolls back. What is committed to Kafka then passes records that are not there.",
    ),
)
