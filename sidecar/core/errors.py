"""The exceptions of this package.

::

    SidecarError
    ├── ConfigurationError    the user's: a setting is wrong; the text names it and the mend
    ├── WriterUnavailable     the downstream's: it cannot be reached or refuses us
    ├── IllegalTransition     ours: an event that the state machine does not know in its state
    └── AccountingError       ours: the books would not balance; nothing was changed
"""

from __future__ import annotations


class SidecarError(Exception):
    """The root of every exception that this package raises on purpose."""


class ConfigurationError(SidecarError):
    """Settings that cannot work; the text lists every problem with its mend."""


class WriterUnavailable(SidecarError):  # noqa: N818 -- the state of the downstream, not a mistake
    """The downstream cannot be reached, or refuses us as a whole."""


class IllegalTransition(SidecarError):  # noqa: N818 -- h11 and the field name it so
    """An event that has no place in the current state; the state is unchanged."""


class AccountingError(SidecarError):
    """An outcome for a record that has one already, or was never polled; the books are unchanged."""
