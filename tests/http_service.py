# SPDX-License-Identifier: Apache-2.0
"""An HTTP service as workflows call them: remembers what it answered under an Idempotency-Key, and loses some replies."""
import http.server
import json
import random
import threading
import time


class Service:
    """A context manager. `answer(path, body)` gives status and JSON, once for each key; its effects are counted by key.

    Of the requests the share `fails` is answered with 503 and has no effect; of the replies the share `loses` is lost
    behind the effect.
    """

    def __init__(self, answer=lambda path, body: (200, {"path": path}), fails=0.0, loses=0.0, seed=1, token=None, slow_s=0.0):
        self.answer, self.fails, self.loses, self.token, self.slow_s = answer, fails, loses, token, slow_s
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.effects = {}  # by key: (path, status, body)
        self.requests = []  # (key, path, headers, body)
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                service.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # a connection that we cut

        self.server = Server(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def host(self):
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def handle(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        text = request.rfile.read(length).decode()
        key = (request.headers.get("Idempotency-Key") or "").strip('"')
        if self.slow_s:
            time.sleep(self.slow_s)
        with self.lock:
            self.requests.append((key, request.path, dict(request.headers), text))
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                return reply(request, 401, {"error": "who are you?"})
            if self.chance.random() < self.fails:
                return reply(request, 503, {"error": "not now"})
            if key not in self.effects:
                status, body = self.answer(request.path, json.loads(text) if text else None)
                self.effects[key] = (request.path, status, body)
            _, status, body = self.effects[key]
            lost = self.chance.random() < self.loses
        if lost:
            request.close_connection = True
            request.connection.shutdown(2)
            return None
        return reply(request, status, body)

    def keys(self, path, below=300):
        """The keys whose effect was at the path."""
        with self.lock:
            return {key for key, (at, status, _) in self.effects.items() if at == path and status < below}


def reply(request, status, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request.send_response(status)
    if 300 <= status < 400:
        request.send_header("Location", "/elsewhere")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
