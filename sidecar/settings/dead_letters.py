"""What contradicts itself among the settings of dead letters. The worst is a dead-letter topic that is consumed: each dead letter would come back as a record."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.settings.environment import Problem
from sidecar.settings.model import Settings
from sidecar.settings.topic_policies import consumes

_TOPIC = "SIDECAR_DEAD_LETTER__TOPIC"


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield what cannot be meant."""
    section, retry = settings.dead_letter, settings.retry
    if section.topic is None:
        useless = [f"SIDECAR_DEAD_LETTER__{name.upper()}" for name in sorted(section.model_fields_set)]
        useless += [
            f"SIDECAR_RETRY__{name.upper()}" for name in ("max_attempts", "max_elapsed") if getattr(retry, name) is not None
        ]
        yield from (Problem(name, f"does nothing without {_TOPIC}: set that, or leave this out") for name in useless)
        return
    if "on_poison" in settings.model_fields_set:
        yield Problem(
            "SIDECAR_ON_POISON", f"is for those without a dead-letter topic, and {_TOPIC} names one: leave one of them out"
        )
    for topic in settings.topics:
        target = section.topic.replace("{topic}", topic)
        consumer = next(
            (consumed for consumed in settings.topics if not topic.startswith("^") and consumes(consumed, target)), None
        )
        fixed = "{topic}" not in section.topic and topic.startswith("^") and consumes(topic, target)
        if consumer is not None or fixed:
            yield Problem(
                _TOPIC,
                f"{target} is consumed itself, by {consumer or topic} in SIDECAR_TOPICS: each dead letter would come back; name another one",
            )
            return
