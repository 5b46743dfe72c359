from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.core.config import DeadLetterRules, OnPoison, Policy, Strategy
from sidecar.settings import consumer_config, engine_config, load_settings, memory_limit, writer_kind
from tests.unit.settings.environments import CONTAINER, LEAST, complaints, load, named

MIB = 1024**2


def test_four_settings_are_enough_and_the_others_have_the_documented_defaults() -> None:
    settings = load({})
    engine = engine_config(settings)

    assert settings.topics == ("orders",)
    assert (settings.start, settings.on_offset_out_of_range, settings.readiness) == ("earliest", "stop", "latched")
    assert (settings.drain_timeout, settings.http.host, settings.http.port) == (25.0, "0.0.0.0", 9877)  # noqa: S104 -- the default
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    assert (engine.max_messages, engine.high_watermark, engine.low_watermark) == (50_000, 0.8, 0.5)
    assert engine.policy("orders") == Policy(Strategy.BLOCK, sample_rate=10, max_block=None, max_age=None, priority=0)
    assert (engine.flush.max_batch, engine.flush.max_batch_bytes) == (10_000, 4_019_542)
    assert (engine.flush.min_interval, engine.flush.max_interval, engine.flush.target_latency) == (0.1, 30.0, 0.5)
    assert (engine.flush.max_in_flight, engine.flush.timeout) == (8, 30.0)
    assert (engine.retry.max_wait, engine.on_poison) == (60.0, OnPoison.STOP)
    assert writer_kind(settings).name == "http://localhost:8080/records"
    assert memory_limit(settings) == CONTAINER.limit


def test_what_is_set_arrives_where_it_is_used() -> None:
    settings = load(
        {
            "TOPICS": " orders , ^telemetry\\..* ",
            "START": "2026-01-31T06:00:00Z",
            "ON_OFFSET_OUT_OF_RANGE": "latest",
            "ON_POISON": "drop",
            "WRITER__TIMEOUT": "5s",
            "BUFFER__MAX_MESSAGES": "200",
            "BUFFER__MAX_BYTES": "10MiB",
            "BUFFER__STRATEGY": "sample",
            "BUFFER__SAMPLE_RATE": "20",
            "BUFFER__MAX_AGE": "30d",
            "FLUSH__MAX_BATCH_BYTES": "100KiB",
            "FLUSH__MAX_INTERVAL": "1s",
            "RETRY__MAX_WAIT": "10s",
            "HTTP__LISTEN": "[::1]:0",
            "HTTP__TOKEN": "correct-horse",
            "APP__HEALTH_URL": "http+unix://%2Frun%2Fapp.sock/healthz",
            "APP__HEALTHY_AFTER": "1",
            "DRAIN_MARKER": "/var/run/kafka-sidecar/drain",
            "GRACE_PERIOD": "1m",
            "LOG__LEVEL": "debug",
        }
    )
    engine = engine_config(settings)

    assert settings.topics == ("orders", "^telemetry\\..*")
    assert (settings.start, settings.on_offset_out_of_range) == (1_769_839_200_000, "latest")
    assert engine.policy("any") == Policy(Strategy.SAMPLE, sample_rate=20, max_age=30 * 86_400.0)
    assert (engine.max_messages, engine.max_bytes, engine.flush.max_batch_bytes) == (200, 10 * MIB, 100 * 1024)
    assert (engine.flush.max_batch, engine.flush.first_batch) == (200, 200)  # no batch can be more than the buffer
    assert (engine.flush.max_interval, engine.flush.timeout) == (1.0, 5.0)
    assert (engine.retry.max_wait, engine.on_poison) == (10.0, OnPoison.DROP)
    assert (settings.http.host, settings.http.port, settings.log.level) == ("::1", 0, "debug")
    assert settings.http.token is not None
    assert settings.http.token.get_secret_value() == "correct-horse"
    assert (settings.app.health_interval, settings.app.health_timeout, settings.app.healthy_after) == (1.0, 1.0, 1)
    assert (settings.drain_marker, settings.grace_period) == ("/var/run/kafka-sidecar/drain", 60.0)


def test_a_writer_that_takes_one_flush_at_a_time_is_given_no_more() -> None:
    assert engine_config(load({"WRITER__URL": "stdout:"})).flush.max_in_flight == 1


REQUIRED = [
    "SIDECAR_TOPICS: is required: topics to consume, comma-separated; what begins with `^` is a pattern",
    "SIDECAR_KAFKA__BOOTSTRAP_SERVERS: is required: brokers to ask first, `host:port`, comma-separated",
    "SIDECAR_KAFKA__GROUP_ID: is required: the consumer group, whose committed offsets say where to go on",
    "SIDECAR_WRITER__URL: is required: where records go; the scheme picks the writer",
]


def test_an_empty_environment_is_told_everything_that_is_required() -> None:
    assert complaints({}) == REQUIRED


def test_all_problems_are_told_in_one_go() -> None:
    wrong = {
        "FLUSH__MAX_BATCHES": "5",
        "START": "yesterday",
        "KAFKA__ENABLE_AUTO_COMMIT": "true",
        "WRITER__URL": "htp://app",
        "BUFFER__MAX_BYTES": "lots",
    }
    told = complaints({"SIDECAR_TOPICS": "orders", **named(wrong)})
    assert [line.partition(":")[0] for line in told] == [
        "SIDECAR_FLUSH__MAX_BATCHES",
        "SIDECAR_START",
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS",
        "SIDECAR_KAFKA__GROUP_ID",
        "SIDECAR_BUFFER__MAX_BYTES",
        "SIDECAR_KAFKA__ENABLE_AUTO_COMMIT",
        "SIDECAR_WRITER__URL",
    ]


def test_contradictions_are_told_beside_wrong_values_unless_they_concern_one() -> None:
    contradictory = {"BUFFER__LOW_WATERMARK": "0.9", "FLUSH__MIN_INTERVAL": "5s", "FLUSH__MAX_INTERVAL": "1s"}
    told = complaints(named(contradictory | {"BUFFER__HIGH_WATERMARK": "high", "MEMORY__LIMIT": "10MiB"}))
    assert [line.partition(":")[0] for line in told] == [
        "SIDECAR_TOPICS",
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS",
        "SIDECAR_KAFKA__GROUP_ID",
        "SIDECAR_WRITER__URL",
        "SIDECAR_BUFFER__HIGH_WATERMARK",
        "SIDECAR_FLUSH__MIN_INTERVAL",
        "SIDECAR_MEMORY__LIMIT",
    ]


NO_TOPIC = "SIDECAR_TOPICS: names no topic: write comma-separated names, or ^ and a pattern"
NO_NAME = "is not a topic's name: letters, digits, dot, underscore and hyphen only; a pattern begins with ^"
NO_TOKEN = "must have 8 characters or more, and no space or character outside ASCII: openssl rand -hex 16 makes one"  # noqa: S105
NO_SCHEME = "it must begin with http://, https://, http+unix://"
NO_HOST = "it names no host; write http://host:port/path, or http+unix://%2Frun%2Fapp.sock/path"
NO_SETTING = "is no setting: see `kafka-sidecar config` and docs/SETTINGS.md"
DURATION = "is not a duration: write a number and a unit, like 500ms, 30s, 5m or 1h"
BROKER_DECIDES = "has no place with group.protocol=consumer: the broker decides it; leave it out"
COMMITS = "may not be set: the sidecar commits only what was delivered, by itself"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        # Values that are not what they should be.
        ({"TOPICS": " , "}, [NO_TOPIC]),
        ({"TOPICS": "a,b/c"}, [f"SIDECAR_TOPICS: 'b/c' {NO_NAME}"]),
        ({"TOPICS": ".."}, [f"SIDECAR_TOPICS: '..' {NO_NAME}"]),
        ({"TOPICS": "a,b,a"}, ["SIDECAR_TOPICS: names a topic twice: leave one of them out"]),
        (
            {"TOPICS": "^(a"},
            ["SIDECAR_TOPICS: '^(a' is not a regular expression: missing ), unterminated subpattern at position 1"],
        ),
        ({"KAFKA__GROUP_ID": ""}, ["SIDECAR_KAFKA__GROUP_ID: must have at least 1 character"]),
        (
            {"START": "soon"},
            ["SIDECAR_START: 'soon' must be earliest, latest, or a time with its zone, like 2026-01-31T06:00:00Z"],
        ),
        ({"ON_POISON": "skip"}, ["SIDECAR_ON_POISON: must be 'stop' or 'drop'"]),
        ({"ORDERING": "key"}, ["SIDECAR_ORDERING: must be 'partition' or 'none'"]),
        (
            {"ORDERING": "none", "WRITER__URL": "sqlite:///data/records.db", "WRITER__TABLE": "records"},
            [
                "SIDECAR_ORDERING: none does not go with a downstream that keeps the offsets beside the records: it takes those of a partition in order; leave it out"
            ],
        ),
        ({"DRAIN_TIMEOUT": "25"}, [f"SIDECAR_DRAIN_TIMEOUT: '25' {DURATION}"]),
        ({"DRAIN_TIMEOUT": "0s"}, ["SIDECAR_DRAIN_TIMEOUT: must be greater than 0"]),
        ({"WRITER__TIMEOUT": "30d"}, ["SIDECAR_WRITER__TIMEOUT: '30d' is too long: write 1d or less"]),
        ({"FLUSH__MAX_BATCH": "0"}, ["SIDECAR_FLUSH__MAX_BATCH: must be greater than or equal to 1"]),
        ({"MEMORY__LIMIT": "0"}, ["SIDECAR_MEMORY__LIMIT: must be greater than 0"]),
        (
            {"MEMORY__LIMIT": "much"},
            ["SIDECAR_MEMORY__LIMIT: 'much' is not a size: write a number and a unit, like 64MiB, 512KiB or 1GiB"],
        ),
        ({"BUFFER__LOW_WATERMARK": "0"}, ["SIDECAR_BUFFER__LOW_WATERMARK: must be greater than 0"]),
        (
            {"BUFFER__HIGH_WATERMARK": "80%"},
            ["SIDECAR_BUFFER__HIGH_WATERMARK: '80%' is not a fraction: write a number from 0 to 1, like 0.8"],
        ),
        (
            {"HTTP__LISTEN": "9877"},
            ["SIDECAR_HTTP__LISTEN: '9877' is not an address: write host:port, like 0.0.0.0:9877 or [::]:9877"],
        ),
        ({"HTTP__TOKEN": ""}, [f"SIDECAR_HTTP__TOKEN: {NO_TOKEN}"]),
        ({"HTTP__TOKEN": "hunter2"}, [f"SIDECAR_HTTP__TOKEN: {NO_TOKEN}"]),
        ({"HTTP__TOKEN": "two words and more"}, [f"SIDECAR_HTTP__TOKEN: {NO_TOKEN}"]),
        (
            {"DRAIN_MARKER": "drain"},
            [
                (
                    "SIDECAR_DRAIN_MARKER: 'drain' is not the absolute path of a file: "
                    "write it from the root, like /var/run/kafka-sidecar/drain"
                )
            ],
        ),
        ({"GRACE_PERIOD": "60"}, [f"SIDECAR_GRACE_PERIOD: '60' {DURATION}"]),
        ({"APP__HEALTH_URL": "localhost:8080"}, [f"SIDECAR_APP__HEALTH_URL: {NO_SCHEME}"]),
        ({"APP__HEALTH_URL": "http:///healthz"}, [f"SIDECAR_APP__HEALTH_URL: {NO_HOST}"]),
        (
            {"APP__HEALTH_URL": "http://[::1/healthz"},
            ["SIDECAR_APP__HEALTH_URL: the brackets of its host are wrong; write http://[::1]:8080/healthz"],
        ),
        (
            {"APP__HEALTH_URL": "http://a/", "APP__HEALTHY_AFTER": "0"},
            ["SIDECAR_APP__HEALTHY_AFTER: must be greater than or equal to 1"],
        ),
        # Names that are no settings.
        ({"FLUSH__MAX_BATCHS": "5"}, ["SIDECAR_FLUSH__MAX_BATCHS: is no setting; was SIDECAR_FLUSH__MAX_BATCH meant?"]),
        ({"Topics": "a"}, ["SIDECAR_Topics: is no setting; was SIDECAR_TOPICS meant?"]),
        ({"XYZZY": "1"}, [f"SIDECAR_XYZZY: {NO_SETTING}"]),
        ({"KAFKA": "1"}, [f"SIDECAR_KAFKA: {NO_SETTING}"]),
        # The client's properties.
        ({"KAFKA__ENABLE_AUTO_COMMIT": "false"}, [f"SIDECAR_KAFKA__ENABLE_AUTO_COMMIT: {COMMITS}"]),
        ({"KAFKA__AUTO_COMMIT_INTERVAL_MS": "5"}, [f"SIDECAR_KAFKA__AUTO_COMMIT_INTERVAL_MS: {COMMITS}"]),
        (
            {"KAFKA__PLUGIN_LIBRARY_PATHS": "x.so"},
            ["SIDECAR_KAFKA__PLUGIN_LIBRARY_PATHS: may not be set: it would load or run code"],
        ),
        (
            {"KAFKA__AUTO_OFFSET_RESET": "earliest"},
            [
                (
                    "SIDECAR_KAFKA__AUTO_OFFSET_RESET: may not be set: a reset would skip records without a word: "
                    "use SIDECAR_START and SIDECAR_ON_OFFSET_OUT_OF_RANGE"
                )
            ],
        ),
        (
            {"KAFKA__ENABLED_EVENTS": "1"},
            ["SIDECAR_KAFKA__ENABLED_EVENTS: may not be set: the sidecar listens to the client in its own way"],
        ),
        (
            {"KAFKA__SESION_TIMEOUT_MS": "9000"},
            [
                (
                    "SIDECAR_KAFKA__SESION_TIMEOUT_MS: sesion.timeout.ms is not among the client's properties that may be set; "
                    "was SIDECAR_KAFKA__SESSION_TIMEOUT_MS meant?"
                )
            ],
        ),
        (
            {"KAFKA__SESSION_TIMEOUT_MS": "9s"},
            ["SIDECAR_KAFKA__SESSION_TIMEOUT_MS: '9s' is not a whole number, like 1000 (the client's own unit)"],
        ),
        (
            {"KAFKA__QUEUED_MAX_MESSAGES_KBYTES": "²"},
            ["SIDECAR_KAFKA__QUEUED_MAX_MESSAGES_KBYTES: '²' is not a whole number, like 1000 (the client's own unit)"],
        ),
        ({"KAFKA__CHECK_CRCS": "yes"}, ["SIDECAR_KAFKA__CHECK_CRCS: 'yes' must be true or false"]),
        ({"KAFKA__GROUP_PROTOCOL": "new"}, ["SIDECAR_KAFKA__GROUP_PROTOCOL: 'new' must be classic or consumer"]),
        (
            {"KAFKA__PARTITION_ASSIGNMENT_STRATEGY": "range"},
            ["SIDECAR_KAFKA__PARTITION_ASSIGNMENT_STRATEGY: 'range' must be cooperative-sticky"],
        ),
        (
            {
                "KAFKA__GROUP_PROTOCOL": "Consumer",
                "KAFKA__SESSION_TIMEOUT_MS": "9000",
                "KAFKA__HEARTBEAT_INTERVAL_MS": "900",
                "KAFKA__PARTITION_ASSIGNMENT_STRATEGY": "cooperative-sticky",
                "KAFKA__GROUP_INSTANCE_ID": "pod-1",
            },
            [
                (
                    "SIDECAR_KAFKA__GROUP_INSTANCE_ID: has no place with group.protocol=consumer: there, a crashed static member could "
                    "not come back until its session has expired; leave it out"
                ),
                f"SIDECAR_KAFKA__HEARTBEAT_INTERVAL_MS: {BROKER_DECIDES}",
                f"SIDECAR_KAFKA__PARTITION_ASSIGNMENT_STRATEGY: {BROKER_DECIDES}",
                f"SIDECAR_KAFKA__SESSION_TIMEOUT_MS: {BROKER_DECIDES}",
            ],
        ),
        # The writer.
        (
            {"WRITER__URL": "http://[::1/in"},
            ["SIDECAR_WRITER__URL: the brackets of its host are wrong; write http://[::1]:8080/path"],
        ),
        (
            {"WRITER__BODY": "jason"},
            ["SIDECAR_WRITER__BODY: must be ndjson or values or json or raw or cloudevents (was json meant?)"],
        ),
        (
            {"WRITER__URL": "stdout:", "WRITER__TABLE": "t"},
            ["SIDECAR_WRITER__TABLE: this writer has no such option; it has none"],
        ),
        (
            {"WRITER__URL": "file:///data/out.ndjson", "WRITER__ROTATE_SIZE": "big"},
            ["SIDECAR_WRITER__ROTATE_SIZE: 'big' is not a size: write a number and a unit, like 64MiB, 512KiB or 1GiB"],
        ),
        # Contradictions.
        (
            {"APP__HEALTH_INTERVAL": "2s"},
            ["SIDECAR_APP__HEALTH_INTERVAL: does nothing without SIDECAR_APP__HEALTH_URL: set that, or leave this out"],
        ),
        ({"DRAIN_TIMEOUT": "5m"}, ["SIDECAR_DRAIN_TIMEOUT: 300s must be below SIDECAR_KAFKA__MAX_POLL_INTERVAL_MS (300000)"]),
        (
            {"KAFKA__MAX_POLL_INTERVAL_MS": "10000"},
            ["SIDECAR_DRAIN_TIMEOUT: 25s must be below SIDECAR_KAFKA__MAX_POLL_INTERVAL_MS (10000)"],
        ),
        (
            {"BUFFER__LOW_WATERMARK": "0.8"},
            ["SIDECAR_BUFFER__LOW_WATERMARK: 0.8 must be below SIDECAR_BUFFER__HIGH_WATERMARK (0.8)"],
        ),
        (
            {"FLUSH__MIN_INTERVAL": "2s", "FLUSH__MAX_INTERVAL": "1s"},
            ["SIDECAR_FLUSH__MIN_INTERVAL: 2s is above SIDECAR_FLUSH__MAX_INTERVAL (1s)"],
        ),
        (
            {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "50"},
            ["SIDECAR_FLUSH__MAX_BATCH: 100 is more than the buffer holds, SIDECAR_BUFFER__MAX_MESSAGES (50)"],
        ),
        (
            {"BUFFER__SAMPLE_RATE": "5"},
            ["SIDECAR_BUFFER__SAMPLE_RATE: belongs to SIDECAR_BUFFER__STRATEGY=sample, but that is block: leave it out"],
        ),
        (
            {"BUFFER__STRATEGY": "sample", "BUFFER__MAX_BLOCK": "5s"},
            ["SIDECAR_BUFFER__MAX_BLOCK: belongs to SIDECAR_BUFFER__STRATEGY=block, but that is sample: leave it out"],
        ),
        (
            {"RETRY__MAX_ATTEMPTS": "3", "DEAD_LETTER__BURST": "5"},
            [
                "SIDECAR_DEAD_LETTER__BURST: does nothing without SIDECAR_DEAD_LETTER__TOPIC: set that, or leave this out",
                "SIDECAR_RETRY__MAX_ATTEMPTS: does nothing without SIDECAR_DEAD_LETTER__TOPIC: set that, or leave this out",
            ],
        ),
        (
            {"DEAD_LETTER__TOPIC": "dead", "ON_POISON": "drop"},
            [
                "SIDECAR_ON_POISON: is for those without a dead-letter topic, and SIDECAR_DEAD_LETTER__TOPIC names one: leave one of them out"
            ],
        ),
        *[
            (
                {"TOPICS": topics, "DEAD_LETTER__TOPIC": dead},
                [
                    (
                        f"SIDECAR_DEAD_LETTER__TOPIC: {target} is consumed itself, by {by} in SIDECAR_TOPICS: "
                        "each dead letter would come back; name another one"
                    )
                ],
            )
            for topics, dead, target, by in [
                ("orders,dead", "dead", "dead", "dead"),
                ("orders,orders.dead", "{topic}.dead", "orders.dead", "orders.dead"),
                ("orders,^.*dead", "{topic}.dead", "orders.dead", "^.*dead"),
                ("^.*", "dead", "dead", "^.*"),
            ]
        ],
        (
            {"DEAD_LETTER__TOPIC": "{topic}"},
            [
                (
                    "SIDECAR_DEAD_LETTER__TOPIC: '{topic}' names no other topic: letters, digits, dot, underscore and hyphen, "
                    "and {topic} for the record's own, like {topic}.dead"
                )
            ],
        ),
        (
            {"BUFFER__MAX_AGE": "5s"},
            [
                (
                    "SIDECAR_BUFFER__MAX_AGE: would lose records, and SIDECAR_BUFFER__STRATEGY=block promises not to: "
                    "choose another strategy, or leave it out"
                )
            ],
        ),
    ],
)
def test_each_problem_is_told_by_name_with_what_is_wrong_and_the_mend(wrong: dict[str, str], told: list[str]) -> None:
    assert complaints(LEAST | named(wrong)) == told


def test_what_kubernetes_says_of_a_service_named_sidecar_is_left_alone() -> None:
    of_kubernetes = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "80",
        "SERVICE_PORT_METRICS": "80",
        "PORT": "tcp://10.0.0.1:80",
        "PORT_80_TCP": "tcp://10.0.0.1:80",
        "PORT_80_TCP_PROTO": "tcp",
        "PORT_80_TCP_PORT": "80",
        "PORT_80_TCP_ADDR": "10.0.0.1",
        "METRICS_SERVICE_HOST": "10.0.0.2",
        "METRICS_PORT": "tcp://10.0.0.2:80",
    }
    assert load(of_kubernetes) == load({})


def test_a_port_that_kubernetes_did_not_say_is_no_setting() -> None:
    assert complaints(LEAST | named({"PORT": "9877"})) == [f"SIDECAR_PORT: {NO_SETTING}"]


def test_what_does_not_begin_like_a_setting_is_left_alone() -> None:
    assert load_settings(LEAST | {"PATH": "/bin", "SIDECARS": "3"}, lambda: CONTAINER) == load({})


def test_a_value_can_come_from_a_file_without_the_newline_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("two\nlines\n", encoding="utf-8")
    settings = load({"KAFKA__SASL_PASSWORD_FILE": str(file)})
    assert consumer_config(settings)["sasl.password"] == "two\nlines"


def test_a_path_that_the_writer_reads_by_itself_stays_a_path() -> None:
    assert load({"WRITER__TOKEN_FILE": "/not/here"}).writer.given == {"token_file": "/not/here"}


def test_values_can_come_from_a_folder_whose_files_are_named_like_settings(tmp_path: Path) -> None:
    (tmp_path / "SIDECAR_KAFKA__SASL_PASSWORD").write_text("hunter2\n", encoding="utf-8")
    (tmp_path / "SIDECAR_FLUSH__MAX_BATCH").write_text("5", encoding="utf-8")
    (tmp_path / "README").write_text("not a setting", encoding="utf-8")
    settings = load({"SECRETS_DIR": str(tmp_path)})
    assert consumer_config(settings)["sasl.password"] == "hunter2"
    assert settings.flush.max_batch == 5


def test_a_value_that_is_said_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "SIDECAR_START").write_text("latest", encoding="utf-8")
    file = tmp_path / "topics"
    file.write_text("orders", encoding="utf-8")
    twice = named({"START": "earliest", "SECRETS_DIR": str(tmp_path), "TOPICS_FILE": str(file)})
    assert complaints(LEAST | twice) == [
        f"SIDECAR_TOPICS: is set twice, by environment and by file {file}: leave one of them out",
        f"SIDECAR_START: is set twice, by environment and by file {tmp_path / 'SIDECAR_START'}: leave one of them out",
    ]


def test_what_cannot_be_read_as_a_value_is_told_by_its_path(tmp_path: Path) -> None:
    missing, binary = tmp_path / "missing", tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "SIDECAR_NONSENSE").write_text("1", encoding="utf-8")
    unreadable = named(
        {
            "KAFKA__SASL_PASSWORD_FILE": str(missing),
            "KAFKA__SASL_USERNAME_FILE": str(binary),
            "SECRETS_DIR": str(tmp_path / "secrets"),
        }
    )
    assert complaints(LEAST | unreadable) == [
        f"SIDECAR_KAFKA__SASL_PASSWORD_FILE: {missing} cannot be read (No such file or directory): mount the file, or mend its rights",
        f"SIDECAR_KAFKA__SASL_USERNAME_FILE: {binary} is not UTF-8 text",
        f"SIDECAR_NONSENSE: {NO_SETTING}",
    ]


@pytest.mark.parametrize("place", ["", "secrets", "/no/such/folder"])
def test_a_secrets_folder_that_is_none_is_told(place: str) -> None:
    shown = place or "."
    assert complaints(LEAST | {"SIDECAR_SECRETS_DIR": place}) == [
        f"SIDECAR_SECRETS_DIR: '{shown}' is not the absolute path of a folder: mount it there, or leave it out"
    ]


@pytest.mark.parametrize("by_folder", [False, True])
def test_a_token_that_every_user_can_read_is_refused_with_the_file_and_the_mend(tmp_path: Path, *, by_folder: bool) -> None:
    file = tmp_path / "SIDECAR_HTTP__TOKEN"
    file.write_text("correct-horse\n", encoding="utf-8")
    environ = LEAST | ({"SIDECAR_SECRETS_DIR": str(tmp_path)} if by_folder else {"SIDECAR_HTTP__TOKEN_FILE": str(file)})
    file.chmod(0o644)
    assert complaints(environ) == [
        (
            f"SIDECAR_HTTP__TOKEN: {file} can be read by every user: take that right away "
            "(chmod o-r; for a volume of a Secret: defaultMode 0440 and the pod's fsGroup)"
        )
    ]
    file.chmod(0o440)
    token = load_settings(environ, lambda: CONTAINER).http.token
    assert token is not None
    assert token.get_secret_value() == "correct-horse"


def test_a_dead_letter_topic_brings_its_ration_and_the_limits_of_retries() -> None:
    said = {
        "DEAD_LETTER__TOPIC": "{topic}.dead",
        "DEAD_LETTER__BURST": "5",
        "RETRY__MAX_ATTEMPTS": "3",
        "RETRY__MAX_ELAPSED": "1h",
    }
    engine = engine_config(load_settings(LEAST | named(said)))
    assert engine.dead_letters == DeadLetterRules(burst=5, earned_by=100, max_share=0.5)
    assert (engine.retry.max_attempts, engine.retry.max_elapsed) == (3, 3600.0)
    assert engine_config(load_settings(LEAST)).dead_letters is None
