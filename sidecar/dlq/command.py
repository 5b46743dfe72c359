"""``kafka-sidecar dlq``: reads the settings, opens what a command needs, runs it, tells what came of it; returns the exit status."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

from sidecar.core.errors import ConfigurationError
from sidecar.dlq import listing
from sidecar.dlq.done import Done
from sidecar.dlq.letters import Letter, read
from sidecar.dlq.progress import Progress
from sidecar.dlq.redriven import refusal
from sidecar.dlq.selection import Selection
from sidecar.dlq.to_source import ToSource
from sidecar.dlq.to_writer import ToWriter
from sidecar.dlq.work import Orders, Places, Tally, Target, Work
from sidecar.kafka.address import Address
from sidecar.kafka.letter_log import LetterLog, LettersUnavailable
from sidecar.kafka.redelivery import Redelivery
from sidecar.settings import Settings, consumer_config
from sidecar.settings.parts import writer_kind_of
from sidecar.writers.protocol import Surroundings

DONE, FAILED = 0, 1

GROUP_SUFFIX = ".dlq"


class Nowhere:
    """Takes every letter: what is dropped, or only would be sent."""

    def take(self, letters: Sequence[Letter]) -> Sequence[str | None]:
        """Do nothing."""
        return [None] * len(letters)


def dlq(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command of ``options``. Raises ConfigurationError where there is no dead-letter topic in the settings."""
    template = settings.dead_letter.topic
    if template is None:
        raise ConfigurationError("SIDECAR_DEAD_LETTER__TOPIC: is not set, so there are no dead letters: set it as for `run`")
    actions = {"list": _list, "show": _show, "redrive": _redrive, "drop": _drop}
    try:
        with LetterLog(consumer_config(settings), settings.kafka.group_id + GROUP_SUFFIX) as log:
            topics = log.topics(Address(template, settings.topics))
            if not topics:
                print("there is no dead-letter topic yet")
                return DONE
            return actions[options.action](options, settings, log, topics)
    except LettersUnavailable as error:
        print(error, file=sys.stderr)
        return FAILED


def _list(options: argparse.Namespace, _settings: Settings, log: LetterLog, topics: Sequence[str]) -> int:
    chosen, lines = _selection(options), dict[listing.Key, listing.Line]()
    left = options.count
    for letters in _open_letters(log, log.look(topics)):
        meant = [letter for letter in letters if chosen.takes(letter)][:left]
        listing.count(lines, meant)
        left = None if left is None else left - len(meant)
        if left == 0:
            break
    print(msgspec.json.encode(listing.document(lines)).decode() if options.json else listing.table(lines))
    return DONE


def _show(options: argparse.Namespace, _settings: Settings, log: LetterLog, topics: Sequence[str]) -> int:
    letter = next(_open_letters(log, log.look(topics)), [None])[0] if options.place is None else _at(log, topics, options.place)
    if letter is None:
        print("there is no such letter" if options.place else "no letters", file=sys.stderr)
        return FAILED
    print("\n".join(listing.shown(letter, payload=options.payload)))
    return DONE


def _redrive(options: argparse.Namespace, settings: Settings, log: LetterLog, topics: Sequence[str]) -> int:
    orders = Orders(_selection(options), options.count, partial(refusal, most=options.most_redrives))
    if options.dry_run:
        tally = _run(log, log.look(topics), orders, Nowhere(), keep=False)
        return _told(tally, "would be redriven")
    with _target(options.to, settings) as target:
        return _told(_run(log, log.join(topics), orders, target, keep=True), "redriven")


def _drop(options: argparse.Namespace, _settings: Settings, log: LetterLog, topics: Sequence[str]) -> int:
    orders = Orders(_selection(options), options.count)
    places = log.join(topics) if options.yes else log.look(topics)
    tally = _run(log, places, orders, Nowhere(), keep=options.yes)
    return _told(tally, "dropped" if options.yes else "would be dropped; say --yes to do it")


@contextmanager
def _target(to: str, settings: Settings) -> Iterator[Target]:
    if to == "source":
        yield ToSource(Redelivery(consumer_config(settings)).send)
        return
    around = Surroundings(
        topics=settings.topics, kafka=consumer_config(settings)
    )  # no group: its offsets, and what fences its owners, are left alone
    writer = writer_kind_of(settings.writer.url, settings.writer.given, around).create()
    try:
        yield ToWriter(writer, settings.writer.timeout)
    finally:
        writer.close()


def _run(log: LetterLog, places: Places, orders: Orders, target: Target, *, keep: bool) -> Tally:
    """Go through the letters; what is done is kept, or, in a dry run, is not."""
    work = Work(orders, places, target, log.commit if keep else lambda _places: None)
    progress = Progress(sys.stderr, log.waiting, time.monotonic)
    try:
        for records in log.rounds():
            go_on = work.round([read(*record) for record in records])
            progress.advance(len(records))
            if not go_on:
                break
    finally:
        progress.end()
    return work.tally


def _told(tally: Tally, what: str) -> int:
    print(f"{tally.taken} letters {what}")
    for reason, count in sorted((tally.refused + tally.failed).items()):
        print(f"{count} stay: {reason}")
    if tally.stopped is not None:
        print(f"stopped: {tally.stopped}", file=sys.stderr)
    return FAILED if tally.refused or tally.failed or tally.stopped is not None else DONE


def _open_letters(log: LetterLog, places: Places) -> Iterator[list[Letter]]:
    """Yield the letters that are not done, never an empty list."""
    done = {tp: Done(*place) for tp, place in places.items()}
    for records in log.rounds():
        letters = [letter for letter in (read(*record) for record in records) if letter.offset not in done[letter.tp]]
        if letters:
            yield letters


def _at(log: LetterLog, topics: Sequence[str], place: tuple[str, int, int]) -> Letter | None:
    record = log.at(*place) if place[0] in topics else None
    return None if record is None else read(*record)


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(options.reason, options.topic, options.since, options.until)
