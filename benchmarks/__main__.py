"""``make bench``: every measurement on a Kafka of its own, as a table; ``--write`` puts it into docs/PERFORMANCE.md, too."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import bisection, http, kafka, memory, own_cost, page, postgresql, scrape, sqlite
from benchmarks.measure import Bench
from benchmarks.table import Row, as_json, machine, table, write
from tests.parts.kafka import real_kafka

MEASUREMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    "own-cost": own_cost.at_a_backlog,
    "tail": own_cost.at_the_tail,
    "http": http.counting,
    "slow": http.slow,
    "memory": memory.dead_application,
    "scrape": scrape.with_many_partitions,
    "page": page.viewers,
    "kafka": kafka.copying,
    "postgresql": postgresql.exactly_once,
    "bisection": bisection.one_bad_record,
    "sqlite": sqlite.exactly_once,
}


def main() -> None:
    """Run the named measurements, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--write", action="store_true", help="put the results into docs/PERFORMANCE.md and docs/performance.json")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder, real_kafka(Path(folder)) as broker:
        bench = Bench(broker.bootstrap)
        for name in options.names or MEASUREMENTS:
            print(f"measuring {name} ...", flush=True)
            rows += MEASUREMENTS[name](bench)
            print(table(rows), flush=True)
    print(f"\n{machine()}")
    if options.json is not None:
        options.json.write_text(as_json(rows), "utf-8")
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
