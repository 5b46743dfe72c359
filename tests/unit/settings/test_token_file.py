from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from structlog.typing import EventDict

from sidecar.settings import load_settings
from sidecar.settings.environment import OPEN_TO_ALL
from tests.parts.secret_volume import SecretVolume
from tests.unit.settings.environments import CONTAINER, LEAST

KEY = "SIDECAR_HTTP__TOKEN"
FIRST, SECOND = "correct-horse", "battery-staple"


@pytest.fixture
def volume(tmp_path: Path) -> SecretVolume:
    return SecretVolume(tmp_path / "secrets", {KEY: f"{FIRST}\n"})


def token_of(volume: SecretVolume, *, by_folder: bool = False) -> SecretStr:
    path = volume.path(KEY)
    said = {"SIDECAR_SECRETS_DIR": str(path.parent)} if by_folder else {f"{KEY}_FILE": str(path)}
    token = load_settings(LEAST | said, lambda: CONTAINER).http.token
    assert token is not None
    return token


def warnings(logs: list[EventDict]) -> list[str]:
    return [line["reason"] for line in logs if (line["event"], line["log_level"]) == ("http.token_unusable", "warning")]


@pytest.mark.parametrize("by_folder", [False, True])
def test_the_token_is_what_the_file_holds_now(volume: SecretVolume, *, by_folder: bool) -> None:
    token = token_of(volume, by_folder=by_folder)
    assert token.get_secret_value() == FIRST
    with capture_logs() as logs:
        volume.change({KEY: SECOND})
        assert [token.get_secret_value(), token.get_secret_value()] == [SECOND, SECOND]
    assert [line["event"] for line in logs] == ["http.token_changed"]
    assert not {FIRST, SECOND} & set(map(str, logs[0].values()))
    assert SECOND not in f"{token!r} {token}"


def test_a_file_that_was_exchanged_after_the_start_has_read_it_counts_at_once(volume: SecretVolume) -> None:
    token = token_of(volume)
    volume.change({KEY: SECOND})
    assert token.get_secret_value() == SECOND


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (SECOND, 0o444, OPEN_TO_ALL),
        ("hunter2", 0o440, "must have 8 characters or more"),
        ("", 0o440, "must have 8 characters or more"),
        ("two words and more", 0o440, "no space or character outside ASCII"),
    ],
    ids=["open to all", "short", "empty", "words"],
)
def test_what_cannot_be_used_changes_nothing_and_is_told_once(volume: SecretVolume, content: str, mode: int, why: str) -> None:
    token = token_of(volume)
    volume.change({KEY: content}, mode)
    with capture_logs() as logs:
        assert [token.get_secret_value() for _ in range(3)] == [FIRST] * 3
    (told,) = warnings(logs)
    assert why in told
    assert not content or content not in told
    volume.change({KEY: SECOND})
    assert token.get_secret_value() == SECOND


def test_a_file_that_is_not_there_any_more_is_told_once_and_the_next_one_counts(volume: SecretVolume) -> None:
    token = token_of(volume)
    with capture_logs() as logs:
        volume.change({})
        assert [token.get_secret_value(), token.get_secret_value()] == [FIRST, FIRST]
    assert warnings(logs) == ["cannot be read (No such file or directory)"]
    volume.change({KEY: SECOND})
    assert token.get_secret_value() == SECOND


def test_a_right_that_is_taken_away_is_noticed_although_the_file_stays_the_same(volume: SecretVolume) -> None:
    token = token_of(volume)
    volume.change({KEY: SECOND}, 0o444)
    assert token.get_secret_value() == FIRST
    volume.path(KEY).chmod(0o440)
    assert token.get_secret_value() == SECOND
