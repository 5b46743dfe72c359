"""The settings: names, types, defaults and meaning. The field path is the name: ``flush.max_batch`` is ``SIDECAR_FLUSH__MAX_BATCH``.

Defaults are written as people would write them. What follows from the memory number is None here until :mod:`sidecar.settings.load`
has worked it out. The descriptions are the reference's (docs/SETTINGS.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sidecar.settings import units
from sidecar.settings.topic_policies import Priority, Rate, StrategyName, TopicPolicy, entries_of

PREFIX = "SIDECAR_"


def _written(read: Callable[[str], object]) -> BeforeValidator:
    """Read text; leave alone what is a value already (None, and what was worked out)."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


Duration = Annotated[float, _written(units.wait), Field(gt=0)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, _written(units.count)]
OptionalDuration = Annotated[Annotated[float, Field(gt=0)] | None, _written(units.duration)]
OptionalSize = Annotated[Annotated[int, Field(gt=0)] | None, _written(units.size)]
Count = Annotated[int, _written(units.count), Field(ge=1)]
Ratio = Annotated[float, _written(units.ratio), Field(gt=0)]
Switch = Annotated[bool, _written(units.switch)]
SampleRate = Annotated[Rate, _written(units.rate)]
Level = Annotated[Priority, _written(units.count)]


def _setting(default: str | None, meaning: str, *, repr: bool = True) -> Any:  # noqa: A002 -- pydantic's own name
    """Return a field with its default as people write it; read like any other value."""
    return Field(default, description=meaning, repr=repr)


def _topics(text: str) -> tuple[str, ...]:
    """Return topic names and patterns; raises ValueError for one that Kafka would not know."""
    topics = tuple(name.strip() for name in text.split(",") if name.strip())
    if not topics:
        raise ValueError("names no topic: write comma-separated names, or ^ and a pattern")
    for topic in topics:
        _check_topic(topic)
    if len(set(topics)) < len(topics):
        raise ValueError("names a topic twice: leave one of them out")
    return topics


def _check_topic(topic: str) -> None:
    if not topic.startswith("^"):
        if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic) or topic in (".", ".."):
            raise ValueError(
                f"{topic!r} is not a topic's name: letters, digits, dot, underscore and hyphen only; a pattern begins with ^"
            )
        return
    units.regular_expression(topic)


def usable_token(token: SecretStr) -> SecretStr:
    """Return a token that can stand in a header and is no guess; raises ValueError, without quoting it."""
    if not re.fullmatch(r"[!-~]{8,}", token.get_secret_value()):
        raise ValueError(
            "must have 8 characters or more, and no space or character outside ASCII: openssl rand -hex 16 makes one"
        )
    return token


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(
            f"{text!r} is not the absolute path of a file: write it from the root, like /var/run/kafka-sidecar/drain"
        )
    return text


def _start(text: str) -> str | int:
    return text if text in ("earliest", "latest") else units.moment(text)


class Section(BaseModel):
    """Settings that belong together, ``SIDECAR_<SECTION>__<NAME>``."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Kafka(Section):
    """The brokers, the group, and any other property of the client that is allowed."""

    model_config = ConfigDict(extra="allow")

    bootstrap_servers: str = Field(min_length=1, description="brokers to ask first, `host:port`, comma-separated")
    group_id: str = Field(min_length=1, description="the consumer group, whose committed offsets say where to go on")

    _login_files: Mapping[str, Path] = PrivateAttr(default_factory=dict)

    @property
    def login_files(self) -> Mapping[str, Path]:
        """The files of the user and the password of SASL, as far as they are in one: ``user``, ``password``."""
        return self._login_files

    def with_login_files(self, files: Mapping[str, Path]) -> Self:
        """Return the same with ``files``."""
        copy = self.model_copy()
        copy._login_files = files  # noqa: SLF001 -- pydantic's way to keep what is no setting
        return copy

    @property
    def given(self) -> dict[str, str]:
        """The properties that were set, by the names of the settings in lower case."""
        return {"bootstrap_servers": self.bootstrap_servers, "group_id": self.group_id, **(self.model_extra or {})}

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Show no other property: there are secrets among them."""
        yield from {"bootstrap_servers": self.bootstrap_servers, "group_id": self.group_id}.items()


class Writer(Section):
    """The downstream."""

    model_config = ConfigDict(extra="allow")

    url: str = Field(description="where records go; the scheme picks the writer", repr=False)
    timeout: Duration = _setting("30s", "how long one flush may take, the connection included")

    @property
    def given(self) -> dict[str, str]:
        """The writer's own options that were set, as text."""
        return dict(self.model_extra or {})


class Retry(Section):
    """What happens after a flush that failed and may be tried again. There is no upper count unless one is set: nothing is skipped."""

    max_wait: Duration = _setting(
        "60s", "the longest pause between two attempts; each waits a random time below a bound that doubles"
    )

    max_attempts: OptionalCount = _setting(
        None,
        "attempts after which a record goes to the dead-letter topic with reason `retries_exhausted`, as long as the downstream takes others; unset: never",
    )
    max_elapsed: OptionalDuration = _setting(None, "the same by the time since the first failure; unset: never")


class DeadLetter(Section):
    """Where records go that the downstream will never take, and how many may."""

    topic: Annotated[str, AfterValidator(units.other_topic)] | None = _setting(
        None,
        "the dead-letter topic, in the source's cluster; `{topic}` stands for the record's topic; unset: `SIDECAR_ON_POISON` decides",
    )
    burst: Count = _setting(
        "10", "dead letters that may be sent at once; then a partition is held until deliveries have earned one"
    )
    earned_by: Count = _setting("100", "deliveries that earn another dead letter")
    max_share: Ratio = _setting(
        "0.5",
        "the largest share of a batch that is taken for poison: more is a failure of the whole (a schema changed), which opens the breaker; "
        "1 allows that everything is dead-lettered",
    )


class App(Section):
    """The application's health check. With an address, the group is joined once the application is healthy, and held while it is not."""

    health_url: str | None = _setting(
        None,
        "where the application tells that it is healthy, by 2xx or 3xx: `http://`, `https://` or `http+unix://`; unset: nobody is asked",
        repr=False,
    )
    health_interval: Duration = _setting("1s", "the pause between two checks")
    health_timeout: Duration = _setting("1s", "how long one check may take")
    healthy_after: Count = _setting(
        "3", "how many checks in a row must pass before it counts as healthy; one that fails is enough for the contrary"
    )


class Memory(Section):
    """The one memory number."""

    limit: OptionalSize = _setting(
        None, "what the whole process may use; unset: the container's limit, or 512MiB where there is none"
    )


class Buffer(Section):
    """The buffer between Kafka and the downstream; what is in flight counts as buffered."""

    max_messages: Count = _setting("50000", "records that it holds at most")
    max_bytes: OptionalSize = _setting(None, "bytes that it holds at most; unset: from `SIDECAR_MEMORY__LIMIT`")
    high_watermark: Ratio = _setting("0.8", "share of either limit from which partitions are held")
    low_watermark: Ratio = _setting("0.5", "share of both limits below which a hold ends")
    strategy: StrategyName = _setting(
        "block",
        "what gives when the downstream is too slow: `block` holds partitions and never loses a record, "
        "`drop_oldest` and `drop_newest` drop when the buffer is full, `sample` keeps 1 in N from the low watermark on",
    )
    sample_rate: SampleRate = _setting(
        "10", "N of `sample`: 1 in N is kept, chosen by the key; `auto`: as many as the downstream takes"
    )
    max_block: OptionalDuration = _setting(
        None, "with `block`: how long a partition may be held before its newest records are dropped; unset: for ever"
    )
    max_age: OptionalDuration = _setting(
        None,
        "with the other strategies: drop records older than this when they are about to be flushed; unset: never",
    )
    priority: Level = _setting(
        "0",
        "from -10 to 10: what is lower is dropped first where something must be; a step is twice the share of the buffer and of the deliveries",
    )


class Flush(Section):
    """Bounds of the flush control, which chooses within them."""

    max_batch: Count = _setting("10000", "records in one flush at most")
    max_batch_bytes: OptionalSize = _setting(
        None, "bytes in one flush at most; unset: 8MiB, or less where `SIDECAR_MEMORY__LIMIT` asks for it"
    )
    min_interval: Duration = _setting("100ms", "the shortest time that a part-filled batch waits for more records")
    max_interval: Duration = _setting("30s", "the longest; a full batch never waits")
    target_latency: Duration = _setting("500ms", "how long one flush should take; batches and the interval are chosen for it")
    max_in_flight: Count = _setting(
        "8",
        "flushes at the same time at most, of which one for each partition unless `SIDECAR_ORDERING=none`; how many are good for the downstream is found out",
    )


class Http(Section):
    """The admin server."""

    listen: Annotated[units.Address, _written(units.address)] = _setting(
        "0.0.0.0:9877",
        "address of probes, metrics and status; port 0 takes a free one",
    )
    token: Annotated[SecretStr, AfterValidator(usable_token)] | None = _setting(
        None,
        "what a request must know to drain, pause or resume from another host than the pod itself (docs/ACTIONS.md); from a file it is read again when that changes; unset: no other host can",
    )

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.listen.host

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.listen.port


class Metrics(Section):
    """What `/metrics` serves."""

    per_partition: Switch = _setting(
        "true", "whether lag and verdict are served by partition, or folded to their topic: fewer series with many partitions"
    )


class Log(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = _setting("info", "what is logged at least")
    format: Literal["auto", "json", "console"] = _setting("auto", "`auto` is `console` on a terminal, else `json`")


class Settings(BaseSettings):
    """Everything that a user can set; made by :func:`sidecar.settings.load.load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False, frozen=True, extra="forbid", validate_default=True
    )

    topics: Annotated[tuple[str, ...], _written(_topics)] = Field(
        description="topics to consume, comma-separated; what begins with `^` is a pattern"
    )
    start: Annotated[Literal["earliest", "latest"] | int, _written(_start)] = _setting(
        "earliest",
        "where a partition without a committed offset starts: `earliest`, `latest`, or a time: ISO 8601 with its zone, or Unix ms",
    )
    on_offset_out_of_range: Literal["stop", "earliest", "latest"] = _setting(
        "stop",
        "what to do when Kafka has deleted the records to go on with; the gap is counted and logged either way",
    )
    readiness: Literal["process", "latched", "strict"] = _setting(
        "latched",
        "when `/readyz` says yes: `process` the loop runs, `latched` it has had its partitions once, "
        "`strict` it has them now and nothing is wrong",
    )
    ordering: Literal["partition", "none"] = _setting(
        "partition",
        "what is kept in order: with `partition` the records of each, by one flush of it at a time; with `none` nothing, and several flushes of a partition run at once",
    )
    topic_policies: Annotated[tuple[TopicPolicy, ...], _written(entries_of)] = _setting(
        "[]",
        "what gives for single topics when the downstream is too slow, and in which order: a JSON list, the first entry that matches a topic holds (docs/OVERLOAD.md)",
    )
    on_poison: Literal["stop", "drop"] = _setting(
        "stop",
        "without a dead-letter topic, what to do with a record that the downstream will never take: `stop` its partition, or `drop` it, counted",
    )
    drain_timeout: Duration = _setting(
        "25s", "how long the end may take; keep it below the pod's grace period, and below `SIDECAR_KAFKA__MAX_POLL_INTERVAL_MS`"
    )
    drain_marker: Annotated[str, _written(_path)] | None = _setting(
        None,
        "a file in a volume of the pod that the sidecar's own preStop hook leaves, so that a container that is started again in a pod that ends "
        "takes no partitions; unset: none",
    )
    grace_period: OptionalDuration = _setting(
        None, "the pod's `terminationGracePeriodSeconds`, to be told when it is too short for the drain; unset: not known"
    )
    kafka: Kafka
    writer: Writer
    app: App = App()
    memory: Memory = Memory()
    buffer: Buffer = Buffer()
    flush: Flush = Flush()
    retry: Retry = Retry()
    dead_letter: DeadLetter = DeadLetter()
    http: Http = Http()
    metrics: Metrics = Metrics()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing from the process's own environment: the loader is given one."""
        return (init_settings,)
