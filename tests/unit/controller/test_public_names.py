from __future__ import annotations

import subprocess
import sys

import pytest

import sidecar

HEAVY = {"confluent_kafka", "starlette", "uvicorn", "pydantic", "structlog", "prometheus_client", "msgspec"}


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after ``statement``."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_but_itself() -> None:
    loaded = modules_after("import sidecar") - modules_after("import __future__")
    assert loaded == {"sidecar"}


def test_the_controller_needs_no_library_and_the_blocking_one_no_asyncio() -> None:
    loaded = modules_after("from sidecar import BackpressureController, ControllerConfig, FlushResult")
    assert not loaded & {*HEAVY, "asyncio"}


@pytest.mark.parametrize("name", sidecar.__all__)
def test_every_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(getattr(sidecar, name), "__name__", "Result") == name  # a union has no name
    assert name in dir(sidecar)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        sidecar.Nothing  # type: ignore[attr-defined] # noqa: B018 -- the access is the test
