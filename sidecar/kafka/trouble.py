"""Trouble: what stands between us and Kafka now, in one line for people.

librdkafka says the same thing twenty times a second while a broker is away, and never says that it is over. So each kind is logged
when it begins and then now and then with a count (see :mod:`sidecar.observe.log_actions`), and trouble is over when records or partitions come, or when nothing was heard
of it for a while. A missing topic is looked for only every refresh of the metadata, so that stays until partitions come.
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError

from sidecar.kafka.errors import describe

QUIET = 35.0
"""Seconds without an error of the connection after which it is taken to be over. The client tells of one that repeats every 30 s only."""


class Trouble:
    """The last error, as long as it stands: that of the connection, else the one that came in the stream of records."""

    def __init__(self, clock: Callable[[], float], tell: Callable[[str, str], None]) -> None:
        """``tell`` hears of each error: its name, and a sentence."""
        self._clock = clock
        self._tell = tell
        self._of_stream: str | None = None
        self._of_connection: str | None = None
        self._until = 0.0

    def note(self, error: KafkaError, *, of_stream: bool) -> None:
        """Take note of an error; one that came in the stream of records stays until :meth:`over`.

        That all brokers are down only sums up what was said of each, so it hides no other trouble (a refused password, say).
        """
        text = describe(error)
        if of_stream:
            self._of_stream = text
        else:
            sums_up = error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 -- the client's public names of local errors begin so
            self._of_connection = (sums_up and self._connection()) or text
            self._until = self._clock() + QUIET
        self._tell(error.name(), text)

    def over(self) -> None:
        """Forget it: records or partitions came."""
        self._of_stream = self._of_connection = None

    @property
    def text(self) -> str | None:
        """What stands in the way now; None: nothing is known."""
        return self._connection() or self._of_stream

    def _connection(self) -> str | None:
        return self._of_connection if self._clock() < self._until else None
