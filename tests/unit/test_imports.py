"""Which module of the package may import which: the shape of the program, as a table and a test of it.

The core decides and knows nobody. The shells around it act, and know the core and the protocols between the rooms.
Only the composition root knows everybody, so no shell can lean on another behind its back.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sidecar"

EVERYTHING = "sidecar"

# A room is a package or a module; the longest name that fits a module is its room. A room may import itself,
# and what is named here or lies below it.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "sidecar": ("sidecar.controller", "sidecar.core"),  # __init__.py: the public names
    "sidecar.core": (),
    "sidecar.controller": ("sidecar.core",),
    "sidecar.settings": (
        "sidecar.core",
        "sidecar.writers.health",
        "sidecar.writers.registry",
        "sidecar.writers.options",
        "sidecar.writers.protocol",
        "sidecar.writers.stamps",
    ),
    # The protocol and the options, since Kafka is a downstream, too.
    "sidecar.kafka": ("sidecar.core", "sidecar.runtime.client", "sidecar.writers.options", "sidecar.writers.protocol"),
    # A command of its own, so it has its parts made by the rooms that know how.
    "sidecar.dlq": ("sidecar.core", "sidecar.kafka", "sidecar.settings", "sidecar.writers.protocol"),
    "sidecar.manifest": ("sidecar.core", "sidecar.settings"),
    "sidecar.writers": ("sidecar.core",),
    "sidecar.writers.tables": ("sidecar.core", "sidecar.writers.options"),
    "sidecar.writers.postgresql": (
        "sidecar.core",
        "sidecar.writers.options",
        "sidecar.writers.protocol",
        "sidecar.writers.tables",
    ),
    "sidecar.observe": ("sidecar.core", "sidecar.runtime.report"),
    "sidecar.http": ("sidecar.core", "sidecar.runtime.commands", "sidecar.runtime.report", "sidecar.settings.units"),
    "sidecar.runtime": ("sidecar.core", "sidecar.writers.protocol"),
    "sidecar.remote": ("sidecar.runtime.loop",),
    # The composition root, and the commands that start from it.
    "sidecar.app": (EVERYTHING,),
    "sidecar.cli": (EVERYTHING,),
    "sidecar.demo": (EVERYTHING,),
    "sidecar.__main__": (EVERYTHING,),
}

# Rooms that run on the standard library alone.
STDLIB_ONLY = ("sidecar.core", "sidecar.controller")

# Libraries that one room alone may know.
OWNED_BY = {"confluent_kafka": "sidecar.kafka", "psycopg": "sidecar.writers.postgresql"}


def test_every_import_of_the_package_keeps_to_the_table() -> None:
    broken = [complaint for path in sorted(PACKAGE.rglob("*.py")) for complaint in complaints(path, ROOT)]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        (
            "sidecar/core/engine.py",
            "import sidecar.kafka.consumer",
            (
                "sidecar/core/engine.py:2: sidecar.core.engine imports sidecar.kafka.consumer: "
                "beside itself, sidecar.core may import nothing of sidecar"
            ),
        ),
        (
            "sidecar/core/engine.py",
            "def late():\n    from sidecar import app",
            (
                "sidecar/core/engine.py:3: sidecar.core.engine imports sidecar.app: "
                "beside itself, sidecar.core may import nothing of sidecar"
            ),
        ),
        (
            "sidecar/controller/pump.py",
            "from structlog import get_logger",
            (
                "sidecar/controller/pump.py:2: sidecar.controller.pump imports structlog.get_logger: "
                "sidecar.controller runs on the standard library alone"
            ),
        ),
        (
            "sidecar/runtime/loop.py",
            "from confluent_kafka import Consumer",
            (
                "sidecar/runtime/loop.py:2: sidecar.runtime.loop imports confluent_kafka.Consumer: "
                "only sidecar.kafka may import confluent_kafka"
            ),
        ),
        (
            "sidecar/runtime/loop.py",
            "from sidecar.writers import http",
            (
                "sidecar/runtime/loop.py:2: sidecar.runtime.loop imports sidecar.writers.http: "
                "beside itself, sidecar.runtime may import sidecar.core, sidecar.writers.protocol"
            ),
        ),
        (
            "sidecar/corelike.py",
            "from sidecar.core import records",
            "sidecar/corelike.py:1: sidecar.corelike has no room: give it one in test_imports.py",
        ),
    ],
)
def test_an_import_against_the_table_is_refused_with_its_place_and_its_rule(
    tmp_path: Path, module: str, source: str, complaint: str
) -> None:
    path = tmp_path / module
    path.parent.mkdir(parents=True)
    path.write_text(f"import json\n{source}\n", "utf-8")
    assert list(complaints(path, tmp_path)) == [complaint]


def test_imports_that_the_table_allows_pass(tmp_path: Path) -> None:
    path = tmp_path / "sidecar" / "kafka" / "consumer.py"
    path.parent.mkdir(parents=True)
    path.write_text("import time\nfrom confluent_kafka import Consumer\nfrom sidecar.core.records import Chunk\n", "utf-8")
    assert list(complaints(path, tmp_path)) == []


def complaints(path: Path, root: Path) -> Iterator[str]:
    """Yield each import of the module at ``path`` that the table forbids, as ``file:line: who imports what: the rule``."""
    place = path.relative_to(root)
    importer = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
    room = room_of(importer)
    if room is None:
        yield f"{place}:1: {importer} has no room: give it one in {Path(__file__).name}"
        return
    for line, imported in imports(path):
        for rule in broken_rules(room, imported):
            yield f"{place}:{line}: {importer} imports {imported}: {rule}"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of a module's imports, those inside of functions too; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def broken_rules(room: str, imported: str) -> Iterator[str]:
    """Yield the rules that a module of ``room`` breaks by an import."""
    library = imported.partition(".")[0]
    if library == "sidecar" and not any(lies_in(imported, allowed) for allowed in (room, *MAY_IMPORT[room])):
        yield f"beside itself, {room} may import {', '.join(MAY_IMPORT[room]) or 'nothing of sidecar'}"
    elif library in OWNED_BY and room != OWNED_BY[library]:
        yield f"only {OWNED_BY[library]} may import {library}"
    elif room in STDLIB_ONLY and library not in {"sidecar", *sys.stdlib_module_names}:
        yield f"{room} runs on the standard library alone"


def room_of(module: str) -> str | None:
    """Return the room of a module: the longest name in the table that fits; that of the package itself is only its own."""
    rooms = [room for room in MAY_IMPORT if module == room or (room != EVERYTHING and lies_in(module, room))]
    return max(rooms, key=len, default=None)


def lies_in(name: str, room: str) -> bool:
    """Tell whether ``name`` is ``room`` or something in it."""
    return name == room or name.startswith(f"{room}.")
