"""An application beside the sidecar: adds up orders by customer, each order once, in a database file. Standard library only."""

import json
import os
import signal
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TABLE = "CREATE TABLE IF NOT EXISTS orders (topic, partition, offset, customer, total, PRIMARY KEY (topic, partition, offset))"
store = sqlite3.connect(os.environ.get("STORE", ":memory:"), check_same_thread=False)
store.execute(TABLE)
in_turn = threading.Lock()


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection: the sidecar sends batch after batch on it

    def do_POST(self) -> None:
        orders, failures = [], []
        for record in map(json.loads, self.rfile.read(int(self.headers["Content-Length"])).splitlines()):
            place = {key: record[key] for key in ("topic", "partition", "offset")}
            match record.get("value"):
                case {"customer": str(customer), "total": int() | float() as total}:
                    orders.append((*place.values(), customer, total))
                case _:
                    failures.append(place | {"action": "reject", "error": "not an order"})
        with in_turn, store:  # one transaction; an order that comes again is known by its place, and is not counted twice
            store.executemany("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?)", orders)
        self.answer({"failures": failures})

    def do_GET(self) -> None:  # /healthz for the sidecar and the kubelet, anything else for people
        with in_turn:
            sums = dict(store.execute("SELECT customer, sum(total) FROM orders GROUP BY customer").fetchall())
        self.answer({"healthy": True} if self.path == "/healthz" else sums)

    def answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Application)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
