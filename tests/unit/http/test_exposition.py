from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sidecar.http.exposition import KEPT_FOR, OPENMETRICS, Exposition


class Counting(Collector):
    """Counts how often it was collected, and says so."""

    def __init__(self) -> None:
        self.collected = 0

    def collect(self) -> Iterator[Metric]:
        self.collected += 1
        yield GaugeMetricFamily("collected", "How often.", value=self.collected)


class Scene:
    """An exposition of one gauge, with a report and a clock that a test moves."""

    def __init__(self) -> None:
        self.collector = Counting()
        registry = CollectorRegistry()
        registry.register(self.collector)
        self.collector.collected = 0  # registering collects once
        self.report: object = object()
        self.now = 100.0
        self.exposition = Exposition(registry, lambda: self.report, lambda: self.now)

    def collections(self, *accepts: str) -> int:
        """Ask for these formats; return how often the values were collected for that."""
        before = self.collector.collected
        for accept in accepts:
            self.exposition.page(accept)
        return self.collector.collected - before


def test_a_thousand_scrapes_of_one_report_are_made_once() -> None:
    assert Scene().collections(*[""] * 1000) == 1


def test_each_format_is_made_once() -> None:
    scene = Scene()
    assert scene.collections("", OPENMETRICS, "", OPENMETRICS) == 2
    assert scene.exposition.page("").content_type.startswith("text/plain")
    assert scene.exposition.page(OPENMETRICS).body.endswith(b"# EOF\n")


def test_a_new_report_is_made_anew() -> None:
    scene = Scene()
    assert scene.collections("") == 1
    scene.report = object()
    assert scene.collections("", "") == 1


def test_a_report_that_stays_is_made_anew_after_a_second() -> None:
    scene = Scene()
    scene.collections("")
    scene.now += KEPT_FOR - 0.1
    assert scene.collections("") == 0
    scene.now += 0.2
    assert scene.collections("") == 1


def test_nothing_is_kept_before_the_first_report() -> None:
    scene = Scene()
    scene.report = None
    assert scene.collections("", "") == 2


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=new", "text/plain; version=", "\x00", ",;,=", "q=1" * 5000]
)
def test_a_header_that_makes_no_sense_gets_a_page_all_the_same(accept: str) -> None:
    assert b"collected" in Scene().exposition.page(accept).body
