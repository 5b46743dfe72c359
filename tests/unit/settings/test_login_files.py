from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from sidecar.settings import load_settings, login_changed
from sidecar.settings.login_files import follow
from tests.unit.settings.environments import LEAST


def renew(file: Path, text: str) -> None:
    """Exchange a file as a kubelet does: another one takes its name."""
    other = file.with_suffix(".new")
    other.write_text(text, "utf-8")
    other.replace(file)


def test_a_login_is_told_when_its_file_has_changed_and_only_then(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first\n", "utf-8")
    changed = follow("billing", "first", {"password": password})
    assert changed() is None
    renew(password, "second\n")
    assert changed() == ("billing", "second")
    assert changed() is None


def test_what_was_exchanged_before_the_first_look_is_told(tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.write_text("billing-2", "utf-8")
    assert follow("billing", "secret", {"user": user})() == ("billing-2", "secret")


def test_a_file_that_is_gone_changes_nothing_and_is_said_once_without_a_secret(tmp_path: Path) -> None:
    changed = follow("billing", "hunter2", {"password": tmp_path / "gone"})
    with capture_logs() as said:
        assert [changed(), changed()] == [None, None]
    assert [line["event"] for line in said] == ["kafka.login_unusable"]
    assert "hunter2" not in str(said)


def test_a_change_that_was_seen_while_the_other_file_was_gone_is_told_when_that_is_back(tmp_path: Path) -> None:
    user, password, away = tmp_path / "user", tmp_path / "password", tmp_path / "away"
    user.write_text("billing", "utf-8")
    password.write_text("secret", "utf-8")
    changed = follow("billing", "secret", {"user": user, "password": password})
    renew(user, "billing-2")
    password.rename(away)
    assert changed() is None
    away.rename(password)
    assert changed() == ("billing-2", "secret")
    assert changed() is None


def test_without_files_it_never_changes() -> None:
    assert follow("billing", "secret", {})() is None


def test_the_files_of_the_settings_are_followed(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("first", "utf-8")
    settings = load_settings(
        LEAST | {"SIDECAR_KAFKA__SASL_USERNAME": "billing", "SIDECAR_KAFKA__SASL_PASSWORD_FILE": str(password)}
    )
    first, second = login_changed(settings), login_changed(settings)
    assert first() is None
    renew(password, "second")
    assert [first(), second()] == [("billing", "second")] * 2
