"""The entry: signals are taken before anything heavy is imported, so that one that comes during the start is kept."""

from __future__ import annotations

import sys

from sidecar.runtime.signals import Signals


def main() -> None:
    """Run the command line and end with its exit status."""
    signals = Signals()
    if sys.argv[1:2] in (["run"], ["demo"]):
        signals.install()
    from sidecar.cli import main as run_command  # noqa: PLC0415 -- after the signals, see above

    sys.exit(run_command(sys.argv[1:], signals))


if __name__ == "__main__":
    main()
