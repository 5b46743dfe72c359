"""What the client's errors mean: one table, a reason for each row.

An error comes in three ways: in the stream of records, by the error callback, or as the answer to a call. librdkafka retries
nearly everything by itself, so most mean only that somebody should know.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from confluent_kafka import KafkaError


class Meaning(enum.Enum):
    """What an error calls for."""

    NOTHING = "nothing"
    TROUBLE = "trouble"
    RESET = "reset"
    FATAL = "fatal"
    FENCED = "fenced"


class Row(NamedTuple):
    """``mend`` is for people; empty where the error's own text says it."""

    meaning: Meaning
    mend: str = ""


TABLE: dict[int, Row] = {
    # The end of a partition is no error.
    KafkaError._PARTITION_EOF: Row(Meaning.NOTHING),  # noqa: SLF001 -- the client's public names of local errors begin so
    # There is no committed offset, or the log no longer (or not yet) has it: START or the policy decides.
    KafkaError._AUTO_OFFSET_RESET: Row(Meaning.RESET),  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE: Row(Meaning.RESET),
    # Another member has our group.instance.id: going on would only take turns.
    KafkaError.FENCED_INSTANCE_ID: Row(Meaning.FENCED, "give each instance its own SIDECAR_KAFKA__GROUP_INSTANCE_ID"),
    KafkaError._FATAL: Row(Meaning.FATAL),  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART: Row(Meaning.TROUBLE, "create it, or mend SIDECAR_TOPICS; it is looked for again"),
    KafkaError._UNKNOWN_TOPIC: Row(Meaning.TROUBLE, "create it, or mend SIDECAR_TOPICS; it is looked for again"),  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Row(Meaning.TROUBLE, "grant READ and DESCRIBE on the topic"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: Row(Meaning.TROUBLE, "grant READ on the group"),
    KafkaError._AUTHENTICATION: Row(Meaning.TROUBLE, "check SIDECAR_KAFKA__SASL_* and SIDECAR_KAFKA__SECURITY_PROTOCOL"),  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: Row(Meaning.TROUBLE, "check SIDECAR_KAFKA__SASL_*"),
    KafkaError._SSL: Row(Meaning.TROUBLE, "check SIDECAR_KAFKA__SSL_*"),  # noqa: SLF001
    KafkaError._RESOLVE: Row(Meaning.TROUBLE, "check SIDECAR_KAFKA__BOOTSTRAP_SERVERS"),  # noqa: SLF001
    KafkaError._TRANSPORT: Row(Meaning.TROUBLE, "check the network, and SIDECAR_KAFKA__BOOTSTRAP_SERVERS"),  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN: Row(Meaning.TROUBLE, "check the brokers, and SIDECAR_KAFKA__BOOTSTRAP_SERVERS"),  # noqa: SLF001
    # The loop did not poll for max.poll.interval.ms; the client joins again by itself.
    KafkaError._MAX_POLL_EXCEEDED: Row(Meaning.TROUBLE, "the process was starved or suspended"),  # noqa: SLF001
}


_FENCED_TEXT = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()


def classify(error: KafkaError) -> Row:
    """Return the row of ``error``; one that is not in the table is for people, or fatal where the client says so.

    What made an error fatal is only in its text: in the stream all of them have the code ``_FATAL``.
    """
    fenced = error.code() == KafkaError._FATAL and _FENCED_TEXT in error.str()  # noqa: SLF001 -- as above
    row = TABLE.get(KafkaError.FENCED_INSTANCE_ID if fenced else error.code())
    if row is not None:
        return row
    return Row(Meaning.FATAL if error.fatal() else Meaning.TROUBLE)


def describe(error: KafkaError) -> str:
    """Say ``error`` for people: its name, what it says, and the mend. The same error is always said in the same words.

    The client adds to an error of a connection how long that was in which state, and how often the error came.
    """
    mend = classify(error).mend
    said = error.str().partition(" (after ")[0]
    return f"{error.name()}: {said}" + (f" ({mend})" if mend else "")
