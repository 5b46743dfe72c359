"""Where things are, and a result as an example."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "sidecar"
