from __future__ import annotations

import socket
import sys
from pathlib import Path
from subprocess import run

import pytest

from sidecar.remote import DEFAULT_LISTEN, NoAnswer, Remote
from sidecar.settings.environment import fields


def test_it_asks_where_the_sidecar_listens_unless_told_otherwise() -> None:
    assert dict(fields())["SIDECAR_HTTP__LISTEN"].default == DEFAULT_LISTEN


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("0.0.0.0:9877", "127.0.0.1", 9877),
        ("[::]:9877", "::1", 9877),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[fd00::7]:80", "fd00::7", 80),
        ("pod-7.local:9877", "pod-7.local", 9877),
    ],
)
def test_an_address_that_means_everywhere_is_asked_over_loopback(listen: str, host: str, port: int) -> None:
    assert Remote.of({"SIDECAR_HTTP__LISTEN": listen}) == Remote(host, port)


def test_settings_come_from_the_environment_from_files_or_from_the_folder_of_secrets(tmp_path: Path) -> None:
    token, listen = tmp_path / "SIDECAR_HTTP__TOKEN", tmp_path / "listen"
    token.write_text("correct-horse\n", encoding="utf-8")
    listen.write_text("0.0.0.0:7\n", encoding="utf-8")
    environ = {"SIDECAR_HTTP__LISTEN_FILE": str(listen), "SIDECAR_SECRETS_DIR": str(tmp_path)}
    assert Remote.of(environ) == Remote("127.0.0.1", 7, "correct-horse")
    assert "correct-horse" not in repr(Remote.of(environ))


@pytest.mark.parametrize("token", ["hunter2-hunter2\r", "hunter2-\n-hunter2", "hunter2-\u2026"], ids=ascii)
def test_a_token_that_cannot_stand_in_a_header_is_not_sent_and_not_shown(token: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(NoAnswer, match="no sidecar answers") as refused:
            Remote("127.0.0.1", nobody.getsockname()[1], token).ask("GET", "/status")
    assert "hunter2" not in str(refused.value)


def test_a_hook_imports_nothing_that_is_heavy() -> None:
    code = (
        "import sys, sidecar.cli, sidecar.remote\n"
        "print([name for name in sys.modules if name in ('pydantic', 'confluent_kafka', 'structlog', 'starlette', 'prometheus_client')])"
    )
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
