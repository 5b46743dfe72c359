"""The commands that ask a running sidecar. No Kafka is needed for that, and they must work without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.outside.commands import command
from tests.parts.environ import sidecar_environ
from tests.parts.process import SidecarProcess
from tests.parts.secret_volume import SecretVolume
from tests.parts.waiting import free_port, wait_for

TOKEN, OTHER = "correct-horse", "battery-staple"


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[SidecarProcess]:
    """Start a sidecar that looks for a Kafka in vain."""
    with SidecarProcess(sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:"), tmp_path) as running:
        running.wait_status(lambda status: status["phase"] == "joining", "it has started")
        yield running


def environ(sidecar: SidecarProcess, **more: str) -> dict[str, str]:
    """Return the environment of the sidecar's container, as far as these commands look at it."""
    return {"SIDECAR_HTTP__LISTEN": f"0.0.0.0:{sidecar.port}", **more}


def test_pause_and_resume(sidecar: SidecarProcess) -> None:
    assert command("pause", environ=environ(sidecar)) == (
        0,
        "held: operator (POST /pause); 0 records buffered, 0 in flight\n",
        "",
    )
    assert sidecar.get("/status")[1]["holds"] == {"operator": "POST /pause"}
    assert command("resume", environ=environ(sidecar)) == (0, "not held\n", "")
    assert sidecar.get("/status")[1]["holds"] == {}


def test_status_is_a_few_lines_for_people_or_the_whole_document(sidecar: SidecarProcess) -> None:
    command("pause", environ=environ(sidecar))
    ended = command("status", environ=environ(sidecar))
    assert (ended.status, ended.err) == (0, "")
    heads = [line.split()[0] for line in ended.out.splitlines()]
    assert heads == ["phase", "verdict", "lag", "records", "kafka", "held"]
    assert "joining" in ended.out
    assert "operator: POST /pause" in ended.out
    document = json.loads(command("status", "--json", environ=environ(sidecar)).out)
    assert document["phase"] == "joining"
    assert document["holds"] == {"operator": "POST /pause"}


def test_a_revocable_drain_can_be_resumed(sidecar: SidecarProcess) -> None:
    ended = command("drain", "--revocable", "--wait", environ=environ(sidecar))
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("quiesce: done after ")
    assert command("resume", environ=environ(sidecar)).out == "not held\n"


def test_the_hook_of_the_sidecar_drains_it_and_it_stays_until_the_signal(sidecar: SidecarProcess) -> None:
    ended = command("drain", "--wait=10s", environ=environ(sidecar))
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("drain: done after ")
    again = command("drain", "--wait", environ=environ(sidecar))
    assert (again.status, again.out[:11]) == (0, "drain: done")
    refused = command("resume", environ=environ(sidecar))
    assert refused == (1, "", "the sidecar answers 409: the process drains, and does not come back from that\n")
    assert sidecar.child.running
    assert sidecar.get("/livez")[0] == 200
    sidecar.sigterm()
    assert sidecar.wait_exit() == 0


def test_a_wait_that_is_no_time_is_told_by_the_sidecar(sidecar: SidecarProcess) -> None:
    ended = command("drain", "--revocable", "--wait=soon", environ=environ(sidecar))
    assert (ended.status, ended.out) == (1, "")
    assert "400: wait: 'soon' is not a duration" in ended.err


def test_where_no_sidecar_runs_that_is_told() -> None:
    port = free_port()
    for name in ("drain", "pause", "resume", "status"):
        ended = command(name, environ={"SIDECAR_HTTP__LISTEN": f"0.0.0.0:{port}"})
        assert ended == (1, "", f"no sidecar answers on 127.0.0.1:{port} (Connection refused)\n")


def test_the_token_is_taken_from_where_the_settings_take_it(tmp_path: Path) -> None:
    file = tmp_path / "SIDECAR_HTTP__TOKEN"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    file.chmod(0o400)
    settings = sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:", HTTP__TOKEN_FILE=str(file))
    with SidecarProcess(settings, tmp_path) as sidecar:
        wait_for(lambda: command("status", environ=environ(sidecar)).status == 0, "it has started")
        for given in (
            {"SIDECAR_HTTP__TOKEN": TOKEN},
            {"SIDECAR_HTTP__TOKEN_FILE": str(file)},
            {"SIDECAR_SECRETS_DIR": str(tmp_path)},
        ):
            assert command("pause", environ=environ(sidecar, **given)).status == 0
        assert TOKEN not in sidecar.child.log.read_text(encoding="utf-8")


def test_a_token_that_is_exchanged_counts_at_once_for_the_sidecar_and_for_its_commands(tmp_path: Path) -> None:
    key = "SIDECAR_HTTP__TOKEN"
    volume = SecretVolume(tmp_path / "secrets", {key: TOKEN})
    given = {f"{key}_FILE": str(volume.path(key))}
    settings = sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:") | given
    with SidecarProcess(settings, tmp_path) as sidecar:
        wait_for(lambda: command("status", environ=environ(sidecar)).status == 0, "it has started")
        assert pause_from_elsewhere(sidecar, TOKEN) == 200
        volume.change({key: OTHER})
        assert [pause_from_elsewhere(sidecar, token) for token in (TOKEN, OTHER)] == [403, 200]
        assert command("resume", environ=environ(sidecar, **given)).out == "not held\n"
        assert [line["file"] for line in sidecar.events("http.token_changed")] == [str(volume.path(key))]
        assert OTHER not in sidecar.child.log.read_text(encoding="utf-8")


def pause_from_elsewhere(sidecar: SidecarProcess, token: str) -> int:
    """Ask as another host does whose request a proxy brings; return the status."""
    connection = HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request("POST", "/pause", headers={"X-Forwarded-For": "10.0.0.9", "Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()
