# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy of our own that cuts connections and holds bytes, in either direction, when told to."""
import contextlib
import random
import socket
import threading

import holdfast


class Proxy:
    """Forwards to `port`. `cut_replies` is the chance that a reply's bytes are dropped and the
    connection closed; `cut_requests` the same for a request's; while `hold` is set, requests wait."""

    def __init__(self, port, cut_replies=0.0, cut_requests=0.0, seed=0):
        self.target = port
        self.cut_replies, self.cut_requests = cut_replies, cut_requests
        self.random = random.Random(seed)
        self.pass_on = threading.Event()
        self.pass_on.set()
        self.held = threading.Event()  # set once something waits
        self.cuts = 0
        self.closing = False
        self.port = holdfast.free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        self.pass_on.set()
        self.listener.close()

    def hold(self):
        self.held.clear()
        self.pass_on.clear()

    def release(self):
        self.pass_on.set()

    def _accept(self):
        while not self.closing:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            for side in (near, far):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source, sink, requests):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                if requests and not self.pass_on.is_set():
                    self.held.set()
                    self.pass_on.wait()
                if self.random.random() < (self.cut_requests if requests else self.cut_replies):
                    self.cuts += 1
                    # A part gets through, as when a network breaks in the middle.
                    sink.sendall(data[:self.random.randrange(len(data))])
                    break
                sink.sendall(data)
        # A held request outlives its sender, as one in a network's queue does:
        # only after it was passed on does the server see the end.
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
