from __future__ import annotations

import json
import signal
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, ContainerError

from tests.integration.lifecycle.scene import LONG, assert_ended, drain, scene
from tests.packaging.container import MEMORY, RESTRICTED, SidecarContainer
from tests.parts.base_image import base_image
from tests.parts.behaviour import accept, held_until
from tests.parts.docker import DockerEngine
from tests.parts.image import ROOT, revision, sidecar_image
from tests.parts.kafka import RealKafka
from tests.parts.waiting import wait_for

AT_MOST = 200_000_000
"""Bytes that the image takes unpacked, its base included."""

NO_SHELL = "local/python-base-without-shell"


def test_it_delivers_from_kafka_as_a_user_without_any_right_and_drains_on_sigterm(
    kafka: RealKafka, tmp_path: Path, engine: DockerEngine, image: str
) -> None:
    with scene(kafka, tmp_path, records=2_000) as it, SidecarContainer(engine, image, it.environ(), tmp_path) as sidecar:
        it.wait_taken(2_000)
        process = status_of(sidecar.child.pid)
        assert process["Uid"] == ["65532"] * 4
        assert process["Gid"] == ["65532"] * 4
        assert {int(process[name][0], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert process["NoNewPrivs"] == ["1"]
        assert sidecar.metric("sidecar_memory_limit_bytes") == MEMORY
        sidecar.wait_status(lambda status: status["books"]["delivered"] == 2_000, "all is told delivered")
        drain(sidecar)
        it.assert_all_taken_once()


def test_sigterm_under_load_delivers_what_is_buffered_and_commits_it(
    kafka: RealKafka, tmp_path: Path, engine: DockerEngine, image: str
) -> None:
    settings = {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "2000"}
    gate = threading.Event()
    held = held_until(gate)  # else all could be delivered before the engine has passed the signal on
    with scene(kafka, tmp_path, records=20_000, settings=settings) as it:
        it.app.behave = lambda request: accept(request) if len(it.app.ids) < 2_000 else held(request)
        with SidecarContainer(engine, image, it.environ(), tmp_path) as sidecar:
            it.wait_taken(2_000)
            sidecar.wait_status(lambda status: status["books"]["in_flight"] > 0, "a flush is under way", LONG)
            sidecar.sigterm()
            sidecar.wait_status(lambda status: status["state"] == "draining", "the drain began", LONG)
            gate.set()
            assert_ended(sidecar, 0)
            books = sidecar.events("sidecar.stopped")[-1]["books"]
        assert 2_000 <= books["delivered"] == books["polled"] - sum(books["released"].values()) < 20_000
        it.assert_taken_once_and_committed()


def test_sigterm_while_python_still_imports_is_kept(kafka: RealKafka, tmp_path: Path, engine: DockerEngine, image: str) -> None:
    with scene(kafka, tmp_path, records=100) as it, SidecarContainer(engine, image, it.environ(), tmp_path) as sidecar:
        pid = sidecar.child.pid
        wait_for(lambda: int(status_of(pid)["SigBlk"][0], 16) >> (signal.SIGTERM - 1) & 1, "it takes signals", LONG)
        sidecar.sigterm()
        assert_ended(sidecar, 0)


def test_it_runs_where_there_is_no_shell_and_no_other_program(
    kafka: RealKafka, tmp_path: Path, engine: DockerEngine, image_without_shell: str
) -> None:
    with (
        scene(kafka, tmp_path, records=100) as it,
        SidecarContainer(engine, image_without_shell, it.environ(), tmp_path) as sidecar,
    ):
        it.wait_taken(100)
        drain(sidecar)
    with pytest.raises((ContainerError, APIError), match="no such file"):
        engine.client.containers.run(image_without_shell, entrypoint=["/bin/sh", "-c", "true"], remove=True, network_mode="none")


@pytest.fixture(scope="session")
def image_without_shell(engine: DockerEngine) -> str:
    base = base_image(engine)
    bare = engine.build(ROOT / "tests" / "packaging", NO_SHELL, dockerfile="without_shell.Dockerfile", arguments={"BASE": base})
    return sidecar_image(engine, run_base=bare)


def test_wrong_settings_end_it_with_2_and_name_what_is_missing(engine: DockerEngine, image: str) -> None:
    with pytest.raises(ContainerError) as ended:
        engine.client.containers.run(image, remove=True, **RESTRICTED)
    assert ended.value.exit_status == 2
    assert b"SIDECAR_TOPICS" in ended.value.stderr


def test_it_is_small(engine: DockerEngine, image: str) -> None:
    size = engine.client.images.get(image).attrs["Size"]
    assert size <= AT_MOST


def test_it_says_what_it_is(engine: DockerEngine, image: str) -> None:
    config = engine.client.images.get(image).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["kafka-sidecar"]
    assert config["Cmd"] == ["run"]
    assert not config.get("Healthcheck")
    said = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert said["title"] == "kafka-sidecar"
    assert said["licenses"] == "Apache-2.0"
    assert said["version"] == version("kafka-sidecar")
    assert said["revision"] == revision()
    assert said["base.name"] == base_image(engine)


def test_its_bill_of_materials_lists_exactly_what_is_installed(engine: DockerEngine, image: str) -> None:
    listed = in_image(
        engine,
        image,
        "from importlib.metadata import distributions\n"
        "print(json.dumps([[found.name.lower().replace('_', '-'), found.version] for found in distributions()]))",
    )
    bill = in_image(engine, image, "print(open('/opt/kafka-sidecar/sbom.cdx.json').read())")
    assert bill["bomFormat"] == "CycloneDX"
    itself = bill["metadata"]["component"]
    components = {component["name"].lower().replace("_", "-"): component for component in [itself, *bill["components"]]}
    assert sorted([name, component["version"]] for name, component in components.items()) == sorted(listed)
    assert all(component.get("licenses") for component in components.values())
    assert itself["name"] == "kafka-sidecar"


def in_image(engine: DockerEngine, image: str, code: str) -> Any:
    """Run ``code`` by the Python of the image, and return the JSON that it prints."""
    entrypoint = ["/opt/kafka-sidecar/bin/python", "-c", f"import json\n{code}"]
    return json.loads(engine.client.containers.run(image, entrypoint=entrypoint, command=[], remove=True, **RESTRICTED))


def status_of(pid: int) -> dict[str, list[str]]:
    """Return what the kernel tells of a process, by name."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return {name: text.split() for name, _, text in (line.partition(":") for line in lines)}
