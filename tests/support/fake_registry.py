"""A registry in front of the real one, which can be away, deny everything, or ask for a password."""
import http.server
import json
import re
import threading
import uuid

import requests

ANSWER_LIMIT_S = 10


class FakeRegistry:
    """Passes GET requests on to the registry at `url`. `mood`: "well", "away" (503) or "lost" (404 for all ids)."""

    def __init__(self, url, authorization=None):
        self.mood = "well"
        self.asked = []
        self.guids = {}  # uuid.UUID -> Schema: the stack's registry does not know GUIDs
        self._url = url.rstrip("/")
        self._authorization = authorization
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                fake.answer(self)

            do_POST = do_GET

            def log_message(self, *_):
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request):
        self.asked.append(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            _say(request, 401, b'{"error_code": 401, "message": "who are you?"}')
        elif self.mood == "away":
            _say(request, 503, b"the registry is being restarted")
        elif uuid_in(request.path) in self.guids:
            schema = self.guids[uuid_in(request.path)]
            _say(request, 200, json.dumps({"schema": schema.text}).encode())
        elif self.mood == "lost" and "/schemas/" in request.path:
            _say(request, 404, b'{"error_code": 40403, "message": "Schema not found"}')
        else:
            headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
            real = requests.request(
                request.command, self._url + request.path, data=body, headers=headers, timeout=ANSWER_LIMIT_S
            )
            _say(request, real.status_code, real.content)


def uuid_in(path):
    """The GUID that a path of the registry's API ends in, or None."""
    found = re.search(r"/schemas/guids/([0-9a-f-]{36})", path)
    return found and uuid.UUID(found.group(1))


def _say(request, status, body):
    request.send_response(status)
    request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
