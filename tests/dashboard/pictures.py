"""``make pictures``: play for some minutes, and draw both dashboards into docs/images from what Prometheus then answers."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from helm.generate import group_overview, one_pod
from helm.generate.grafana import Dashboard, Panel
from tests.dashboard.asking import asked_range, with_choices
from tests.dashboard.draw import Named, Span, named, picture
from tests.dashboard.play import Played, play
from tests.parts.kafka import real_kafka

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ACT = 18.0
STEP, INTERVAL = 1.0, "8s"

SUBTITLE = (
    "A test of three minutes: a spike while the application is slow (drop_oldest drops), an outage (the breaker opens), another pod.",
    "Drawn from the answers of a real Prometheus, which scraped real sidecars each second, to this dashboard's own queries.",
)


def main() -> None:
    """Write one picture for each dashboard."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="kafka-sidecar-pictures-") as folder,
        real_kafka(Path(folder)) as kafka,
        play(kafka, Path(folder), ACT, {"orders": 4, "clicks": 2}, "billing") as played,
    ):
        for dashboard in (group_overview.DASHBOARD, one_pod.DASHBOARD):
            path = IMAGES / f"{dashboard.uid}.svg"
            path.write_text(
                picture(dashboard, _answers(played, dashboard), Span(played.begin, played.end), SUBTITLE), encoding="utf-8"
            )
            print(path)  # noqa: T201 -- its output is its product


def _answers(played: Played, dashboard: Dashboard) -> Callable[[Panel], Sequence[Named]]:
    def answers(panel: Panel) -> Sequence[Named]:
        found: list[Named] = []
        for query in panel.queries:
            if panel.kind == "timeseries":
                series = asked_range(played, dashboard, query.expr, STEP, INTERVAL)
            else:
                series = played.prometheus.query(with_choices(played, dashboard, query.expr, INTERVAL), played.end)
            found += [named(query.legend, one) for one in series]
        return [series for series in found if any(not math.isnan(value) for _, value in series.points)]

    return answers


if __name__ == "__main__":
    main()
