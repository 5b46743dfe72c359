"""Logins that change while clients run: what a client asks about its own, and how it takes the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Changed = Callable[[], tuple[str, str] | None]
"""Returns the user and the password to use from now on; None while they are the same as the last time."""


def never() -> None:
    """Say that the login is the same for ever."""


class Client(Protocol):
    """A client of the Kafka library."""

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        """Use these for the connections that it makes from now on."""


def renew(client: Client, changed: Changed) -> None:
    """Give ``client`` a new login if there is one."""
    login = changed()
    if login is not None:
        client.set_sasl_credentials(*login)
