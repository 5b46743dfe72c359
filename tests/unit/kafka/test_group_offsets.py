"""What is said where the group's offsets cannot even be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import TopicPartition
from sidecar.kafka.group_offsets import GroupOffsets


def nothing_to_end(_deadline: float) -> None:
    """End nothing: no process was before this one."""


def test_a_client_that_cannot_be_made_is_trouble_to_be_tried_again_and_no_defect(tmp_path: Path) -> None:
    missing = {"bootstrap.servers": "broker:9092", "security.protocol": "ssl", "ssl.ca.location": str(tmp_path / "ca.pem")}
    offsets = GroupOffsets(missing, "group", nothing_to_end)
    with pytest.raises(WriterUnavailable, match=r"^the group's offsets are not known yet: .*ssl\.ca\.location"):
        offsets.read([TopicPartition("orders", 0)], 0.0)
