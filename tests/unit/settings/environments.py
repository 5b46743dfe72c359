"""What the tests of the settings begin with: the least environment that works, and what a wrong one is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.settings import Settings, load_settings
from sidecar.settings.container import Container

LEAST = {
    "SIDECAR_TOPICS": "orders",
    "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "SIDECAR_KAFKA__GROUP_ID": "billing",
    "SIDECAR_WRITER__URL": "http://localhost:8080/records",
}

CONTAINER = Container(512 * 1024**2)


def load(environ: Mapping[str, str]) -> Settings:
    """Load ``LEAST`` with ``environ`` (names without ``SIDECAR_``) in a container of 512 MiB."""
    return load_settings(LEAST | named(environ), lambda: CONTAINER)


def named(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` with full names."""
    return {f"SIDECAR_{name}": text for name, text in environ.items()}


def complaints(environ: Mapping[str, str]) -> list[str]:
    """Return what is said of each problem of ``environ`` (full names), without the heading."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(environ, lambda: CONTAINER)
    heading, *lines = str(refused.value).splitlines()
    assert heading == ("this setting cannot work:" if len(lines) == 1 else f"these {len(lines)} settings cannot work:")
    return [line.removeprefix("  ") for line in lines]
