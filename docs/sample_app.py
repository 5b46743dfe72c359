"""The smallest application beside the sidecar: it takes NDJSON, and refuses the records that it cannot use by name."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection: the sidecar sends batch after batch on it

    def do_POST(self):
        records = map(json.loads, self.rfile.read(int(self.headers["Content-Length"])).splitlines())
        refused = [{k: r[k] for k in ("topic", "partition", "offset")} for r in records if "value" not in r]
        answer = json.dumps({"failures": [r | {"action": "reject", "error": "not JSON"} for r in refused]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application).serve_forever()
