from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.lifecycle.scene import LONG, assert_ended, drain, has, scene
from tests.parts.behaviour import slow
from tests.parts.kafka import RealKafka
from tests.parts.process import caught_up

PROTOCOLS = ("classic", "consumer")
"""The group protocols; the second is KIP-848's."""

TINY = {"BUFFER__MAX_MESSAGES": "500", "FLUSH__MAX_BATCH": "100"}
"""A buffer that is full at once."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_record_is_delivered_once_in_order_and_committed(kafka: RealKafka, tmp_path: Path, protocol: str) -> None:
    with (
        scene(kafka, tmp_path, partitions=6, records=20_000, settings={"KAFKA__GROUP_PROTOCOL": protocol}) as it,
        it.sidecar() as sidecar,
    ):
        sidecar.wait_ready()
        it.wait_taken(20_000)
        it.produce(1_000)
        it.wait_taken(21_000)
        status = sidecar.wait_status(caught_up, "it says so")
        assert status["lag"]["records"] == 0
        drain(sidecar)
        it.assert_all_taken_once()


@pytest.mark.parametrize("limit", [{"BUFFER__MAX_MESSAGES": "500"}, {"BUFFER__MAX_BYTES": "1MiB"}], ids=["records", "bytes"])
def test_partitions_that_are_held_and_paused_go_on_without_loss_duplicate_or_reordering(
    kafka: RealKafka, tmp_path: Path, limit: dict[str, str]
) -> None:
    behave = slow(1.5)  # longer than the time after which a hold becomes a pause
    with (
        scene(kafka, tmp_path, behave=behave, settings={**limit, "FLUSH__MAX_BATCH": "100"}) as it,
        it.sidecar() as sidecar,
    ):
        it.produce(4_000, padding=2_000)
        paused = sidecar.wait_status(lambda status: status["kafka"]["pauses"] >= 4, "all partitions are paused", LONG)
        assert paused["buffer"]["records"] <= 500
        it.app.behave = slow(0.05)
        before = sidecar.wait_status(has(delivered=4_000), "they go on", LONG)["kafka"]["pauses"]
        it.app.behave = behave  # and again
        it.produce(4_000, padding=2_000)
        sidecar.wait_status(lambda status: status["kafka"]["pauses"] >= before + 4, "all are paused again", LONG)
        it.app.behave = slow(0.0)
        it.wait_taken(8_000)
        assert sidecar.metric("sidecar_pauses_total") >= 8
        assert sidecar.metric("sidecar_holds_total") >= 8
        drain(sidecar)
        it.assert_all_taken_once()


def test_a_drain_while_partitions_are_paused_delivers_what_is_here_and_leaves_the_rest_to_the_next(
    kafka: RealKafka, tmp_path: Path
) -> None:
    with scene(kafka, tmp_path, behave=slow(1.5), records=4_000, settings=TINY) as it:
        with it.sidecar() as sidecar:
            sidecar.wait_status(lambda status: status["kafka"]["pauses"] >= 4, "all partitions are paused", LONG)
            sidecar.sigterm()
            it.app.behave = slow(0.0)
            assert_ended(sidecar, 0)
        assert 0 < sum(it.committed().values()) < 4_000
        it.assert_taken_once_and_committed()
        with it.sidecar() as sidecar:
            it.wait_taken(4_000)
            drain(sidecar)
        it.assert_all_taken_once()
