"""Loads the settings: everything that is wrong is found in one go, and what was left open is worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from sidecar.core.errors import ConfigurationError
from sidecar.settings import dead_letters, kafka_properties, memory, topic_policies
from sidecar.settings.container import Container, container
from sidecar.settings.environment import TOKEN, Given, Problem, fields, read
from sidecar.settings.model import PREFIX, Settings, Writer
from sidecar.settings.parts import has_overflow, max_poll_interval, writer_kind_of
from sidecar.settings.token_file import TokenFile
from sidecar.settings.units import as_duration, as_size
from sidecar.writers import health

Environ = Mapping[str, str]

ANYTHING = {
    name: Given(text, "nowhere")
    for name, text in {
        "SIDECAR_TOPICS": "any",
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "any:9092",
        "SIDECAR_KAFKA__GROUP_ID": "any",
        "SIDECAR_WRITER__URL": "discard:",
    }.items()
}
"""Stands for what is required and is missing or wrong, while the others are looked at; nothing contradicts it."""


def load_settings(environ: Environ, around: Callable[[], Container] = container) -> Settings:
    """Return the settings of ``environ``. Raises ConfigurationError, which lists every problem: its setting, what is wrong, the mend."""
    given, problems = read(environ)
    settings, wrong_values = _validated(given)
    problems += wrong_values
    problems += kafka_properties.problems_of(_section("SIDECAR_KAFKA__", given))
    problems += _writer_problems(_section("SIDECAR_WRITER__", given))
    problems += _health_problems(given)
    if settings is None:
        problems += _contradictions_of_the_others(given, {problem.name for problem in wrong_values}, around)
    else:
        problems += _contradictions(settings)
        settings = _following_its_file(_named_after_pod(settings, environ), given)
        settings, does_not_fit = _with_memory(settings, around)
        problems += does_not_fit
    if problems or settings is None:
        raise ConfigurationError(listed(problems))
    return settings


def _section(prefix: str, given: Mapping[str, Given]) -> dict[str, str]:
    """Return what was said for the names that begin with ``prefix``, without it and in lower case."""
    return {name.removeprefix(prefix).lower(): said.text for name, said in given.items() if name.startswith(prefix)}


def listed(problems: list[Problem]) -> str:
    """Return all problems as one text."""
    lines = [f"  {problem}" for problem in problems]
    heading = "this setting cannot work" if len(lines) == 1 else f"these {len(lines)} settings cannot work"
    return "\n".join([f"{heading}:", *lines])


def _validated(given: Mapping[str, Given]) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, each checked by itself, or what is wrong with them."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): said.text for name, said in given.items()}
    values: dict[str, Any] = {"kafka": {}, "writer": {}} | source()
    try:
        return Settings(**values), []
    except ValidationError as error:
        return None, [_problem(details) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails) -> Problem:
    """Return a validation error in our words. Values are quoted by our own readers alone, none of which reads a secret."""
    if details["loc"][0] == "topic_policies":
        return Problem("SIDECAR_TOPIC_POLICIES", _where_in_the_list(details["loc"][1:]) + _in_our_words(details))
    name = PREFIX + "__".join(str(part).upper() for part in details["loc"] if str(part).isidentifier())
    meaning = dict(fields()).get(name)
    if details["type"] == "missing" and meaning is not None:
        return Problem(name, f"is required: {meaning.description}")
    return Problem(name, _in_our_words(details))


def _in_our_words(details: ErrorDetails) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    if details["type"] == "extra_forbidden":
        return "is not known: leave it out"
    text = details["msg"].replace("Input should be", "must be").replace("String should", "must")
    return text[0].lower() + text[1:]


def _where_in_the_list(path: tuple[int | str, ...]) -> str:
    """Return the entry and its field; the rest of a path is of the library's own making."""
    match path:
        case (int(index), str(field), *_):
            return f"entry {index + 1}, {field}: "
        case (int(index), *_):
            return f"entry {index + 1}: "
    return ""


def _contradictions_of_the_others(
    given: Mapping[str, Given], wrong: set[str], around: Callable[[], Container]
) -> Iterator[Problem]:
    """Yield the contradictions between the settings that are right by themselves; what concerns a wrong one is not known yet."""
    right = {name: said for name, said in given.items() if name not in wrong}
    settings, further = _validated(ANYTHING | right)
    assert settings is not None, further  # noqa: S101 -- each of them was right before
    found = [*_contradictions(settings), *_with_memory(settings, around)[1]]
    yield from (problem for problem in found if not any(name in str(problem) for name in wrong))


def _named_after_pod(settings: Settings, environ: Environ) -> Settings:
    """Make the member static by the pod's name where there is one: a restarted container gets its partitions back without a rebalance.

    Not with ``group.protocol=consumer``: there a crashed static member could not come back until its session has expired.
    """
    given = kafka_properties.given_properties(settings.kafka)
    pod = environ.get("HOSTNAME") if "KUBERNETES_SERVICE_HOST" in environ else None
    if not pod or given.get("group.protocol") == "consumer" or "group.instance.id" in given:
        return settings
    named = settings.kafka.model_copy(update={"group_instance_id": pod})
    return settings.model_copy(update={"kafka": named})


def _following_its_file(settings: Settings, given: Mapping[str, Given]) -> Settings:
    """Let a token that is in a file be what is in it from then on, and remember the files of Kafka's login."""
    login = {"user": given.get("SIDECAR_KAFKA__SASL_USERNAME"), "password": given.get("SIDECAR_KAFKA__SASL_PASSWORD")}
    files = {name: said.file for name, said in login.items() if said is not None and said.file is not None}
    settings = settings.model_copy(update={"kafka": settings.kafka.with_login_files(files)})
    token, said = settings.http.token, given.get(TOKEN)
    if token is None or said is None or said.file is None:
        return settings
    followed = TokenFile(said.file, token.get_secret_value())
    return settings.model_copy(update={"http": settings.http.model_copy(update={"token": followed})})


def _with_memory(settings: Settings, around: Callable[[], Container]) -> tuple[Settings, list[Problem]]:
    """Return the settings with the memory number split, and what does not fit into it, or is more than the container has."""
    allowed = around()
    limit = settings.memory.limit or allowed.limit or memory.DEFAULT_LIMIT
    wanted = memory.Shares(*_fetched(settings), settings.buffer.max_bytes or 0, settings.flush.max_batch_bytes or 0)
    shares, problems = memory.split(limit, wanted, settings.flush.max_in_flight, overflow=1 if has_overflow(settings) else 0)
    chosen = {
        "memory": settings.memory.model_copy(update={"limit": limit}),
        "buffer": settings.buffer.model_copy(update={"max_bytes": shares.buffer}),
        "flush": settings.flush.model_copy(update={"max_batch_bytes": shares.batch}),
    }
    return settings.model_copy(update=chosen), [*_more_than_there_is(limit, allowed), *problems]


def _more_than_there_is(limit: int, allowed: Container) -> Iterator[Problem]:
    if allowed.ends_above is not None and limit > allowed.ends_above:
        yield Problem(
            "SIDECAR_MEMORY__LIMIT",
            f"{as_size(limit)} is more than the container's limit of {as_size(allowed.ends_above)}, at which the kernel ends the process: "
            "leave it out, lower it, or raise the container's limit",
        )


def _fetched(settings: Settings) -> tuple[int, int]:
    """Return what the client may keep fetched, and the size of its answers, in bytes; 0 what was left open."""
    given = kafka_properties.given_properties(settings.kafka)
    prefetch, *fetch = (
        max(0, kafka_properties.whole_number(given.get(name, "")) or 0)
        for name in ("queued.max.messages.kbytes", "fetch.max.bytes", "message.max.bytes")
    )
    return prefetch * 1024, max(fetch)  # the client refuses a smaller first than second


def _contradictions(settings: Settings) -> Iterator[Problem]:
    buffer, flush = settings.buffer, settings.flush
    if buffer.low_watermark >= buffer.high_watermark:
        yield Problem(
            "SIDECAR_BUFFER__LOW_WATERMARK",
            f"{buffer.low_watermark:g} must be below SIDECAR_BUFFER__HIGH_WATERMARK ({buffer.high_watermark:g})",
        )
    if flush.min_interval > flush.max_interval:
        yield Problem(
            "SIDECAR_FLUSH__MIN_INTERVAL",
            f"{flush.min_interval:g}s is above SIDECAR_FLUSH__MAX_INTERVAL ({flush.max_interval:g}s)",
        )
    if "max_batch" in flush.model_fields_set and flush.max_batch > buffer.max_messages:
        yield Problem(
            "SIDECAR_FLUSH__MAX_BATCH",
            f"{flush.max_batch} is more than the buffer holds, SIDECAR_BUFFER__MAX_MESSAGES ({buffer.max_messages})",
        )
    poll_interval = max_poll_interval(settings)
    if settings.drain_timeout >= poll_interval:
        yield Problem(
            "SIDECAR_DRAIN_TIMEOUT",
            f"{as_duration(settings.drain_timeout)} must be below SIDECAR_KAFKA__MAX_POLL_INTERVAL_MS ({poll_interval * 1000:.0f})",
        )
    yield from _app_contradictions(settings)
    yield from _strategy_contradictions(settings)
    yield from _ordering_contradictions(settings)
    yield from dead_letters.contradictions(settings)


def _app_contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield how an application is to be asked whose address was left out."""
    if settings.app.health_url is None:
        for name in sorted(settings.app.model_fields_set):
            yield Problem(
                f"SIDECAR_APP__{name.upper()}", "does nothing without SIDECAR_APP__HEALTH_URL: set that, or leave this out"
            )


def _strategy_contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield options of a strategy that no topic has: they would do nothing, or break what the chosen one promises."""
    buffer = settings.buffer
    chosen = {buffer.strategy, *(entry.strategy for entry in settings.topic_policies)}
    for name, strategy in topic_policies.BELONGS_TO.items():
        if name in buffer.model_fields_set and strategy not in chosen:
            yield Problem(
                f"SIDECAR_BUFFER__{name.upper()}",
                f"belongs to SIDECAR_BUFFER__STRATEGY={strategy}, but that is {buffer.strategy}: leave it out",
            )
    if buffer.max_age is not None and chosen <= {"block", None}:
        yield Problem(
            "SIDECAR_BUFFER__MAX_AGE",
            "would lose records, and SIDECAR_BUFFER__STRATEGY=block promises not to: choose another strategy, or leave it out",
        )
    beside = topic_policies.Surrounding(
        buffer.strategy, buffer.max_block, settings.topics, _keeps_offsets(settings), buffer.high_watermark
    )
    for problem in topic_policies.contradictions(settings.topic_policies, beside):
        yield Problem("SIDECAR_TOPIC_POLICIES", problem)


def _ordering_contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield that a downstream which keeps offsets itself needs the order that was given up."""
    if settings.ordering == "none" and _keeps_offsets(settings):
        yield Problem(
            "SIDECAR_ORDERING",
            "none does not go with a downstream that keeps the offsets beside the records: it takes those of a partition in order; leave it out",
        )


def _keeps_offsets(settings: Settings) -> bool:
    try:
        return writer_kind_of(settings.writer.url, settings.writer.given).stored_offsets is not None
    except ConfigurationError:
        return False  # told of by itself: the writer's address or options are wrong


def _health_problems(given: Mapping[str, Given]) -> Iterator[Problem]:
    if health.SETTING in given:
        try:
            health.health_check(given[health.SETTING].text)
        except ConfigurationError as error:
            name, _, text = str(error).partition(": ")
            yield Problem(name, text)


def _writer_problems(given: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with the downstream's address or options; the first, since one hides the others."""
    options = {name: text for name, text in given.items() if name not in Writer.model_fields}
    if "url" not in given:
        return  # the model says that it is required
    try:
        writer_kind_of(given["url"], options)
    except ConfigurationError as error:
        name, _, text = str(error).partition(": ")
        yield Problem(name, text)
