"""Settings: the environment in, frozen and checked values out; what cannot work is refused, all of it at once, by name, with the mend.

==================== ===========================================================================
module               what it owns
==================== ===========================================================================
environment          which names there are, files in place of values, names that are wrong
units                durations, sizes, times, and addresses as people write them
model                the settings, their defaults and meaning: the source of docs/SETTINGS.md
kafka_properties     which of librdkafka's properties may be set, and why others may not
memory               the one memory number, and how it is split
load                 all of it together
parts                what the engine, the consumer and the writer are made with
topic_policies       what an entry of SIDECAR_TOPIC_POLICIES may say
token_file           the admin server's token, which its file may change
describe, document   the settings for people: in the terminal, and as the reference
fingerprint          the hash that tells processes with different settings apart
==================== ===========================================================================
"""

from sidecar.settings.fingerprint import fingerprint
from sidecar.settings.load import load_settings
from sidecar.settings.model import Settings
from sidecar.settings.parts import (
    consumer_config,
    engine_config,
    has_max_age,
    has_overflow,
    login_changed,
    max_poll_interval,
    memory_limit,
    overflow_topic,
    writer_kind,
)

__all__ = [
    "Settings",
    "consumer_config",
    "engine_config",
    "fingerprint",
    "has_max_age",
    "has_overflow",
    "load_settings",
    "login_changed",
    "max_poll_interval",
    "memory_limit",
    "overflow_topic",
    "writer_kind",
]
