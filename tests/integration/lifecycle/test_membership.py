from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.lifecycle.scene import LONG, assert_ended, drain, has, runs, scene
from tests.parts.behaviour import accept, slow
from tests.parts.kafka import RealKafka

LOAD = slow(0.2)
"""Two thousand records a second at most, so that what is produced lasts for what is to be seen."""

SETTINGS = {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "500"}
CLASSIC = {
    **SETTINGS,
    "KAFKA__GROUP_PROTOCOL": "classic",
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "500",
}
CONSUMER = {**SETTINGS, "KAFKA__GROUP_PROTOCOL": "consumer"}


@pytest.mark.parametrize("settings", [pytest.param(CLASSIC, id="classic"), pytest.param(CONSUMER, id="consumer")])
def test_instances_that_join_and_leave_under_load_hand_over_without_loss_or_duplicate(
    kafka: RealKafka, tmp_path: Path, settings: dict[str, str]
) -> None:
    with scene(kafka, tmp_path, behave=LOAD, records=20_000, settings=settings) as it, it.sidecar() as first:
        first.wait_status(lambda status: owns(status, 4) and status["books"]["delivered"] > 0, "the first has all", LONG)
        with it.sidecar() as second:
            second.wait_status(lambda status: owns(status, 2), "the second takes half", LONG)
            first.wait_status(lambda status: owns(status, 2), "the first keeps half", LONG)
            it.produce(20_000)
            second.wait_status(has(delivered=1), "the second delivers", LONG)
            second.sigterm()
            assert_ended(second, 0)
        assert len(it.app.ids) < it.produced  # all of this was under load
        first.wait_status(lambda status: owns(status, 4), "the first has all again", LONG)
        it.app.behave = accept
        it.wait_taken(it.produced)
        assert first.metric("sidecar_rebalances_total", kind="lost") == 0
        drain(first)
        it.assert_all_taken_once()


def test_when_an_instance_crashes_the_other_takes_over_and_repeats_only_what_was_not_committed(
    kafka: RealKafka, tmp_path: Path
) -> None:
    with scene(kafka, tmp_path, behave=LOAD, records=4_000, settings=CLASSIC) as it, it.sidecar() as left:
        with it.sidecar() as crashing:
            for sidecar in (left, crashing):
                sidecar.wait_status(lambda status: owns(status, 2), "each has half", LONG)
            it.produce(20_000)
            lost = crashing.wait_status(lambda status: all(p["committed"] for p in status["partitions"]), "it commits", LONG)
            assert it.app.duplicates == 0  # the handover so far repeated nothing
            crashing.sigkill()
        dead = {p["partition"] for p in lost["partitions"]}
        committed = it.committed()  # of its partitions nobody commits until its session is over
        left.wait_status(lambda status: owns(status, 4), "the other takes over", LONG)
        it.app.behave = accept
        it.wait_taken(it.produced)
        drain(left)
        it.assert_nothing_lost()
        for partition in range(it.partitions):
            first, *replays = runs(it.offsets_taken(partition))
            assert first.start == 0
            assert len(replays) <= (partition in dead)
            assert all(committed[partition] <= replay.start < first.stop for replay in replays)


def owns(status: Any, partitions: int) -> bool:
    """Whether a sidecar has so many partitions."""
    return bool(status["kafka"]["assigned"] == partitions)
