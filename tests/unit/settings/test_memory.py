from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.settings import load_settings, memory
from sidecar.settings.memory import BASE, MIB, Shares
from tests.unit.settings.environments import LEAST, complaints, load, named


def split(limit: int, prefetch: int = 0, fetch: int = MIB, buffer: int = 0, batch: int = 0) -> tuple[Shares, list[str]]:
    """Split ``limit`` among eight flushes; what is 0 is left open."""
    shares, problems = memory.split(limit, Shares(prefetch, fetch, buffer, batch), 8)
    return shares, [problem.name for problem in problems]


@pytest.mark.parametrize(
    ("limit", "shares"),
    [
        (85 * MIB, Shares(85 * MIB // 32, MIB, 8_568_832, 535_552)),
        (128 * MIB, Shares(4 * MIB, MIB, 29 * MIB, 29 * MIB // 16)),
        (512 * MIB, Shares(16 * MIB, MIB, 215 * MIB, 8 * MIB)),
        (4096 * MIB, Shares(16 * MIB, MIB, 2007 * MIB, 8 * MIB)),
    ],
)
def test_the_limit_is_split_so_that_the_sum_fits(limit: int, shares: Shares) -> None:
    assert split(limit) == (shares, [])
    assert BASE + shares.prefetch + 2 * shares.fetch + shares.buffer + 2 * 8 * shares.batch <= limit


def test_what_is_set_is_kept_and_the_other_takes_the_rest() -> None:
    assert split(512 * MIB, buffer=400 * MIB)[0].batch == 30 * MIB // 16
    assert split(512 * MIB, batch=100 * 1024)[0].buffer == 430 * MIB - 16 * 100 * 1024
    assert split(512 * MIB, prefetch=64 * MIB)[0].buffer == (430 - 48) * MIB // 2
    assert split(512 * MIB, fetch=50 * MIB)[0].buffer == (512 - 64 - 16 - 100) * MIB // 2


def test_the_smallest_limit_that_is_named_is_enough() -> None:
    assert "Give it 85MiB or more" in complaints(LEAST | named({"MEMORY__LIMIT": "70MiB"}))[0]
    assert split(84 * MIB)[1] == ["SIDECAR_MEMORY__LIMIT"]
    assert split(85 * MIB)[1] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"MEMORY__LIMIT": "64MiB"},
            (
                "SIDECAR_MEMORY__LIMIT: 64MiB is too small: the process and the client's prefetch take 68MiB, and the buffer needs 16MiB "
                "more. Give it 85MiB or more, or raise the container's limit"
            ),
        ),
        (
            {"BUFFER__MAX_BYTES": "400MiB", "FLUSH__MAX_BATCH_BYTES": "8MiB"},
            (
                "SIDECAR_MEMORY__LIMIT: 512MiB leaves 430MiB, but SIDECAR_BUFFER__MAX_BYTES (400MiB) and 2 x SIDECAR_FLUSH__MAX_IN_FLIGHT "
                "(8) x SIDECAR_FLUSH__MAX_BATCH_BYTES (8MiB) need 528MiB. Lower one of them, or raise the limit"
            ),
        ),
        (
            {"KAFKA__FETCH_MAX_BYTES": str(220 * MIB)},
            (
                "SIDECAR_MEMORY__LIMIT: 512MiB is too small: the process and the client's prefetch take 520MiB, and the buffer needs 16MiB "
                "more. Give it 536MiB or more, or raise the container's limit"
            ),
        ),
        (
            {"FLUSH__MAX_IN_FLIGHT": "1000"},
            (
                "SIDECAR_FLUSH__MAX_IN_FLIGHT: with 1000 at once, SIDECAR_MEMORY__LIMIT leaves a batch 110.1KiB, and less than 256KiB is a "
                "waste. Lower it, raise the limit, or set SIDECAR_FLUSH__MAX_BATCH_BYTES"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_sum(wrong: dict[str, str], told: str) -> None:
    assert complaints(LEAST | named(wrong)) == [told]


def test_the_limit_is_the_one_that_is_set_else_the_containers_else_a_default() -> None:
    assert load({"MEMORY__LIMIT": "1GiB"}).memory.limit == 1024 * MIB
    assert load_settings(LEAST, lambda: 256 * MIB).memory.limit == 256 * MIB
    assert load_settings(LEAST, lambda: None).memory.limit == 512 * MIB


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "268435456\n"}, 256 * MIB),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("0::/kubepods/pod1/c1\n", {"kubepods/pod1/c1/memory.max": "268435456"}, 256 * MIB),
        ("0::/a/b\n", {"a/memory.max": "134217728", "a/b/memory.max": "max"}, 128 * MIB),
        ("0::/a\n", {"memory.max": "268435456", "a/memory.max": "134217728"}, 128 * MIB),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": "268435456"}, 256 * MIB),
        ("5:memory:/docker/c1\n", {"memory/docker/c1/memory.limit_in_bytes": "268435456"}, 256 * MIB),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("3:cpu:/x\n0::/\n", {"x/memory.max": "268435456"}, None),
        (None, {"memory.max": "268435456"}, 256 * MIB),
        (None, {}, None),
    ],
    ids=str,
)
def test_the_containers_limit_is_found_in_either_version_of_cgroups(
    own: str | None, files: dict[str, str], limit: int | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if own is not None:
        (tmp_path / "self").write_text(own, encoding="utf-8")

    assert memory.container_limit(tmp_path / "cgroup", tmp_path / "self") == limit
