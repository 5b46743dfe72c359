"""The fingerprint of the settings: the same for the processes of one deployment, another one as soon as a setting differs.

Left out is what may differ between pods of one deployment (names of clients, the place, the admin server's address), and every secret:
what can be scraped must not help to guess one.
"""

from __future__ import annotations

import hashlib
import json

from sidecar.settings import kafka_properties
from sidecar.settings.describe import shown
from sidecar.settings.model import Settings
from sidecar.settings.parts import consumer_config
from sidecar.writers import registry

OF_THE_POD = frozenset({"client.id", "client.rack", "group.instance.id"})


def fingerprint(settings: Settings) -> str:
    """Return 12 hexadecimal digits."""
    kafka = {
        name: value
        for name, value in consumer_config(settings).items()
        if name not in OF_THE_POD and not kafka_properties.is_secret(name)
    }
    options = registry.options_of(settings.writer.url)
    writer = {
        **{name: text for name, text in settings.writer.given.items() if options[name].kind != "secret"},
        "timeout": settings.writer.timeout,
        "url": shown("SIDECAR_WRITER__URL", settings.writer.url),
    }
    health_url = shown("SIDECAR_APP__HEALTH_URL", settings.app.health_url or "")
    ours = settings.model_dump(mode="json", exclude={"kafka": True, "writer": True, "http": True, "app": {"health_url"}})
    text = json.dumps({**ours, "kafka": kafka, "writer": writer, "health_url": health_url}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
