"""A limit of the real kernel: a group of processes that may use so much memory and no more, with cgroup v1 or v2. Needs root and a hierarchy that can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.missing import part_missing
from tests.parts.topics import fresh_name
from tests.parts.waiting import wait_for

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Names:
    """The files of one version of cgroups."""

    folder: Path
    limit: str
    swap: str
    peak: str
    kills: str


V1 = Names(
    ROOT / "memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"
)
V2 = Names(ROOT, "memory.max", "memory.swap.max", "memory.peak", "memory.events")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A group; what is started with :attr:`prefix` before its command line is in it from its first instruction on."""

    path: Path
    names: Names

    @property
    def prefix(self) -> list[str]:
        """Enter the group, then become the program."""
        return ["/bin/sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    @property
    def peak(self) -> int | None:
        """The most that was charged to it, in bytes, files that the kernel keeps in memory included; None where the kernel does not say."""
        try:
            return int((self.path / self.names.peak).read_text())
        except FileNotFoundError:  # cgroup v2 before Linux 5.19
            return None

    @property
    def kills(self) -> int:
        """How many of its processes the kernel killed for want of memory."""
        lines = dict(line.split(maxsplit=1) for line in (self.path / self.names.kills).read_text().splitlines())
        return int(lines["oom_kill"])


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """Make a group with ``limit`` bytes and no swap; skip the test where that cannot be."""
    names = V1 if (V1.folder / V1.limit).exists() else V2
    group = MemoryGroup(names.folder / fresh_name("kafka-sidecar-test"), names)
    try:
        group.path.mkdir()
    except OSError as error:
        part_missing(
            f"no group of processes can be made below {names.folder}: {error.strerror}",
            "run the tests as root, with cgroups that can be written",
        )
    try:
        _limit(group, limit)
        yield group
    finally:
        wait_for(lambda: _removed(group.path), "the group is empty")


def _limit(group: MemoryGroup, limit: int) -> None:
    try:
        (group.path / group.names.limit).write_text(str(limit))
    except OSError as error:
        part_missing(
            f"the memory of a group cannot be limited: {error.strerror}", "enable the memory controller of cgroups for the tests"
        )
    swap = group.path / group.names.swap
    if swap.exists():
        swap.write_text("0" if group.names is V2 else str(limit))
    elif Path("/proc/swaps").read_text().count("\n") > 1:
        part_missing(
            "there is swap, and the kernel cannot keep a group from it", "swapoff -a, or a kernel that accounts for swap"
        )


def _removed(path: Path) -> bool:
    try:
        os.rmdir(path)  # noqa: PTH106 -- a folder of the kernel: it goes with its files in it
    except OSError:
        return False
    return True
