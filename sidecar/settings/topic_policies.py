"""``SIDECAR_TOPIC_POLICIES``: what gives, topic by topic, when the downstream is too slow. A JSON list; the first entry that matches a topic holds for it.

``topic`` is a name, a name with ``*`` and ``?`` as in a shell, or a pattern that begins with ``^`` and is looked for from the beginning. What an entry leaves out
is as ``SIDECAR_BUFFER__*`` says, as far as it belongs to the entry's strategy. What contradicts itself is refused, and above all what would lose records of a ``block`` topic without saying so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from sidecar.settings import units

StrategyName = Literal["block", "drop_oldest", "drop_newest", "sample"]
Rate = Annotated[int, Field(ge=1)] | Literal["auto"]
Priority = Annotated[int, Field(ge=-10, le=10)]

BELONGS_TO = {"sample_rate": "sample", "max_block": "block"}
LOSES = ("max_age", "max_wait")


def _seconds(value: object) -> object:
    if value is None or not isinstance(value, str):
        raise ValueError(f'{value!r} is not a duration: write text with a unit, like "30s"')
    return units.duration(value)


Wait = Annotated[Annotated[float, Field(gt=0)], BeforeValidator(_seconds)] | None


class TopicPolicy(BaseModel):
    """One entry; None where it says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topic: Annotated[str, Field(min_length=1)]
    strategy: StrategyName | None = None
    sample_rate: Rate | None = None
    max_block: Wait = None
    max_age: Wait = None
    max_wait: Wait = None
    max_burst_wait: Wait = None
    priority: Priority | None = None
    weight: Annotated[float, Field(gt=0, le=1000, strict=False)] | None = None
    overflow_topic: str | None = None
    allow_loss: bool = False

    @field_validator("topic")
    @classmethod
    def _is_a_pattern(cls, topic: str) -> str:
        if topic.startswith("^"):
            return units.regular_expression(topic)
        if not re.fullmatch(r"[a-zA-Z0-9._*?-]{1,249}", topic):
            raise ValueError(
                f"{topic!r} matches no topic: letters, digits, dot, underscore and hyphen, * and ?; a regular expression begins with ^"
            )
        return topic

    @field_validator("overflow_topic")
    @classmethod
    def _is_a_name(cls, topic: str | None) -> str | None:
        return None if topic is None else units.other_topic(topic)

    @model_validator(mode="after")
    def _burst_is_no_shorter(self) -> Self:
        if self.max_burst_wait is not None and (self.max_wait is None or self.max_burst_wait < self.max_wait):
            raise ValueError("max_burst_wait says for how long max_wait may be exceeded: give both, this one the longer")
        return self

    def matches(self, topic: str) -> bool:
        """Whether this entry is about ``topic``."""
        return re.match(self.topic, topic) is not None if self.topic.startswith("^") else fnmatchcase(topic, self.topic)


def entries_of(text: str) -> list[Any]:
    """Return the entries as JSON has them. Raises ValueError for what is no JSON list of objects."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not JSON ({error}): write a list of objects, like {EXAMPLE}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"is not a list of objects: write it like {EXAMPLE}")
    return entries


EXAMPLE = '[{"topic": "telemetry.*", "strategy": "sample", "sample_rate": 20}]'


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What entries are read beside: the strategy and ``max_block`` of those that name none, what is consumed, whether the downstream keeps the offsets, and from where on the buffer is too full."""

    strategy: StrategyName
    max_block: float | None
    topics: Sequence[str]
    keeps_offsets: bool
    high_watermark: float


def contradictions(entries: tuple[TopicPolicy, ...], beside: Surrounding) -> Iterator[str]:
    """Yield what cannot be meant."""
    for number, entry in enumerate(entries, start=1):
        before = next((i for i, other in enumerate(entries[: number - 1], start=1) if other.topic == entry.topic), None)
        problems = [*_misplaced(entry, beside), *_overflow(entry, beside)]
        if before is not None:
            problems.insert(0, f"entry {before} is about the same topics and comes first: leave one of them out")
        yield from (f"entry {number} ({entry.topic}): {problem}" for problem in problems)


def _misplaced(entry: TopicPolicy, beside: Surrounding) -> Iterator[str]:
    """Yield what belongs to another strategy, or breaks what this one promises."""
    strategy = entry.strategy or beside.strategy
    for field, belongs in BELONGS_TO.items():
        if getattr(entry, field) is not None and strategy != belongs:
            yield f"{field} belongs to the strategy {belongs}, and this is {strategy}: leave it out"
    losing = [field for field in LOSES if getattr(entry, field) is not None and entry.overflow_topic is None]
    if strategy == "block" and losing and not entry.allow_loss:
        yield (
            f"{losing[0]} would lose records, and block promises not to: "
            f'add "allow_loss": true or an "overflow_topic", choose another strategy, or leave {losing[0]} out'
        )
    if entry.allow_loss and not (strategy == "block" and losing):
        yield "allow_loss does nothing without the strategy block and max_age or max_wait, nor beside overflow_topic: leave it out"


def _overflow(entry: TopicPolicy, beside: Surrounding) -> Iterator[str]:
    """Yield why nothing could go to the overflow topic, or should."""
    if entry.overflow_topic is None:
        return
    strategy = entry.strategy or beside.strategy
    ages = entry.max_age is not None or entry.max_wait is not None
    if strategy == "sample":
        yield (
            "overflow_topic does not go with sample, which keeps some records with a weight that stands for the others: "
            "choose drop_newest, or leave it out"
        )
    if strategy == "block" and not ages and (entry.max_block or beside.max_block) is None:
        yield "overflow_topic does nothing with block alone, which drops nothing: add max_block, max_age or max_wait, choose another strategy, or leave it out"
    if beside.high_watermark >= 1:
        yield "overflow_topic takes what is above SIDECAR_BUFFER__HIGH_WATERMARK, and nothing is above 1: set that lower, or leave overflow_topic out"
    if beside.keeps_offsets:
        yield (
            "overflow_topic does not go with a downstream that keeps the offsets beside the records: with the next record it would pass those "
            "that are not in the overflow topic yet; leave it out"
        )
    loop = next((target for target in _targets(entry, beside) if any(consumes(name, target) for name in beside.topics)), None)
    if loop is not None:
        yield f"{loop} is consumed itself, so what goes there would come back: name another overflow_topic"


def _targets(entry: TopicPolicy, beside: Surrounding) -> Iterator[str]:
    """Yield the overflow topics, as far as they are known before the first record."""
    assert entry.overflow_topic is not None, "asked only where there is one"  # noqa: S101 -- our own mistake, never a user's
    if "{topic}" not in entry.overflow_topic:
        yield entry.overflow_topic
        return
    for topic in beside.topics:
        if not topic.startswith("^") and entry.matches(topic):
            yield entry.overflow_topic.replace("{topic}", topic)


def consumes(subscribed: str, topic: str) -> bool:
    """Tell whether a name or a pattern of ``SIDECAR_TOPICS`` means ``topic``."""
    return re.match(subscribed, topic) is not None if subscribed.startswith("^") else subscribed == topic
