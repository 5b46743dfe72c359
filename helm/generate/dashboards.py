"""``python -m helm.generate.dashboards``: write the dashboards of the chart."""

from __future__ import annotations

import json
from pathlib import Path

from helm.generate import group_overview, one_pod
from helm.generate.grafana import Dashboard, render

FOLDER = Path(__file__).parents[1] / "kafka-sidecar" / "dashboards"

DASHBOARDS: tuple[Dashboard, ...] = (group_overview.DASHBOARD, one_pod.DASHBOARD)


def files() -> dict[Path, str]:
    """Return what belongs into which file."""
    return {FOLDER / f"{dashboard.uid}.json": json.dumps(render(dashboard), indent=2) + "\n" for dashboard in DASHBOARDS}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
