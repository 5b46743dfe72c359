"""What the parts of the process are made with: the engine's limits, the client's properties, the writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from sidecar.core.config import DeadLetterRules, EngineConfig, FlushLimits, OnPoison, Ordering, Policy, RetryLimits, Strategy
from sidecar.core.errors import ConfigurationError
from sidecar.settings import kafka_properties, memory, units
from sidecar.settings.login_files import Changed, follow
from sidecar.settings.model import DeadLetter, Settings
from sidecar.settings.topic_policies import TopicPolicy
from sidecar.writers import registry
from sidecar.writers.options import Option, Value
from sidecar.writers.protocol import Membership, Surroundings, WriterKind

_READERS: Mapping[str, Callable[[str], Value]] = {
    "size": units.size,
    "duration": units.duration,
    "count": units.count,
    "switch": units.switch,
    "choice": str,
    "text": str,
    "path": str,
    "secret": str,
}


def engine_config(settings: Settings) -> EngineConfig:
    """Return what the engine is configured by; the writer's own bound on flushes at a time counts, too."""
    flush, buffer = settings.flush, settings.buffer
    max_batch = min(flush.max_batch, buffer.max_messages)
    kind = writer_kind(settings)
    return EngineConfig(
        max_messages=buffer.max_messages,
        max_bytes=_known(buffer.max_bytes),
        high_watermark=buffer.high_watermark,
        low_watermark=buffer.low_watermark,
        policy=lambda topic: _policy(topic, settings),
        flush=FlushLimits(
            first_batch=min(FlushLimits().first_batch, max_batch),
            max_batch=max_batch,
            max_batch_bytes=_known(flush.max_batch_bytes),
            min_interval=flush.min_interval,
            max_interval=flush.max_interval,
            target_latency=flush.target_latency,
            max_in_flight=min(flush.max_in_flight, kind.max_in_flight or flush.max_in_flight),
            timeout=settings.writer.timeout,
        ),
        ordering=Ordering(settings.ordering),
        retry=RetryLimits(
            max_wait=settings.retry.max_wait, max_attempts=settings.retry.max_attempts, max_elapsed=settings.retry.max_elapsed
        ),
        dead_letters=_dead_letter_rules(settings.dead_letter),
        on_poison=OnPoison(settings.on_poison),
        stored_offsets=kind.stored_offsets is not None,
        commits_with_records=kind.commits_with_records,
    )


def consumer_config(settings: Settings) -> dict[str, str | int | bool]:
    """Return the properties of the Kafka consumer."""
    given = kafka_properties.given_properties(settings.kafka)
    limit = _known(settings.memory.limit)
    chosen = kafka_properties.defaults(
        memory.prefetch_of(limit),
        max(memory.fetch_of(limit), kafka_properties.whole_number(given.get("message.max.bytes", "")) or 0),
        classic=given.get("group.protocol", "classic") == "classic",
    )
    for alias, name in kafka_properties.ALIASES.items():
        if alias in given:
            del chosen[name]
    return {**chosen, **given, **kafka_properties.FIXED}


def login_changed(settings: Settings) -> Changed:
    """Return what a client of Kafka asks about its login, for itself."""
    properties = consumer_config(settings)
    user, password = (str(properties.get(name, "")) for name in ("sasl.username", "sasl.password"))
    return follow(user, password, settings.kafka.login_files)


def max_poll_interval(settings: Settings) -> float:
    """Return how long the client may go without a poll, in seconds; without an end where the value is no number, which is told elsewhere."""
    given = kafka_properties.given_properties(settings.kafka).get("max.poll.interval.ms", "300000")
    number = kafka_properties.whole_number(given)
    return inf if number is None else number / 1000


def memory_limit(settings: Settings) -> int:
    """Return the one memory number, in bytes."""
    return _known(settings.memory.limit)


def has_overflow(settings: Settings) -> bool:
    """Tell whether any topic may have an overflow topic."""
    return any(entry.overflow_topic is not None for entry in settings.topic_policies)


def has_max_age(settings: Settings) -> bool:
    """Tell whether records of any topic may be dropped for their age, by their timestamps."""
    return any(age is not None for age in (settings.buffer.max_age, *(entry.max_age for entry in settings.topic_policies)))


def overflow_topic(settings: Settings, topic: str) -> str | None:
    """Return the overflow topic of ``topic``; None where it has none."""
    return _policy(topic, settings).overflow_topic


def writer_kind(settings: Settings, membership: Callable[[], Membership | None] = lambda: None) -> WriterKind:
    """Return the downstream; ``membership`` returns our present place in the consumer group."""
    surroundings = Surroundings(settings.kafka.group_id, settings.topics, consumer_config(settings), membership)
    return writer_kind_of(settings.writer.url, settings.writer.given, surroundings)


def writer_kind_of(url: str, given: Mapping[str, str], surroundings: Surroundings | None = None) -> WriterKind:
    """Return the downstream of a URL and its options as text. Raises ConfigurationError for what cannot work."""
    options = registry.options_of(url)
    return registry.kind(url, {name: _read(name, text, options.get(name)) for name, text in given.items()}, surroundings)


def _read(name: str, text: str, option: Option | None) -> Value:
    """Return an option's value; what the writer does not have is left to it to refuse."""
    if option is None:
        return text
    try:
        return _READERS[option.kind](text)
    except ValueError as error:
        raise ConfigurationError(f"SIDECAR_WRITER__{name.upper()}: {error}") from None


def _dead_letter_rules(section: DeadLetter) -> DeadLetterRules | None:
    if section.topic is None:
        return None
    return DeadLetterRules(burst=section.burst, earned_by=section.earned_by, max_share=section.max_share)


def _policy(topic: str, settings: Settings) -> Policy:
    """Return the policy of a topic: of the first entry that matches, and of ``SIDECAR_BUFFER__*`` as far as that says nothing."""
    buffer = settings.buffer
    entry = next((entry for entry in settings.topic_policies if entry.matches(topic)), TopicPolicy(topic="*"))
    strategy = Strategy(entry.strategy or buffer.strategy)
    rate = entry.sample_rate or buffer.sample_rate
    loses = strategy is not Strategy.BLOCK
    return Policy(
        strategy,
        sample_rate=None if rate == "auto" else rate,
        max_block=entry.max_block or (None if loses else buffer.max_block),
        max_age=entry.max_age or (buffer.max_age if loses else None),
        priority=buffer.priority if entry.priority is None else entry.priority,
        max_wait=entry.max_wait,
        max_burst_wait=entry.max_burst_wait,
        weight=entry.weight,
        overflow_topic=None if entry.overflow_topic is None else entry.overflow_topic.replace("{topic}", topic),
    )


def _known(number: int | None) -> int:
    """Return what the loader has worked out."""
    assert number is not None, "settings are made by load_settings"  # noqa: S101 -- our own mistake, never a user's
    return number
