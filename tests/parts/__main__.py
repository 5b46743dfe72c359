"""``python -m tests.parts``: have everything that the tests need, telling what takes time. A second run finds it all there.

A part that this machine cannot have is told, with its mend, and is no failure here: the tests that need it say so by name.
"""

from __future__ import annotations

from tests.parts import debian
from tests.parts.kafka import Unavailable, jars
from tests.parts.kafka.contract import pinned_version


def main() -> None:
    """Prepare Kafka's jars, with the Debian packages that they need."""
    missing = debian.missing_packages(jars.PACKAGES)
    if missing and not debian.install(missing):
        return
    try:
        jars.fetch()
    except Unavailable as unavailable:
        print(f"Kafka {pinned_version()}: {unavailable}")
    else:
        print(f"Kafka {pinned_version()}: ready")


if __name__ == "__main__":
    main()
