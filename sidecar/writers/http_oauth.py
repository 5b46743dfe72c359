"""A token by OAuth 2.0's client credentials (RFC 6749, 4.4): asked for when it is needed, kept until shortly before it ends.

The flusher threads share one token, so a provider that counts tokens is asked once; the lock around it is the only one that flushers
have, and nobody waits for it beyond the deadline of a flush. A token that was refused is asked for again, once for each request.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

import msgspec

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.http_connection import Answer, Connection, Tls
from sidecar.writers.http_credentials import TOKEN
from sidecar.writers.http_target import Target, basic

LIFETIME = 300.0
"""How long a token counts as good when the provider does not say, in seconds."""

MARGIN = 60.0
"""How long before its end a token is renewed, in seconds; of a short one a tenth of its time."""

LONGEST = 64 * 1024
"""What is read of the provider's answer, in bytes."""

_ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
)
"""The provider's own words that may be shown (RFC 6749, 5.2)."""


class _Token(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: float = LIFETIME


class _Refusal(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and for what: ``scope`` may be empty."""

    name: str
    secret: str = field(repr=False)
    scope: str = ""


class ClientCredentials:
    """The token of one client at one provider."""

    def __init__(self, provider: Target, tls: Tls | None, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._tls = tls
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Authorization": basic(quote_plus(client.name), quote_plus(client.secret)),
        }
        self._form = urlencode({"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})).encode()
        self._clock = clock
        self._lock = threading.Lock()
        self._header: str | None = None
        self._good_until = 0.0

    def header(self, deadline: float) -> str:
        """Return the header with a token that is good."""
        with self._alone(deadline):
            if self._header is None or self._clock() >= self._good_until:
                self._header = None
                self._renew(deadline)
            assert self._header is not None  # noqa: S101 -- _renew raises, or sets it
            return self._header

    def after_refusal(self, refused: str | None, deadline: float) -> str | None:
        """Return the header with another token; it may have been renewed by another thread meanwhile."""
        with self._alone(deadline):
            if self._header == refused:
                self._header = None
        return self.header(deadline)

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise WriterUnavailable(f"no token from {self._provider.name} in time")
        try:
            yield
        finally:
            self._lock.release()

    def _renew(self, deadline: float) -> None:
        asked = self._clock()
        token = _token(self._provider.name, self._ask(deadline))
        self._header = f"Bearer {token.access_token}"
        self._good_until = asked + token.expires_in - min(MARGIN, token.expires_in / 10)

    def _ask(self, deadline: float) -> Answer:
        connection = Connection(self._provider, self._tls)
        try:
            return connection.post([self._form], self._headers, deadline, LONGEST)
        except WriterUnavailable as error:
            raise WriterUnavailable(f"no token: {error}") from error
        except TimeoutError as error:
            raise WriterUnavailable(f"no token from {self._provider.name} in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise WriterUnavailable(f"no token from {self._provider.name}: no whole answer ({type(error).__name__})") from error
        finally:
            connection.close()


def _token(provider: str, answer: Answer) -> _Token:
    """Read the provider's answer; what is raised quotes nothing of it but the standard's own words."""
    if answer.status != 200:  # noqa: PLR2004 -- OK
        raise WriterUnavailable(f"no token from {provider}: answered {answer.status}{_why(answer)}")
    try:
        token = msgspec.json.decode(answer.body or b"", type=_Token, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WriterUnavailable(f"no token from {provider}: its answer is not that of RFC 6749") from None
    if token.token_type.lower() != "bearer" or not TOKEN.fullmatch(token.access_token):
        raise WriterUnavailable(f"no token from {provider}: what it gives is no bearer token")
    return token


def _why(answer: Answer) -> str:
    try:
        error = msgspec.json.decode(answer.body or b"", type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f" ({error})" if error in _ERRORS else ""
