from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

from sidecar.demo.topics import HEADER, SHAPES, Topics
from sidecar.kafka.embedded import EmbeddedBroker


def test_the_closing_lines_tell_of_each_topic_what_became_of_it() -> None:
    taken = Counter(orders=5, prices=0, telemetry=0)
    topics = Topics(cast("EmbeddedBroker", None), cast("Any", SimpleNamespace(taken_by_topic=taken)))
    lines = topics.closing({"prices": 2})
    assert [line.split() for line in lines[1:]] == [
        ["orders", "0", "5", "0", "-5"],
        ["prices", "0", "0", "2", "-2"],
        ["telemetry", "0", "0", "0", "0"],
    ]
    assert topics.missing({"prices": 2}) == 7


def test_every_topic_has_a_column() -> None:
    assert all(topic in HEADER for topic in SHAPES)
