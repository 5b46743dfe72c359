"""Whether anything is lost: the simulator's worlds, as many as 48 faults with three seeds each. No speed, but a bar like the others."""

from __future__ import annotations

from benchmarks.measure import Bench
from benchmarks.table import Row
from tests.simulation.test_faults import (
    test_after_all_faults_heal_the_lag_reaches_zero_and_no_record_of_a_blocking_topic_was_lost as play,
)

WORLDS = 48 * 3
FIRST_SEED = 1_000
"""Above those of the tests, so that these are others."""


def nothing_lost(_bench: Bench) -> list[Row]:
    """Play each world to its end, with every invariant checked after every event."""
    broken = [seed for seed in range(FIRST_SEED, FIRST_SEED + WORLDS) if not _holds(seed)]
    return [
        Row(f"worlds of the simulator that broke an invariant or lost a record, of {WORLDS}", str(len(broken)), "0", not broken)
    ]


def _holds(seed: int) -> bool:
    try:
        play(seed)
    except AssertionError as broken:
        print(f"seed {seed}: {broken}")
        return False
    return True
