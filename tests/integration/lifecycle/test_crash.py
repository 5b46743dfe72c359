from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.lifecycle.scene import LONG, Scene, drain, runs, scene
from tests.parts.behaviour import slow
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.waiting import wait_for

KILLS = 10


def test_ten_crashes_under_load_lose_nothing_and_repeat_only_what_was_not_committed(kafka: RealKafka, tmp_path: Path) -> None:
    """What a crash may repeat is what was taken and not committed at that moment, in each partition, and not one record more."""
    settings = {
        "FLUSH__MAX_BATCH": "100",
        "KAFKA__SESSION_TIMEOUT_MS": "6000",
        "KAFKA__GROUP_INSTANCE_ID": "pod-0",  # static membership: the next process takes the place of the dead one at once
    }
    bound = 0
    with scene(kafka, tmp_path, behave=slow(0.1), records=20_000, settings=settings) as it:
        starts = [it.committed()]
        for _ in range(KILLS):
            it.produce(6_000)
            with it.sidecar() as sidecar:
                acknowledged = _let_it_commit(it, sidecar, starts[-1])
                assert sidecar.metric("sidecar_unaccounted_records") == 0
                sidecar.sigkill()
            it.wait_quiet()
            committed = it.committed()
            starts.append(committed)
            bound += sum(_uncommitted(it, partition, offset) for partition, offset in committed.items())
            assert all(committed[partition] >= offset for partition, offset in acknowledged.items())
            assert it.app.duplicates <= bound
        left = it.produced - len(set(it.app.ids))
        it.app.behave = slow(0.0)
        with it.sidecar() as sidecar:
            it.wait_taken(it.produced)
            drain(sidecar)
        it.assert_nothing_lost()
        assert left > 0  # each crash was one under load
        assert 0 < it.app.duplicates <= bound
        _assert_repeats_are_replays(it, starts)


def _let_it_commit(it: Scene, sidecar: SidecarProcess, start: Mapping[int, int]) -> dict[int, int]:
    """Return what was committed, as soon as each partition's commit is beyond where this process began; it then goes on."""

    def moved(status: Any) -> bool:
        return len(status["partitions"]) == it.partitions and all(
            (p["committed"] or 0) > start[p["partition"]] for p in status["partitions"]
        )

    status = sidecar.wait_status(moved, "a commit of what it delivered", LONG)
    taken = len(it.app.ids)
    wait_for(lambda: len(it.app.ids) > taken + 400, "it goes on", LONG)
    return {p["partition"]: p["committed"] for p in status["partitions"]}


def _uncommitted(it: Scene, partition: int, committed: int) -> int:
    """Return how many records of a partition were taken beyond its committed offset; all below it were taken."""
    taken = set(it.offsets_taken(partition))
    assert taken >= set(range(committed)), f"partition {partition}: committed {committed}, and not all of it was taken"
    return max(taken, default=-1) + 1 - committed


def _assert_repeats_are_replays(it: Scene, starts: Sequence[Mapping[int, int]]) -> None:
    """Assert that what repeats are runs without a gap, at most one a crash, each from what was committed then."""
    for partition in range(it.partitions):
        first, *replays = runs(it.offsets_taken(partition))
        assert first.start == 0
        assert {replay.start for replay in replays} <= {committed[partition] for committed in starts}
        assert len(replays) <= KILLS
