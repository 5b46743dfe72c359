from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.integration.outside.commands import command
from tests.parts.app import Application
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.topics import create_topic, fresh_name
from tests.parts.waiting import free_port

SECRET = "hunter2"  # noqa: S105 -- an example

AS_MODULE = (sys.executable, "-m", "sidecar")


def environ_without_kafka(**more: str) -> dict[str, str]:
    return sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:", **more)


@pytest.mark.parametrize(
    ("arguments", "helpful"),
    [
        (
            ["--help"],
            [
                *("run", "check", "config", "demo", "drain", "pause", "resume", "status", "dlq"),
                "SIDECAR_TOPICS",
                "SIDECAR_KAFKA__BOOTSTRAP_SERVERS",
                "SIDECAR_KAFKA__GROUP_ID",
                "SIDECAR_WRITER__URL",
                "SIDECAR_MEMORY__LIMIT",
                *("0  drained", "1  a failure that a restart may mend", "2  wrong usage or configuration"),
                *("3  the drain ran out of time", "4  stopped by policy"),
            ],
        ),
        (["run", "--help"], ["Consume until SIGTERM, then drain and exit."]),
        (["check", "--help"], ["Check the settings, and that Kafka, the topics and the writer can be reached."]),
        (["config", "--help"], ["Print the effective settings, where each comes from, secrets redacted."]),
        (["drain", "--help"], ["--wait [TIME]", "--revocable", "preStop", "3 the time was over"]),
        (["pause", "--help"], ["Have it take no more records, until `resume`."]),
        (["resume", "--help"], ["It ends what `pause` and `drain --revocable` began."]),
        (["status", "--help"], ["--json", "Say what it does, and why it is behind."]),
        (
            ["demo", "--help"],
            ["--strategy {block,drop_oldest,drop_newest,sample}", "--slow MS", "--topics", "--step", "(default: block)"],
        ),
    ],
)
def test_help_says_what_a_person_needs(arguments: list[str], helpful: list[str]) -> None:
    ended = command(*arguments)
    assert (ended.status, ended.err) == (0, "")
    for text in helpful:
        assert text in ended.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (
            ["runn"],
            "invalid choice: 'runn' (choose from 'run', 'check', 'config', 'demo', 'drain', 'pause', 'resume', 'status', 'dlq', 'manifest')",
        ),
        (["run", "--fast"], "unrecognized arguments: --fast"),
        (["demo", "--strategy", "hope"], "argument --strategy: invalid choice: 'hope'"),
        (["demo", "--slow", "very"], "argument --slow: 'very' is not a number of milliseconds from 0 to 2"),
        (["demo", "--slow", "-1"], "argument --slow: '-1' is not a number of milliseconds from 0 to 2"),
        (["demo", "--slow", "nan"], "argument --slow: 'nan' is not a number of milliseconds from 0 to 2"),
    ],
)
def test_wrong_usage_is_told_and_exits_2(arguments: list[str], complaint: str) -> None:
    ended = command(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert complaint in ended.err


def test_the_package_runs_as_a_module_too() -> None:
    assert command("--help", program=AS_MODULE) == command("--help")


@pytest.mark.parametrize("name", ["run", "check", "config"])
def test_wrong_settings_are_all_told_on_standard_error_and_exit_2(name: str) -> None:
    wrong = environ_without_kafka(
        START="soon", FLUSH__MAX_BATCHS="5", KAFKA__ENABLE_AUTO_COMMIT="true", KAFKA__SASL_PASSWORD=SECRET
    )
    ended = command(name, environ=wrong)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.splitlines() == [
        "these 3 settings cannot work:",
        "  SIDECAR_FLUSH__MAX_BATCHS: is no setting; was SIDECAR_FLUSH__MAX_BATCH meant?",
        "  SIDECAR_START: 'soon' must be earliest, latest, or a time with its zone, like 2026-01-31T06:00:00Z",
        "  SIDECAR_KAFKA__ENABLE_AUTO_COMMIT: may not be set: the sidecar commits only what was delivered, by itself",
    ]


@pytest.mark.parametrize("name", ["run", "check"])
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            {"KAFKA__SECURITY_PROTOCOL": "sasl_plaintext", "KAFKA__SASL_MECHANISM": "FOO", "KAFKA__SASL_PASSWORD": SECRET},
            "Unsupported SASL mechanism: FOO",
        ),
        ({"KAFKA__SESSION_TIMEOUT_MS": "999999"}, "`max.poll.interval.ms`must be >= `session.timeout.ms`"),
    ],
)
def test_properties_that_only_the_client_can_judge_are_told_the_same_way(
    name: str, wrong: dict[str, str], complaint: str
) -> None:
    ended = command(name, environ=environ_without_kafka(**wrong))
    assert ended.status == 2
    assert ended.err.startswith("SIDECAR_KAFKA__*: the Kafka client refuses this: ")
    assert complaint in ended.err
    assert SECRET not in ended.out + ended.err


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@db/billing", "sqlite:///var/data/orders.db"])
def test_check_prints_the_sql_that_makes_the_tables_and_connects_to_nothing(url: str) -> None:
    ended = command("check", "--ddl", environ=environ_without_kafka(WRITER__URL=url, WRITER__TABLE="orders"))
    assert (ended.status, ended.err) == (0, "")
    assert 'CREATE TABLE IF NOT EXISTS "orders"' in ended.out
    assert 'CREATE TABLE IF NOT EXISTS "kafka_sidecar_offsets"' in ended.out
    assert "hunter2" not in ended.out


def test_a_writer_without_tables_has_no_sql() -> None:
    ended = command("check", "--ddl", environ=environ_without_kafka(WRITER__URL="discard:"))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "SIDECAR_WRITER__URL: discard: has no tables, so there is nothing to make\n"


def test_a_pattern_that_the_client_cannot_read_exits_2() -> None:
    ended = command("run", environ=environ_without_kafka(TOPICS="^orders(?=x)", HTTP__LISTEN="127.0.0.1:0"))
    assert ended.status == 2
    assert "SIDECAR_TOPICS: the Kafka client cannot read a pattern of these" in ended.err


def test_config_prints_every_value_with_its_source_and_no_secret(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{SECRET}\n", encoding="utf-8")
    environ = environ_without_kafka(
        WRITER__URL=f"http://me:{SECRET}@app/in?token={SECRET}", KAFKA__SASL_PASSWORD_FILE=str(password)
    )
    ended = command("config", environ=environ)
    assert (ended.status, ended.err) == (0, "")
    assert SECRET not in ended.out
    assert {tuple(line.split(maxsplit=2)) for line in ended.out.splitlines()} >= {
        ("SIDECAR_TOPICS", "orders", "environment"),
        ("SIDECAR_FLUSH__TARGET_LATENCY", "500ms", "default"),
        ("SIDECAR_BUFFER__MAX_BYTES", "76.0MiB", "from SIDECAR_MEMORY__LIMIT"),
        ("SIDECAR_WRITER__URL", "http://********@app/in?********", "environment"),
        ("SIDECAR_KAFKA__SASL_PASSWORD", "********", f"file {password}"),
        ("SIDECAR_KAFKA__ENABLE_AUTO_COMMIT", "false", "fixed"),
    }


def test_check_says_ok_of_everything_that_can_work(kafka: RealKafka) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    with Application() as app:
        ended = command("check", environ=sidecar_environ(kafka.bootstrap, topic, app.url))
        assert ended.out.splitlines() == ["settings   ok", f"kafka      ok: {topic}", f"writer     ok: {app.url}"]
        assert (ended.status, ended.err) == (0, "")
        assert not app.requests  # it sends nothing


def test_check_tells_each_thing_that_cannot_be_reached_and_exits_1(kafka: RealKafka) -> None:
    topic, pattern = fresh_name("missing"), f"^{fresh_name('missing')}"
    with Application() as app:
        app.go_down()
        ended = command("check", environ=sidecar_environ(kafka.bootstrap, f"{topic},{pattern}", app.url))
    assert ended.out.splitlines() == [
        "settings   ok",
        f"kafka      topic {topic} does not exist, or may not be described: create it, or mend SIDECAR_TOPICS",
        f"kafka      no topic matches {pattern} yet; topics that do are taken as they come",
        f"writer     {app.url}: no connection to {app.url}: Connection refused",
    ]
    assert (ended.status, ended.err) == (1, "")


def test_check_tells_of_overflow_topics_that_could_take_nothing_and_exits_1(kafka: RealKafka) -> None:
    topic, other = fresh_name("clicks"), fresh_name("views")
    for each in (topic, other):
        create_topic(kafka.bootstrap, each)
    policies = json.dumps([{"topic": "*", "strategy": "drop_oldest", "overflow_topic": "{topic}.more"}])
    wanted = f"^({topic}|{other})(.more)?"
    environ = sidecar_environ(kafka.bootstrap, f"{topic},{other}", "discard:", TOPIC_POLICIES=policies)
    create_topic(kafka.bootstrap, f"{other}.more")
    ended = command("check", environ=environ)
    problem = f"kafka      overflow topic {topic}.more (of {topic}) does not exist, or may not be described: "
    assert ended.out.splitlines()[1:-1] == [f"{problem}create it, or mend overflow_topic in SIDECAR_TOPIC_POLICIES"]
    assert ended.status == 1
    ended = command("check", environ=environ | {"SIDECAR_TOPICS": wanted})
    assert (
        f"kafka      {topic}.more, the overflow topic of {topic}, is consumed itself: "
        "name another overflow_topic in SIDECAR_TOPIC_POLICIES"
    ) in ended.out.splitlines()
    create_topic(kafka.bootstrap, f"{topic}.more")
    assert command("check", environ=environ).status == 0


def test_check_tells_why_kafka_cannot_be_reached_and_exits_1() -> None:
    environ = environ_without_kafka()
    ended = command("check", environ=environ)
    assert (ended.status, ended.err) == (1, "")
    settings, kafka, writer = ended.out.splitlines()
    assert (settings, writer) == ("settings   ok", "writer     ok: discard:")
    assert environ["SIDECAR_KAFKA__BOOTSTRAP_SERVERS"] in kafka
    assert "Connection refused" in kafka
    assert "check the network, and SIDECAR_KAFKA__BOOTSTRAP_SERVERS" in kafka


def test_check_tells_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    environ = environ_without_kafka(WRITER__URL=f"file://{tmp_path}/missing/out.ndjson")
    writer = command("check", environ=environ).out.splitlines()[-1]
    assert writer.startswith(f"writer     file://{tmp_path}/missing/out.ndjson: ")
    assert writer.endswith("No such file or directory")


def test_an_admin_port_that_is_taken_is_told_and_exits_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = command("run", environ=environ_without_kafka(HTTP__LISTEN=listen))
    assert ended.status == 2
    assert ended.err.startswith(f"SIDECAR_HTTP__LISTEN: cannot listen on {listen} ")
    assert "choose a free port of this machine, or 0 for any" in ended.err
