"""The smallest application beside the sidecar: it takes NDJSON, and refuses the records that it cannot use by name."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection: the sidecar sends batch after batch on it

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        records = [json.loads(line) for line in body.splitlines()]
        failures = [
            {"topic": r["topic"], "partition": r["partition"], "offset": r["offset"], "action": "reject", "error": "not JSON"}
            for r in records
            if "value" not in r
        ]
        print(len(records) - len(failures), "records taken")
        answer = json.dumps({"failures": failures}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8080), Application).serve_forever()
