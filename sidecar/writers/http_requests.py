"""One request: what goes with every body (credentials, compression), and what it means when no answer comes.

============================================ ===================================================================================
what happens                                 result
============================================ ===================================================================================
no connection: refused, no such name or      Systemic: no batch would pass
socket, not trusted, not allowed
no token, or no file for one                 Systemic: every batch would be refused
no connection, or no whole answer, in time   Retriable: it may be slow today; whether it was acted on is unknown
the connection is lost                       Retriable: as above
the server ends it over our certificate      Systemic: every connection would end so (with TLS 1.3 the handshake does not wait for this)
the answer is cut short or not HTTP          Retriable: as above
a success before the whole request was sent  Retriable: what it did not read it cannot have taken
============================================ ===================================================================================
"""

from __future__ import annotations

import http.client
import re
import ssl
import zlib
from collections.abc import Callable, Mapping

from sidecar.core.errors import WriterUnavailable
from sidecar.core.results import Retriable, Systemic
from sidecar.writers.http_connection import Answer, Connection, TakenUnread
from sidecar.writers.http_credentials import Credentials
from sidecar.writers.pieces import GZIP, Pieces, compressed, gathered


def _gzip(body: Pieces) -> Pieces:
    return gathered(compressed(body, zlib.compressobj(1, wbits=GZIP)))


COMPRESSIONS: Mapping[str, Callable[[Pieces], Pieces]] = {"none": list, "gzip": _gzip}
"""At level 1, JSON of 867 kB takes 28 ns a byte and leaves 48 % of it; at level 6 it is 36 ns and 45 %."""

UNAUTHORIZED = 401

_ABOUT_CERTIFICATES = re.compile("ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)")
"""OpenSSL's names for those alerts (RFC 8446, 6.2)."""


class Requests:
    """Posts bodies on one connection. ``headers`` go with each of them."""

    def __init__(self, connection: Connection, credentials: Credentials, headers: Mapping[str, str], compression: str) -> None:
        self._connection = connection
        self._credentials = credentials
        self._headers = dict(headers) if compression == "none" else {**headers, "Content-Encoding": compression}
        self._compress = COMPRESSIONS[compression]

    def open(self, deadline: float) -> None:
        """Get ready, and say nothing; raises WriterUnavailable."""
        try:
            self._credentials.header(deadline)
            self._connection.open(deadline)
        except TimeoutError as error:
            raise WriterUnavailable(str(error)) from error

    def post(self, body: Pieces, headers: Mapping[str, str], deadline: float, longest: int) -> Answer | Retriable | Systemic:
        """Send ``body``, piece by piece, and return the answer, of a success with a body of at most ``longest`` bytes, or what its absence means."""
        try:
            return self._answered(self._compress(body), headers, deadline, longest)
        except WriterUnavailable as error:
            return Systemic(str(error))
        except TimeoutError as error:
            return Retriable(str(error))
        except ssl.SSLError as error:
            return _of_alert(error)
        except OSError as error:
            return Retriable(f"the connection was lost ({type(error).__name__})")
        except http.client.HTTPException as error:
            return _of_strange(error)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _answered(self, body: Pieces, headers: Mapping[str, str], deadline: float, longest: int) -> Answer:
        """Send ``body``, once more where the answer is 401 and there is another token."""
        authorization = self._credentials.header(deadline)
        answer = self._sent(body, headers, authorization, deadline, longest)
        if answer.status == UNAUTHORIZED:
            other = self._credentials.after_refusal(authorization, deadline)
            if other is not None:
                return self._sent(body, headers, other, deadline, longest)
        return answer

    def _sent(self, body: Pieces, headers: Mapping[str, str], authorization: str | None, deadline: float, longest: int) -> Answer:
        proof = {} if authorization is None else {"Authorization": authorization}
        return self._connection.post(body, {**self._headers, **headers, **proof}, deadline, longest)


def _of_strange(error: http.client.HTTPException) -> Retriable:
    """Return what an answer means that is none, or comes too soon."""
    if isinstance(error, TakenUnread):
        return Retriable("a success was answered before the whole request was sent")
    return Retriable(f"the answer is cut short or not HTTP ({type(error).__name__})")


def _of_alert(error: ssl.SSLError) -> Retriable | Systemic:
    """Return what the end of an encrypted connection means; only what a server says of certificates is about more than this one."""
    if _ABOUT_CERTIFICATES.search(error.reason or ""):
        return Systemic(f"the server refuses our certificate ({error.reason})")
    return Retriable(f"the connection was lost ({type(error).__name__})")
