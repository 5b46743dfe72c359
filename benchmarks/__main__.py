"""``make bench``: every measurement on a Kafka of its own, as a table; ``--write`` puts it into docs/PERFORMANCE.md, too, and draws the curves there."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    bisection,
    block,
    engine,
    faults,
    http,
    idle,
    kafka,
    latency,
    memory,
    own_cost,
    page,
    postgresql,
    posts,
    profile,
    sample,
    scaling,
    scrape,
    sqlite,
)
from benchmarks.curves import PICTURE, draw
from benchmarks.measure import Bench
from benchmarks.table import Row, keep, kept, machine, table, write
from tests.parts.kafka import real_kafka

MEASUREMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    "own-cost": own_cost.at_a_backlog,
    "tail": own_cost.at_the_tail,
    "one-core": own_cost.on_one_core,
    "engine": engine.alone,
    "sample": sample.at_a_flood,
    "profile": profile.by_stage,
    "http": http.counting,
    "http-alone": posts.the_writer_alone,
    "slow": http.slow,
    "block": block.held_and_resumed,
    "latency": latency.at_a_trickle,
    "idle": idle.without_records,
    "memory": memory.dead_application,
    "scrape": scrape.with_many_partitions,
    "page": page.viewers,
    "kafka": kafka.copying,
    "postgresql": postgresql.exactly_once,
    "bisection": bisection.one_bad_record,
    "sqlite": sqlite.exactly_once,
    "faults": faults.nothing_lost,
    "scaling-partitions": scaling.partitions,
    "scaling-sizes": scaling.sizes,
    "scaling-topics": scaling.topics,
    "scaling-lags": scaling.lags,
}


def main() -> None:
    """Run the named measurements, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the results there, as bench.json and bench.md")
    parser.add_argument("--write", action="store_true", help="put the results into docs/PERFORMANCE.md and docs/performance.json")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    results: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder, real_kafka(Path(folder)) as broker:
        bench = Bench(broker.bootstrap)
        for name in options.names or MEASUREMENTS:
            print(f"measuring {name} ...", flush=True)
            results[name] = MEASUREMENTS[name](bench)
            print(table(results[name]), flush=True)
            if options.out is not None:
                write(results, options.out)
            if options.write:
                keep(results, MEASUREMENTS)
                draw(kept(), PICTURE)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
