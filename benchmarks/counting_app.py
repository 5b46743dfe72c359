"""An application that only counts: reads a request, answers 204. As cheap as Python lets it be, so that the sidecar is what is measured.

Prints its port, then serves until it is killed. ``--delay`` is what it takes for each request, in seconds; ``--at-once`` how many it takes at once.
"""

from __future__ import annotations

import argparse
import asyncio

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Counting(asyncio.Protocol):
    """One connection. Requests come one after the other, each with a Content-Length."""

    def __init__(self, delay: float, at_once: asyncio.Semaphore) -> None:
        self._delay = delay
        self._at_once = at_once
        self._missing = 0
        self._head = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- a TCP server's is one
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Count down the body; answer at its end."""
        if not self._missing:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            self._missing = int(length.partition(b":")[2])
            self._head, data = b"", body
        self._missing -= len(data)
        if not self._missing:
            self._answer()

    def _answer(self) -> None:
        if not self._delay:
            self._transport.write(ANSWER)
            return
        task = asyncio.get_running_loop().create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        async with self._at_once:
            await asyncio.sleep(self._delay)
        self._transport.write(ANSWER)


async def serve(delay: float, at_once: int) -> None:
    """Serve on a free port of the loopback address."""
    semaphore = asyncio.Semaphore(at_once)
    server = await asyncio.get_running_loop().create_server(lambda: Counting(delay, semaphore), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--delay", type=float, default=0.0)
    arguments.add_argument("--at-once", type=int, default=8)
    options = arguments.parse_args()
    asyncio.run(serve(options.delay, options.at_once))
