"""Who may have something done over HTTP: whoever knows the token, and the pod itself over loopback.

The pages are open to read. An action needs the token of ``SIDECAR_HTTP__TOKEN``, as ``Authorization: Bearer ...`` or ``X-Sidecar-Token``, or a
request that plainly comes from a program in the pod: from 127.0.0.1 or ::1, to that address by its own name, and neither sent on by a proxy nor
sent by a browser. A mesh's proxy brings the requests of other hosts over loopback, and ``kubectl port-forward`` those of any page that is open in
a browser. A browser says that it is one, but not to every address: to a name of somebody else's that stands for 127.0.0.1 an image is asked for
without a word, and ``GET`` is enough for ``/drain``. The name tells.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

from starlette.requests import Request

LOOPBACK = frozenset({"127.0.0.1", "::1"})
SENT_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-envoy-external-address", "l5d-client-id")
BY_A_BROWSER = ("origin", "sec-fetch-site")
OUR_NAME = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?", re.IGNORECASE)
"""What a program of the pod asks for (the header ``Host``; HTTP/1.0 can do without, and no browser does)."""


class Access:
    """Knows the token, if there is one: ``token`` returns the one that is good now."""

    def __init__(self, token: Callable[[], str] | None) -> None:
        self._token = token

    def refusal(self, request: Request) -> str | None:
        """Return why ``request`` may have nothing done, None where it may."""
        if self._has_token(request) or _is_of_the_pod(request):
            return None
        if self._token is None:
            return "this is for programs of the pod over loopback only; set SIDECAR_HTTP__TOKEN to allow it to others, with that token"
        return "this needs the token of SIDECAR_HTTP__TOKEN, as Authorization: Bearer <token> or X-Sidecar-Token: <token>"

    def _has_token(self, request: Request) -> bool:
        if self._token is None:
            return False
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        said = [request.headers.get("x-sidecar-token", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
        good = self._token().encode()
        return any(hmac.compare_digest(text.encode(), good) for text in said)


def _is_of_the_pod(request: Request) -> bool:
    headers = request.headers
    return (
        request.client is not None
        and request.client.host in LOOPBACK
        and OUR_NAME.fullmatch(headers.get("host", "localhost")) is not None
        and not any(name in headers for name in (*SENT_ON, *BY_A_BROWSER))
    )
