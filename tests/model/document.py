"""``python -m tests.model.document > docs/COMMIT-PROTOCOL.md``: the protocol, its model, and a shortest way to ruin for each wrong variant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields

from tests.model.promises import ENDS, PROMISES
from tests.model.protocols import AT_LEAST_ONCE, EXACTLY_ONCE, Protocol
from tests.model.search import Happened, explore
from tests.model.steps import BATCH, STEPS, Model
from tests.model.wrong import WRONG, Wrong

HEAD = """\
# The commit protocol

<!-- made by `python -m tests.model.document`; a test fails when it is stale -->

Which record is done, and who may say so, is decided between three parties that fail on their own: the process, Kafka, and the downstream. This page says
what the sidecar's protocol is, how it is checked, and what happens to those who decide a single question otherwise.

## The protocol

*Any downstream: at least once.* Polled records are flushed in order, one flush of a partition at a time. Kafka's committed offset follows behind: it is the
first offset without an outcome (delivered, dead-lettered, dropped on purpose). A crash, or an owner that lost the partition, repeats what lies between.

*A downstream that keeps offsets: exactly once.* It has one row more, `(group, topic, partition) → next offset`, which is written in the same transaction as
the records. That row is the truth, and Kafka's offset only a copy for people and their tools:

1. **Locate.** A partition that was assigned is held. When no flush of an older epoch of it is out any more, the stored offset is read. There the process
   begins; where there is none, at Kafka's offset.
2. **Compare and set.** A flush carries the stored offset that this owner last read or wrote. It is written only where that one is found. (A batch may well
   begin behind it: dead letters and gaps of the log have no rows.)
3. **Fenced.** Where another one is found, another owner has written: everything is rolled back, the records are given back, and the process locates again. A
   partition that is fenced again and again has two owners, and is stopped.
4. **A COMMIT without an answer** may have been carried out, or will be, or never. The same batch is tried again. Where its end is the stored offset, it is
   there already, and counts as delivered.
5. **A dead letter** is an outcome when its topic has acknowledged it. Until then nothing that lies behind it is flushed, since that would store an offset
   behind it.

Why Kafka's own fencing is not enough: it guards Kafka's offset. An owner that was stopped for longer than its session still has its connection to the
database, and goes on where it was when it wakes up.

The same, as the questions that the model varies:

| question | with stored offsets | without |
|---|---|---|
"""

MODEL = """
## The model

`tests/model` is one partition with three records, one of which the downstream never takes, and two processes. [`steps.py`](../tests/model/steps.py) is the table
of all that can happen, each at any moment: {steps} steps. A search in plain Python visits every state that can be reached, and finds in each that

{promises}

The last one means: from each state, however bad, steps that are no faults lead to where every record has its outcome and nothing is out.

| protocol | states | promises |
|---|---|---|
| with stored offsets | {exactly} | all kept |
| without | {least} | all kept; the first does not apply |

The number of crashes, lost answers, rebalances and sessions that end is not bounded. What is: the records, the processes (two that differ by their names alone
count as one state), and batches of {batch} records at most. The same is searched without a bad record, and with the bad one first.

How it is kept small, and why that loses nothing:

- A process that is stopped, slow or cut off is one of which no step happens for a while. A zombie needs no step of its own.
- Rows before COMMIT are seen by nobody, so they are written in one step with it. A crash between the two is one before both.
- Records that are polled ahead of a batch have no effect but to be given back.
- A request to a downstream without stored offsets that arrives after its connection was lost could only add a repetition, which is allowed there.

What it does not show: a database that forgets what it has committed (PostgreSQL after a crash with `synchronous_commit=off`: rows and offset go together, and
the process is fenced and locates; but where the row itself is forgotten, Kafka's offset counts), tables changed by hand, and whether the code is the model.
The engine has its own property tests, simulation and faults on real parts for that.

## The wrong ones

Each is ours with one question decided otherwise (one has two), and the search finds what it breaks. The tables are shortest ways, one step a line. "Up to" does
not include; `rows` are the offsets in the table, each as often as it is there.
"""

QUESTIONS = {
    "commits": "Which offset is committed to Kafka?",
    "rejected": "What becomes of a record that is never taken?",
    "letters": "What waits for the acknowledgement of a dead letter?",
    "offset": "When is the stored offset written?",
    "expects": "Which one is expected?",
    "start": "Where does an owner begin?",
    "old": "What does a new epoch do about an older one's flush that is still out?",
    "old_result": "What does the result of that do?",
    "lost": "What does a COMMIT without an answer count as?",
}
"""Each decision of a protocol, as a question."""

ONLY_WITH_STORED = {"expects", "start", "old_result", "lost"}
"""Questions that there are only with stored offsets."""


def document() -> str:
    """Return docs/COMMIT-PROTOCOL.md."""
    return "".join([HEAD, *_decisions(), _model(), *map(_wrong, WRONG)])


def _decisions() -> Iterator[str]:
    for field in fields(Protocol):
        without = "" if field.name in ONLY_WITH_STORED else getattr(AT_LEAST_ONCE, field.name).value
        yield f"| {QUESTIONS[field.name]} | {getattr(EXACTLY_ONCE, field.name).value} | {without} |\n"


def _model() -> str:
    return MODEL.format(
        steps=len(STEPS),
        promises="\n".join(f"- {promise.says}," for promise in PROMISES) + f"\n- and {ENDS.says}.",
        exactly=f"{explore(Model(EXACTLY_ONCE)).states:,}",
        least=f"{explore(Model(AT_LEAST_ONCE)).states:,}",
        batch=BATCH,
    )


def _wrong(wrong: Wrong) -> str:
    found = explore(Model(wrong.protocol, spared=wrong.spared), (wrong.breaks,)).counterexample
    if found is None:
        raise AssertionError(f"nothing is wrong with {wrong.name}")
    head = f"\n### {wrong.name}\n\n{wrong.why}\n\nBroken: {found.promise.says}.\n\n| | what happens | rows | stored | Kafka | dead letters |\n|---|---|---|---|---|---|\n"
    return head + "".join(_line(number, happened) for number, happened in enumerate(found.way, 1))


def _line(number: int, happened: Happened) -> str:
    kafka, table, dead, _ = happened.state
    rows = [offset for offset, count in enumerate(table.rows) for _ in range(count)]
    stored = "" if table.stored is None else table.stored
    return f"| {number} | {happened.sentence} | {_listed(rows)} | {stored} | {kafka.committed} | {_listed(sorted(dead))} |\n"


def _listed(offsets: list[int]) -> str:
    return ", ".join(map(str, offsets))


if __name__ == "__main__":
    sys.stdout.write(document())
