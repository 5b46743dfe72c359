"""What the kernel allows this process: the limits of its control group (cgroup v1 or v2), and of those around it.

=========================== ======= ==================================================================================
file                        cgroup  what it is
=========================== ======= ==================================================================================
memory.max                  v2      above it the kernel ends processes; the smallest on the way up counts
memory.high                 v2      above it the kernel makes them wait; Kubernetes sets it with its feature MemoryQoS
memory.limit_in_bytes       v1      as memory.max
memory.stat                 v1      its hierarchical_memory_limit is the smallest on the way up, also of the pod's group, which a container cannot see
=========================== ======= ==================================================================================

Sources: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_UNLIMITED = 2**60
"""cgroup v1 says this or more where there is no limit."""


@dataclass(frozen=True, slots=True)
class Container:
    """Bytes of memory above which the kernel ends processes, and above which it makes them wait; None: it does not."""

    ends_above: int | None = None
    slows_above: int | None = None

    @property
    def limit(self) -> int | None:
        """What can be used without either."""
        return _least([self.ends_above, self.slows_above])


def container(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Container:
    """Return what the kernel allows this process; nothing is limited where it cannot be told."""
    v2, v1 = list(_places(root, own, "0::")), list(_places(root / "memory", own, ":memory:"))
    ends = [*(_number(place / "memory.max") for place in v2), *(_number(place / "memory.limit_in_bytes") for place in v1)]
    above = [_number(place / "memory.stat", r"^hierarchical_memory_limit (\d+)$") for place in v1]
    return Container(_least([*ends, *above]), _least([_number(place / "memory.high") for place in v2]))


def _places(root: Path, own: Path, mark: str) -> Iterator[Path]:
    """Yield where a limit may be written: in a container at the root; without a cgroup namespace at the process's own place, and above it."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    own_places = [PurePosixPath(line.split(":", 2)[2]) for line in lines if mark in line]
    for place in {PurePosixPath("/"), *own_places, *(above for own_place in own_places for above in own_place.parents)}:
        yield root / str(place).lstrip("/")


def _number(path: Path, pattern: str = r"^(\d+)$") -> int | None:
    """Return the limit in a file; None where there is no file, or no limit."""
    try:
        found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found and int(found[1]) < _UNLIMITED else None


def _least(numbers: list[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
