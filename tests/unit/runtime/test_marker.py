from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.runtime.marker import Marker

WALL = 1_700_000_000.0


def test_what_was_written_counts_for_its_bound_and_no_longer(tmp_path: Path) -> None:
    marker = Marker(tmp_path / "drain", 60.0)
    assert marker.seconds_left(WALL) is None
    marker.write(WALL)
    assert marker.seconds_left(WALL) == 60.0
    assert marker.seconds_left(WALL + 45) == 15.0
    assert marker.seconds_left(WALL + 60) == 0.0
    assert marker.seconds_left(WALL + 1e6) == 0.0
    assert [path.name for path in tmp_path.iterdir()] == ["drain"]


def test_the_bound_is_that_of_the_process_that_wrote_it(tmp_path: Path) -> None:
    Marker(tmp_path / "drain", 60.0).write(WALL)
    assert Marker(tmp_path / "drain", 10.0).seconds_left(WALL + 20) == 40.0


def test_a_clock_that_was_set_back_makes_it_count_no_longer_than_its_bound(tmp_path: Path) -> None:
    marker = Marker(tmp_path / "drain", 60.0)
    marker.write(WALL)
    assert marker.seconds_left(WALL - 86_400) == 60.0


def test_it_is_taken_away_once_and_again(tmp_path: Path) -> None:
    marker = Marker(tmp_path / "drain", 60.0)
    marker.write(WALL)
    marker.clear()
    marker.clear()
    assert marker.seconds_left(WALL) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"precious",
        b"{}",
        b"[1]",
        b'{"kafka-sidecar-drain": 5}',
        b'{"kafka-sidecar-drain": {"at": "x", "bound": 1}}',
        b"\xff",
    ],
)
def test_a_file_that_is_no_marker_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "drain"
    file.write_bytes(content)
    with pytest.raises(
        ConfigurationError, match=r"SIDECAR_DRAIN_MARKER: .*drain is not a drain's marker: name a file that nothing else uses"
    ):
        Marker(file, 60.0).seconds_left(WALL)
    assert file.read_bytes() == content


def test_a_folder_that_is_not_there_is_told_with_the_mend(tmp_path: Path) -> None:
    Marker(tmp_path / "drain", 60.0).check()
    with pytest.raises(
        ConfigurationError, match=r"SIDECAR_DRAIN_MARKER: there is no folder .*nowhere: mount an emptyDir there, or leave it out"
    ):
        Marker(tmp_path / "nowhere" / "drain", 60.0).check()


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"SIDECAR_DRAIN_MARKER: .* cannot be read \(Is a directory\)"):
        Marker(tmp_path, 60.0).seconds_left(WALL)
