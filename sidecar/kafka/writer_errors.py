"""What a producer's errors mean for a batch: one table, a reason for each row.

=============================================================== ========== =====================================================================
error                                                           result     why
=============================================================== ========== =====================================================================
no such topic or partition; authentication, authorization;      Systemic   no other batch would be taken; a person must act
the brokers are too old
MSG_SIZE_TOO_LARGE                                              TooLarge   the batch of the wire was too large for the topic, or one record is: then
                                                                           the parts of the batch show which
INVALID_RECORD, INVALID_TIMESTAMP                               Poison     the topic refuses it whenever it comes: a null key where it is compacted, a
                                                                           far timestamp
the generation is over, the member unknown                      Retriable  a rebalance went by: the next attempt takes part in the new generation, or is
                                                                           no owner any more
the transactional id was taken by another producer              Retriable  ours is made anew; nothing of this transaction counts
anything else                                                   Retriable  the brokers are away, or have too few replicas in sync: the client has
                                                                           tried again for long already
=============================================================== ========== =====================================================================

That nobody knows what became of a commit is no error of this table: see :mod:`sidecar.kafka.transactions`.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError

from sidecar.core.records import TopicPartition
from sidecar.core.results import FailureAction, Poison, RecordFailure, Result, Retriable, Systemic, TooLarge
from sidecar.kafka.destination import LARGEST
from sidecar.kafka.errors import describe

_MENDS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create it; it is tried again",
    KafkaError._UNKNOWN_TOPIC: "create it; it is tried again",  # noqa: SLF001 -- the client's public names of local errors begin so
    KafkaError._UNKNOWN_PARTITION: "with SIDECAR_WRITER__PARTITION=same the topic needs as many partitions as the source",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant WRITE and DESCRIBE on the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant READ on the group",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "grant WRITE and DESCRIBE on the transactional id",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant IDEMPOTENT_WRITE on the cluster",
    KafkaError._AUTHENTICATION: "check SIDECAR_WRITER__SASL_* and SIDECAR_WRITER__SECURITY_PROTOCOL",  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: "check SIDECAR_WRITER__SASL_*",
    KafkaError._SSL: "check SIDECAR_WRITER__SSL_*",  # noqa: SLF001
    KafkaError._RESOLVE: "check the brokers in SIDECAR_WRITER__URL",  # noqa: SLF001
    KafkaError.UNSUPPORTED_VERSION: "the brokers are older than 0.11",
    KafkaError._UNSUPPORTED_FEATURE: "the brokers are too old",  # noqa: SLF001
    KafkaError._INVALID_ARG: "check SIDECAR_WRITER__*",  # noqa: SLF001
}
"""The errors that no other batch would escape, each with the mend."""

_POISON = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP})

_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001

_OVER = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError.STALE_MEMBER_EPOCH}
)

_FOLLOWS = frozenset(
    {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._INVALID_DIFFERENT_RECORD}  # noqa: SLF001
)
"""What others in the same transaction, or in the same batch of the wire, are told."""

OVER_WAIT = 0.2
"""Seconds after which our place in the new generation is known: it is renewed every 0.1 s."""


def result_of(errors: Iterable[KafkaError], where: str) -> Result:
    """Return what ``errors`` of one batch to ``where`` mean together: the gravest counts. At least one, nothing of a record."""
    causes = [error for error in errors if error.code() not in _FOLLOWS]
    results = [_result(error, where) for error in causes] or [Retriable(f"{where} did not take the batch")]
    return min(results, key=lambda result: _GRAVEST.index(type(result)))


_GRAVEST = [Systemic, Poison, TooLarge, Retriable]


def _result(error: KafkaError, where: str) -> Result:
    code = error.code()
    if code in _MENDS:
        return Systemic(f"{where}: {error.name()}: {error.str()} ({_MENDS[code]})")
    if code in _POISON:
        return Poison(f"{where}: {error.name()}: the topic refuses such a record")
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        return TooLarge(f"{where}: MSG_SIZE_TOO_LARGE: larger than the topic's max.message.bytes")
    if code in _FENCED:
        return Retriable(
            f"{where}: another producer has this transactional id: give each process its own SIDECAR_WRITER__TRANSACTIONAL_ID_PREFIX"
        )
    if code in _OVER:
        return Retriable(f"{where}: {error.name()}: the group has changed meanwhile", OVER_WAIT)
    return Retriable(f"{where}: {describe(error)}")


def oversize(tp: TopicPartition, offset: int) -> Result:
    """Return what a record means that is larger than anything that is tried."""
    why = f"larger than {LARGEST} bytes, the most that is tried"
    return Poison(f"a record is {why}", (RecordFailure(tp, offset, FailureAction.REJECT, why),))


def loop(topic: str) -> Result:
    """Return what a topic means that is consumed itself."""
    return Systemic(f"{topic} is consumed itself, so each record would come back: name another topic in SIDECAR_WRITER__URL")


def late(where: str) -> Result:
    """Return what it means that brokers did not answer for all records in time."""
    return Retriable(f"{where}: no answer in time for all records")
