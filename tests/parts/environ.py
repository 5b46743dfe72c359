"""The environment that a sidecar of the tests is started with."""

from __future__ import annotations

from tests.parts.topics import fresh_name


def sidecar_environ(bootstrap: str, topics: str, url: str, **more: str) -> dict[str, str]:
    """Return settings that work: a group of its own, flushes that wait for little. ``more`` are names without ``SIDECAR_``."""
    settings = {
        "TOPICS": topics,
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__GROUP_ID": fresh_name("group"),
        "KAFKA__TOPIC_METADATA_REFRESH_INTERVAL_MS": "500",
        "WRITER__URL": url,
        "MEMORY__LIMIT": "256MiB",
        "FLUSH__MIN_INTERVAL": "10ms",
        "FLUSH__MAX_INTERVAL": "100ms",
        "RETRY__MAX_WAIT": "200ms",
        "LOG__FORMAT": "json",
    }
    return {f"SIDECAR_{name}": text for name, text in (settings | more).items()}
