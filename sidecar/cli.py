"""The command line: ``kafka-sidecar run | check | config | demo | drain | pause | resume | status | dlq | manifest``.

Configuration is by environment only (docs/SETTINGS.md).

Exit status: 0 drained, 1 a failure that a restart may mend, 2 wrong usage or configuration, 3 the drain ran out of time or its last commit failed, 4 stopped by
policy (poison, offset out of range, fenced): a restart will not mend it.

What a command needs beside this module is imported when it runs: ``drain`` is run inside the container whose memory is full, and is to be small.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.runtime.loop import ExitStatus, StopRequest

if TYPE_CHECKING:
    from sidecar.settings import Settings  # for the annotation alone: it is heavy, see above

CHECK_TIMEOUT = 10.0

EXIT_STATUS = """\
Exit status:
  0  drained
  1  a failure that a restart may mend
  2  wrong usage or configuration
  3  the drain ran out of time (SIDECAR_DRAIN_TIMEOUT), or its last commit was
     refused or got no answer
  4  stopped by policy (poison, offset out of range, fenced): a restart will not
     mend it
"""

EPILOG = f"""\
Configuration is by environment variables that begin with SIDECAR_. These five
make it run (docs/SETTINGS.md has all of them):

  SIDECAR_TOPICS                    topics, comma-separated; ^... is a pattern
  SIDECAR_KAFKA__BOOTSTRAP_SERVERS  host:port of one or more brokers
  SIDECAR_KAFKA__GROUP_ID           the consumer group
  SIDECAR_WRITER__URL               where records go, for instance
                                    http://localhost:8080/records,
                                    file:///data/out.ndjson, stdout:, discard:
  SIDECAR_MEMORY__LIMIT             the one memory number, for instance 512MiB;
                                    taken from the container's limit unless set

{EXIT_STATUS}"""

RUN = f"""\
It logs to standard error. Kafka or the application out of reach is no reason to
end: the log and /status say so, and it tries again.

The first SIGTERM or SIGINT (Ctrl-C) drains: no more intake, what is buffered is
delivered, the last offsets are committed, the group is left. The second ends the
process at once; what was not committed comes again.

{EXIT_STATUS}"""

CHECK = """\
It joins no group, reads no record and sends none.

Exit status: 0 all can work, 1 something cannot be reached, 2 wrong settings.
"""

CONFIG = """\
A line a setting: its name, its value, and where that comes from (environment, a
file, another setting, default; fixed: it cannot be set). Nothing is connected to.

Exit status: 0 the settings can work, 2 they cannot; all problems are told.
"""

MANIFEST = """\
The settings are those of the environment, as for `run`. Native, classic and
inverted are printed as a patch for the pod of an application, standalone as a
Deployment. It is what the Helm charts render (docs/DEPLOY.md).

Exit status: 0 it can work, 2 it cannot; all problems are told.
"""

DEMO = """\
A producer with a spike, an application that is too slow for it, and the sidecar
between them, each second a line. Then it drains, and tells where every record
went. Ctrl-C goes to the drain at once, a second Ctrl-C ends everything.

Exit status: 0 every record is accounted for, 1 not.
"""

DRAIN = """\
The sidecar takes nothing more, delivers what it has, commits, and leaves the
group; then it waits for SIGTERM. It does not come back from that. This is the
sidecar's own preStop hook:

  lifecycle: {preStop: {exec: {command: [kafka-sidecar, drain, --wait]}}}

With --revocable it keeps its place in the group and goes on when the
application is healthy again, by `resume`, or after the pod's grace period.

Exit status: 0 done (without --wait: begun), 1 no sidecar answered or it
refused, 3 the time was over before everything was delivered.
"""

PAUSE = """\
What it has is delivered; its place in the group is kept. A restart ends a pause.

Exit status: 0 done, 1 no sidecar answered or it refused.
"""

RESUME = """\
It ends what `pause` and `drain --revocable` began. A sidecar that drains for
good does not come back.

Exit status: 0 done, 1 no sidecar answered or it refused.
"""

STATUS = """\
A summary of /status of the sidecar in this container; --json prints all of it.

Exit status: 0 it answered, 1 it did not.
"""

SLOWEST = 2.0
"""Milliseconds a record; with more a full buffer would take longer than the demonstration gives the drain."""


def main(arguments: Sequence[str], stop: StopRequest) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options, stop)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return ExitStatus.WRONG_USAGE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kafka-sidecar",
        description="Consume Kafka for an application: bounded, accounted, explained.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('kafka-sidecar')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "run", _run, "consume until SIGTERM, then drain and exit", RUN)
    check = _add(commands, "check", _check, "check the settings, and that Kafka, the topics and the writer can be reached", CHECK)
    check.add_argument("--ddl", action="store_true", help="only print the SQL that makes the tables of the writer")
    _add(commands, "config", _config, "print the effective settings, where each comes from, secrets redacted", CONFIG)
    demo = _add(commands, "demo", _demo, "show it at work for half a minute, on an embedded broker", DEMO)
    demo.add_argument(
        "--strategy",
        default="block",
        choices=["block", "drop_oldest", "drop_newest", "sample"],
        help="what gives way when the buffer fills (default: %(default)s)",
    )
    demo.add_argument(
        "--writer",
        default="http",
        choices=["http", "sqlite"],
        help="what takes the records: a slow application (http), or a table, each record exactly once (default: %(default)s)",
    )
    demo.add_argument(
        "--topics",
        action="store_true",
        help="show three topics with policies of their own, side by side, in place of one with a strategy",
    )
    demo.add_argument(
        "--step",
        action="store_true",
        help="show how the flow control finds out what an application serves at once, and follows when that changes",
    )
    demo.add_argument(
        "--slow",
        type=_milliseconds,
        default=0.2,
        metavar="MS",
        help=f"milliseconds that the application works on each record, 0 to {SLOWEST:g} (default: %(default)s); 1 or more is never caught up with",
    )
    _add_remote(commands)
    _add_dlq(commands)
    _add_manifest(commands)
    return parser


def _add_remote(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that ask the sidecar that runs in this container."""
    drain = _add(commands, "drain", _drain, "have the sidecar in this container drain, as before its end", DRAIN)
    drain.add_argument(
        "--wait",
        nargs="?",
        const="",
        metavar="TIME",
        help="return when it is done, or TIME is over, for instance 25s (without TIME: SIDECAR_DRAIN_TIMEOUT)",
    )
    drain.add_argument("--revocable", action="store_true", help="only hold and empty it: it can go on")
    _add(commands, "pause", _pause, "have it take no more records, until `resume`", PAUSE)
    _add(commands, "resume", _resume, "have it take records again", RESUME)
    status = _add(commands, "status", _status, "say what it does, and why it is behind", STATUS)
    status.add_argument("--json", action="store_true", help="the whole document, as JSON")


def _add_dlq(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from sidecar.dlq.options import DLQ, add_options  # noqa: PLC0415 -- see above

    def run(options: argparse.Namespace, _stop: StopRequest) -> int:
        from sidecar.dlq.command import dlq  # noqa: PLC0415 -- see above

        return dlq(options, _settings())

    add_options(_add(commands, "dlq", run, "look at dead letters, redrive or drop them", DLQ), lambda: datetime.now(UTC))


def _add_manifest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from sidecar.manifest.options import add_options  # noqa: PLC0415 -- see above

    def run(options: argparse.Namespace, _stop: StopRequest) -> int:
        from sidecar.manifest.command import manifest  # noqa: PLC0415 -- see above

        print(manifest(options, os.environ), end="")
        return ExitStatus.DRAINED

    add_options(_add(commands, "manifest", run, "print the container for a pod, as YAML", MANIFEST))


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace, StopRequest], int],
    text: str,
    epilog: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def _milliseconds(text: str) -> float:
    """Read how slow the demonstration's application is."""
    with suppress(ValueError):
        if 0 <= float(text) <= SLOWEST:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds from 0 to {SLOWEST:g}")


def _settings() -> Settings:
    from sidecar.observe import logging  # noqa: PLC0415 -- see above
    from sidecar.settings import load_settings  # noqa: PLC0415

    settings = load_settings(os.environ)
    logging.configure(settings.log.level, settings.log.format)
    return settings


def _run(_options: argparse.Namespace, stop: StopRequest) -> int:
    from sidecar.app import run  # noqa: PLC0415 -- see above

    return run(_settings(), stop)


def _config(_options: argparse.Namespace, _stop: StopRequest) -> int:
    from sidecar.settings.describe import effective  # noqa: PLC0415 -- see above

    rows = [(row.name, row.value, row.source) for row in effective(os.environ)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")
    return ExitStatus.DRAINED


def _check(options: argparse.Namespace, _stop: StopRequest) -> int:
    """Print a line for each thing that is checked; 0 when all can work, 1 when one cannot be reached."""
    settings = _settings()
    if options.ddl:
        return _print_ddl(settings)
    print("settings   ok")
    reached = [_check_kafka(settings), _check_writer(settings)]
    return ExitStatus.DRAINED if all(reached) else ExitStatus.FAILED


def _print_ddl(settings: Settings) -> int:
    """Print what makes the writer's tables; nothing is connected to."""
    from sidecar.settings import writer_kind  # noqa: PLC0415 -- see above

    kind = writer_kind(settings)
    if kind.ddl is None:
        raise ConfigurationError(f"SIDECAR_WRITER__URL: {kind.name} has no tables, so there is nothing to make")
    print(kind.ddl())
    return ExitStatus.DRAINED


def _check_kafka(settings: Settings) -> bool:
    from sidecar.kafka.check import check_topics  # noqa: PLC0415 -- see above
    from sidecar.settings import consumer_config, overflow_topic  # noqa: PLC0415 -- see above

    problems = check_topics(
        consumer_config(settings), settings.topics, lambda topic: overflow_topic(settings, topic), CHECK_TIMEOUT
    )
    for problem in problems:
        print(f"kafka      {problem}")
    if not problems:
        print(f"kafka      ok: {', '.join(settings.topics)}")
    return not problems


def _check_writer(settings: Settings) -> bool:
    from sidecar.settings import writer_kind  # noqa: PLC0415 -- see above

    kind = writer_kind(settings)
    writer = kind.create()
    try:
        writer.connect(time.monotonic() + CHECK_TIMEOUT)
    except WriterUnavailable as unavailable:
        print(f"writer     {kind.name}: {unavailable}")
        return False
    finally:
        writer.close()
    print(f"writer     ok: {kind.name}")
    return True


def _demo(options: argparse.Namespace, stop: StopRequest) -> int:
    from sidecar.demo.show import show, show_table  # noqa: PLC0415 -- see above
    from sidecar.demo.step import show_steps  # noqa: PLC0415 -- see above
    from sidecar.demo.topics import show_topics  # noqa: PLC0415 -- see above

    if options.topics:
        return show_topics(stop)
    if options.step:
        return show_steps(stop)
    return show_table(stop) if options.writer == "sqlite" else show(options.strategy, options.slow / 1000, stop)


def _drain(options: argparse.Namespace, _stop: StopRequest) -> int:
    from sidecar.remote import Remote, drain  # noqa: PLC0415 -- see above

    return drain(Remote.of(os.environ), wait=options.wait, terminal=not options.revocable)


def _pause(_options: argparse.Namespace, _stop: StopRequest) -> int:
    from sidecar.remote import Remote, hold  # noqa: PLC0415 -- see above

    return hold(Remote.of(os.environ), "/pause")


def _resume(_options: argparse.Namespace, _stop: StopRequest) -> int:
    from sidecar.remote import Remote, hold  # noqa: PLC0415 -- see above

    return hold(Remote.of(os.environ), "/resume")


def _status(options: argparse.Namespace, _stop: StopRequest) -> int:
    from sidecar.remote import Remote, status  # noqa: PLC0415 -- see above

    return status(Remote.of(os.environ), as_json=options.json)
