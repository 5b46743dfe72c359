"""The sidecar, measured: the real composition root with the settings of the environment, stopped after so many records or seconds.

Prints one JSON object, like :mod:`benchmarks.bare`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from benchmarks.meter import Meter
from sidecar.app import App, tune_interpreter
from sidecar.runtime.signals import Signals
from sidecar.settings import load_settings

LOOK_EVERY = 0.05


class Gauge:
    """A log that writes nothing: it begins the meter at the assignment and takes the reading when the drain begins."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.reading = ""
        self.delivered = 0
        self.last_delivery = float("inf")

    def info(self, event: str, **_fields: object) -> None:
        """Hear of everyday events, on the loop's thread."""
        if event == "partitions.assigned":
            self._meter.begin()
        elif event == "drain.started":
            self.reading = self._meter.end(self.delivered, max(0.0, time.time() - self.last_delivery))

    def warning(self, event: str, **fields: object) -> None:
        """Show what should not be in a measurement."""
        print(event, fields, file=sys.stderr)

    error = warning


def main() -> None:
    """Run until ``--records`` were delivered, or for ``--seconds`` after the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    stop, meter = Signals(), Meter()
    gauge = Gauge(meter)
    app = App(load_settings(os.environ), stop, gauge)
    tune_interpreter()
    watcher = threading.Thread(target=watch, args=(app, stop, gauge, meter, options), daemon=True)
    watcher.start()
    app.run()
    print(gauge.reading)


def watch(app: App, stop: Signals, gauge: Gauge, meter: Meter, options: argparse.Namespace) -> None:
    """Stop the sidecar when it has done enough; what it idled after its last delivery does not count."""
    while gauge.delivered < options.records and meter.elapsed < options.seconds:
        time.sleep(LOOK_EVERY)
        report = app.report
        if report is not None:
            gauge.delivered = sum(report.engine.books.delivered.values())
    report = app.report
    if options.records < sys.maxsize and report is not None and report.last_delivery_wall is not None:
        gauge.last_delivery = report.last_delivery_wall
    stop.request()


if __name__ == "__main__":
    main()
