#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caches that clients keep (CLIENT TRACKING) against a real node: what they hold is never older than promised.

    tracking_test.py [a_cache_that_obeys] [broadcast] [gone_and_expired] [who_does_not_read_is_cut]
"""
import json
import random
import select
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import holdfast
from holdfast import BINARY, Client, Disconnected, Server, check, equal, run_cases

SECONDS = 4
KEYS = [f"cached:k{i}" for i in range(5)]


class Caching(Client):
    """A client that keeps what it reads until it is told to forget it."""

    def __init__(self, port, *options, **where):
        super().__init__(port, protocol=3, **where)
        self.kept = {}
        self.forgotten = 0
        self("CLIENT", "TRACKING", "ON", *options)

    def read(self):
        while True:
            if self.at == len(self.buffer):
                self._more()
            if self.buffer[self.at:self.at + 1] != b">":
                return super().read()
            self.heard(super().read())

    def heard(self, push):
        equal(push[0], b"invalidate", "what was pushed")
        self.forgotten += 1
        if push[1] is None:
            self.kept.clear()
            return
        for key in push[1]:
            self.kept.pop(key.decode(), None)

    def hear_all(self):
        """Takes in what has come."""
        while self.at < len(self.buffer) or select.select([self.socket], [], [], 0)[0]:
            if self.at == len(self.buffer):
                self._more()
            equal(self.buffer[self.at:self.at + 1], b">", "what comes without being asked for")
            self.heard(Client.read(self))

    def get(self, key):
        """The value, and whether it was kept."""
        self.hear_all()
        if key in self.kept:
            return self.kept[key], True
        value = self("GET", key)
        # What came behind the reply is heard before it is relied on.
        self.kept[key] = value
        return value, False


def checked(history, model="register"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in history))
        done = subprocess.run([str(BINARY), "check", "--model", model, str(path)], capture_output=True, text=True, timeout=120,
                              check=False)
        check(done.returncode == 0, f"the history: {done.stdout[-2000:]} {done.stderr[-500:]}")


def run_together(jobs, here=lambda: None):
    """Each on a thread of its own, and `here` on this one."""
    errors = []

    def guarded(job):
        try:
            job()
        except Exception as error:
            errors.append(error)
            raise
    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        here()
    finally:
        for thread in threads:
            thread.join()
    check(not errors, f"{errors[:1]}")


def text_of(value):
    return value.decode() if isinstance(value, bytes) else value


def reads_and_writes(server, options):
    """Two write, two read through caches. What is kept is read after all that has come was heard: what a write's
    acknowledgement was sent behind has come by then, so such a read is one of the present, and the checker takes it for one."""
    history, ends = [], time.monotonic() + SECONDS
    shares = {"kept": 0, "asked": 0}

    def writer(number):
        draw = random.Random(number)
        with server.client() as client:
            count = 0
            while time.monotonic() < ends:
                count += 1
                command = ["SET", draw.choice(KEYS), f"{number}-{count}"]
                start = time.monotonic_ns()
                reply = client(*command)
                history.append({"client": f"w{number}", "start": start, "end": time.monotonic_ns(), "command": command,
                                "reply": text_of(reply)})
                time.sleep(0.002)

    def reader(number):
        draw = random.Random(number)
        with Caching(server.port, *options) as cache:
            while time.monotonic() < ends:
                key = draw.choice(KEYS)
                start = time.monotonic_ns()
                value, kept = cache.get(key)
                history.append({"client": f"r{number}", "start": start, "end": time.monotonic_ns(), "command": ["GET", key],
                                "reply": text_of(value)})
                shares["kept" if kept else "asked"] += 1
                time.sleep(0.0005)

    run_together([lambda: writer(1), lambda: writer(2), lambda: reader(3), lambda: reader(4)])
    check(shares["kept"] > 100 and shares["asked"] > 100, f"both ways of reading: {shares}")
    print(f"   {len(history)} operations, of the reads {shares['kept']} from a cache")
    checked(history)


def a_cache_that_obeys():
    for durability in ("everysec", "always"):
        with Server() as server:
            with server.client() as client:
                client("KEYSPACE", "CREATE", "cached", "GUARANTEE", "strong", "DURABILITY", durability)
            reads_and_writes(server, [])


def broadcast():
    with Server() as server:
        with server.client() as client:
            client("KEYSPACE", "CREATE", "cached", "GUARANTEE", "strong", "DURABILITY", "everysec")
        reads_and_writes(server, ["BCAST", "PREFIX", "cached:"])


def gone_and_expired():
    with Server() as server, server.client() as other:
        other("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        with Caching(server.port) as cache:
            def forgets(key, change, *options):
                other("SET", key, "1", *options)
                equal(cache.get(key)[0], b"1", key)
                equal(cache.get(key)[1], True, f"{key} is kept")
                change()
                holdfast.wait_until(lambda: cache.hear_all() or key not in cache.kept, 10, f"{key} to be forgotten")
            forgets("a", lambda: other("DEL", "a"))
            forgets("b", lambda: other("PEXPIRE", "b", "100000"))
            forgets("b", lambda: None, "PX", "300")  # its time comes
            forgets("c", lambda: other("RENAME", "c", "d"))
            forgets("e", lambda: other("FLUSHALL"))
            forgets("likes:1", lambda: other("INCR", "likes:1"))
            forgets("likes:2", lambda: other("KEYSPACE", "DROP", "likes"))
            info = other("INFO", "stats").decode()
            check("tracking_total_keys:" in info and "tracking_clients" in other("INFO", "clients").decode(), info)


def who_does_not_read_is_cut():
    """A connection that cannot be told of a change at once is cut: a cache of it may be old."""
    with Server() as server, server.client() as other:
        value = "x" * 8_000_000
        with Caching(server.port) as cache:
            other("SET", "small", "1")
            cache.get("small")
            for i in range(8):
                other("SET", f"large{i}", value)
                cache.send(holdfast.encode(["GET", f"large{i}"]))
            time.sleep(0.5)
            other("SET", "small", "2")
            try:
                while True:
                    cache._receive()
            except Disconnected:
                pass
        with Caching(server.port) as cache:
            equal(cache.get("small")[0], b"2", "what it reads when it is back")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (a_cache_that_obeys, broadcast, gone_and_expired, who_does_not_read_is_cut)})
