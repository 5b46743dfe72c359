"""The command line of ``kafka-sidecar dlq``; small, since every command's parser is made each time."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

DLQ = """\
The settings are those of the environment, as for `run`: they say where dead
letters are (SIDECAR_DEAD_LETTER__TOPIC), and which writer there is.

What was redriven or dropped is remembered by a consumer group of its own,
GROUP.dlq, so a command that was ended goes on where it was. Letters stay in
their topic until its retention deletes them.

Exit status: 0 done, 1 something could not be done, 2 wrong usage or settings.
"""

MOST_REDRIVES = 3
"""How often a record is redriven unless told otherwise."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_options(parser: argparse.ArgumentParser, now: Callable[[], datetime]) -> None:
    """Add the commands below ``dlq``; ``now`` is asked for times like ``2h``."""
    commands = parser.add_subparsers(metavar="COMMAND", dest="action", required=True)
    listing = commands.add_parser("list", help="count the letters that are open, by topic and reason")
    _add_selection(listing, now)
    listing.add_argument("--json", action="store_true", help="as JSON")
    show = commands.add_parser("show", help="show one letter; payloads only with --payload")
    show.add_argument(
        "place", nargs="?", type=_place, metavar="TOPIC:PARTITION:OFFSET", help="which one (default: the first that is open)"
    )
    show.add_argument("--payload", action="store_true", help="with key, value and what quotes them")
    redrive = commands.add_parser("redrive", help="send letters again, in their order")
    _add_selection(redrive, now)
    redrive.add_argument(
        "--to",
        choices=["source", "writer"],
        default="source",
        help="the topic they came from, or straight to the writer (default: %(default)s)",
    )
    redrive.add_argument(
        "--most-redrives",
        type=_count,
        default=MOST_REDRIVES,
        metavar="N",
        help="refuse what was redriven N times and came back each time (default: %(default)s)",
    )
    redrive.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    drop = commands.add_parser("drop", help="pass over letters: they are open no more")
    _add_selection(drop, now)
    drop.add_argument("--yes", action="store_true", help="do it; without, only say what would be dropped")


def _add_selection(parser: argparse.ArgumentParser, now: Callable[[], datetime]) -> None:
    def instant(text: str) -> int:
        return _instant(text, now())

    parser.add_argument("--reason", help="only those with this reason, for instance poison")
    parser.add_argument("--topic", help="only those that came from this topic")
    parser.add_argument(
        "--since", type=instant, metavar="TIME", help="only those written at TIME or later: 2h, 3d (ago), or 2026-01-31T12:00"
    )
    parser.add_argument("--until", type=instant, metavar="TIME", help="only those written before TIME")
    parser.add_argument("--count", type=_count, metavar="N", help="no more than N")


def _instant(text: str, now: datetime) -> int:
    """Return Unix ms; a time without a zone is UTC."""
    if ago := re.fullmatch(r"([0-9]+)([smhd])", text):
        moment = now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no time, like 2h, 3d, 2026-01-31 or 2026-01-31T12:00:00+01:00"
            ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def _place(text: str) -> tuple[str, int, int]:
    if found := re.fullmatch(r"([A-Za-z0-9._-]+):([0-9]+):([0-9]+)", text):
        return found[1], int(found[2]), int(found[3])
    raise argparse.ArgumentTypeError(f"{text!r} is no place, like orders.dead:0:17 (topic, partition and offset of the letter)")
