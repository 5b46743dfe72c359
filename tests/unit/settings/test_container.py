from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.settings.container import Container, container

MIB = 1024**2

OF_THE_POD = "cache 4096\nrss 8192\nhierarchical_memory_limit 134217728\ntotal_cache 4096\n"


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/\n", {"memory.max": "268435456\n"}, Container(256 * MIB)),
        ("0::/\n", {"memory.max": "max\n"}, Container()),
        ("0::/kubepods/pod1/c1\n", {"kubepods/pod1/c1/memory.max": "268435456"}, Container(256 * MIB)),
        ("0::/a/b\n", {"a/memory.max": "134217728", "a/b/memory.max": "max"}, Container(128 * MIB)),
        ("0::/a\n", {"memory.max": "268435456", "a/memory.max": "134217728"}, Container(128 * MIB)),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": "268435456"}, Container(256 * MIB)),
        ("5:memory:/docker/c1\n", {"memory/docker/c1/memory.limit_in_bytes": "268435456"}, Container(256 * MIB)),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, Container()),
        ("3:cpu:/x\n0::/\n", {"x/memory.max": "268435456"}, Container()),
        ("0::/\n", {"memory.max": "268435456", "memory.high": "201326592"}, Container(256 * MIB, 192 * MIB)),
        ("0::/a\n", {"memory.high": "max", "a/memory.high": "201326592"}, Container(None, 192 * MIB)),
        (
            "5:memory:/\n",
            {"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.stat": OF_THE_POD},
            Container(128 * MIB),
        ),
        (None, {"memory.max": "268435456"}, Container(256 * MIB)),
        (None, {}, Container()),
    ],
    ids=str,
)
def test_the_containers_limits_are_found_in_either_version_of_cgroups(
    own: str | None, files: dict[str, str], found: Container, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if own is not None:
        (tmp_path / "self").write_text(own, encoding="utf-8")

    assert container(tmp_path / "cgroup", tmp_path / "self") == found
