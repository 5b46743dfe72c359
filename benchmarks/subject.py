"""The sidecar, measured: the real composition root with the settings of the environment, stopped after so many records or seconds.

Prints one JSON object, like :mod:`benchmarks.bare`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from msgspec.structs import replace

from benchmarks import arrivals
from benchmarks.meter import Counts, Meter, Reading, encode, on_core, resident
from benchmarks.stages import Sampler
from sidecar.app import App, tune_interpreter
from sidecar.runtime.report import Report
from sidecar.runtime.signals import Signals
from sidecar.settings import load_settings

LOOK_EVERY = 0.05


class Gauge:
    """A log that writes nothing: it begins the meter at the assignment and takes the reading when the drain begins."""

    def __init__(self, meter: Meter, sampler: Sampler | None) -> None:
        self._meter = meter
        self._sampler = sampler
        self.reading: Reading | None = None
        self.counts = Counts()
        self.delivered = 0
        self.gained = 0
        self.half = (0, 0.0)
        self.last_delivery = float("inf")

    def info(self, event: str, **_fields: object) -> None:
        """Hear of everyday events, on the loop's thread."""
        if event == "partitions.assigned":
            self._meter.begin()
            if self._sampler is not None:
                self._sampler.begin()
        elif event == "drain.started":
            stages = {} if self._sampler is None else self._sampler.end()
            reading = self._meter.read(self.delivered, max(0.0, time.time() - self.last_delivery))
            self.reading = replace(
                reading,
                counts=self.counts,
                gained=self.gained,
                half=self.half,
                stages=stages,
                waits=arrivals.waits,
                runs=arrivals.runs,
            )

    def warning(self, event: str, **fields: object) -> None:
        """Show what should not be in a measurement; what is sampled out should."""
        if fields.get("reason") != "sample":
            print(event, fields, file=sys.stderr)

    error = warning


def main() -> None:
    """Run until ``--records`` were delivered, or for ``--seconds`` after the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--stages", action="store_true", help="look what the consuming thread does, a thousand times a second")
    options = parser.parse_args()
    on_core(options.core)
    stop, meter = Signals(), Meter()
    gauge = Gauge(meter, Sampler() if options.stages else None)
    app = App(load_settings(os.environ), stop, gauge)
    tune_interpreter()
    watcher = threading.Thread(target=watch, args=(app, stop, gauge, meter, options), daemon=True)
    watcher.start()
    app.run()
    assert gauge.reading is not None, "a drain was asked for"  # noqa: S101 -- our own
    print(encode(gauge.reading))


def watch(app: App, stop: Signals, gauge: Gauge, meter: Meter, options: argparse.Namespace) -> None:
    """Stop the sidecar when it has done enough; what it idled after its last delivery does not count."""
    at_half: int | None = None
    while gauge.delivered < options.records and meter.elapsed < options.seconds:
        time.sleep(LOOK_EVERY)
        report = app.report
        if report is not None:
            gauge.delivered = sum(report.engine.books.delivered.values())
            gauge.counts = counts(report)
        if at_half is None and report is not None and gauge.delivered >= options.records // 2:
            at_half, gauge.half = resident("VmRSS"), (gauge.delivered, meter.at(report.made_at))
    report = app.report
    if options.records < sys.maxsize and report is not None and report.last_delivery_wall is not None:
        gauge.last_delivery = report.last_delivery_wall
    gauge.gained = 0 if at_half is None else resident("VmRSS") - at_half
    stop.request()


def counts(report: Report) -> Counts:
    """Return what ``report`` counts."""
    engine = report.engine
    polled, dropped = (sum(count.values()) for count in (engine.books.polled, engine.books.dropped))
    return Counts(polled, dropped, engine.holds, engine.pauses, report.refetched_bytes)


if __name__ == "__main__":
    main()
