#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients can do to a node: announce and not send, ask and not read, send too much; and SIGTERM.

Rows 20 and 26 to 28 of the fault list. Run all, or those named: load_faults_test.py [CASE …]
"""
import csv
import resource
import select
import shutil
import socket
import subprocess
import threading
import time

import holdfast
from holdfast import Disconnected, ReplyError, Server, check, equal, run_cases, wait_until

MIB = 1 << 20


def announced_sizes():
    """1,000 connections announce the largest sizes there are and send no more: at most 64 KiB each."""
    count = 1000
    raise_open_files()
    with Server() as server:
        with server.client() as client:
            client("PING")
            before = server.memory_kib()
            crowd = []
            for i in range(count):
                c = socket.create_connection(("127.0.0.1", server.port))
                c.sendall((b"*1048576\r\n$536870912\r\nabc", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n" + b"x" * 1000,
                           b"*1048576\r\n" + b"$1\r\na\r\n" * 10)[i % 3])
                crowd.append(c)
            # Everybody else is served meanwhile, behind the crowd's bytes.
            for _ in range(100):
                client("PING")
            each = (server.memory_kib() - before) / count
            print(f"   {each:.1f} KiB a connection")
            check(each <= 64, f"{each:.1f} KiB a connection")
            for c in crowd:
                c.close()
            equal(client("PING"), "PONG")


def slow_senders():
    """5,000 connections send a byte a second and never end their request, over HTTP and over RESP: each is cut off
    after ten seconds, and others are served meanwhile."""
    count, cut_after_s, patience_s = 5000, 10, 6  # patience: this machine runs their sender, too
    tool = shutil.which("redis-benchmark")
    if tool is None:
        holdfast.skip("no redis-benchmark")
    raise_open_files()
    for protocol, bytes_ in (("HTTP", b"GET /get/k HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100),
                             ("RESP", b"*2\r\n$4\r\nECHO\r\n$512\r\n" + b"a" * 100)):
        with Server() as server:
            def p99_ms(requests, to=server):
                done = subprocess.run([tool, "-p", str(to.port), "-t", "get", "-c", "4", "-n", str(requests), "--csv"],
                                      stdout=subprocess.PIPE, text=True, check=True)
                return float(list(csv.DictReader(done.stdout.splitlines()))[0]["p99_latency_ms"])
            before = p99_ms(50_000)
            port = server.http_port if protocol == "HTTP" else server.port
            crowd = {}
            for _ in range(count):
                one = socket.create_connection(("127.0.0.1", port))
                one.setblocking(False)
                crowd[one] = time.monotonic()
            meanwhile = []
            measuring = threading.Thread(target=lambda: meanwhile.append(p99_ms(300_000)))
            measuring.start()
            longest = 0
            for i in range(len(bytes_)):
                began = time.monotonic()
                for one, since in list(crowd.items()):
                    try:
                        one.send(bytes_[i:i + 1])
                    except OSError:  # a byte sent to who had hung up is answered so at the next
                        longest = max(longest, time.monotonic() - since)
                        del crowd[one]
                        one.close()
                if not crowd or longest > cut_after_s + patience_s:
                    break
                time.sleep(max(0, began + 1 - time.monotonic()))
            measuring.join()
            print(f"   {protocol}: the last was cut off after {longest:.1f} s; others' p99 {before} ms before, {meanwhile[0]} ms meanwhile")
            equal(len(crowd), 0, f"{protocol}: not cut off")
            check(longest <= cut_after_s + patience_s, f"{protocol}: cut off after {longest:.1f} s")
            with server.client() as client:
                equal(client("PING"), "PONG")


def raise_open_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))


def a_reader_that_never_reads():
    """Asks for 1 GB and never reads: cut off at the output limit, with a log line; others unaffected."""
    limit = 16 * MIB
    with Server(flags=["--output-limit", limit]) as server, server.client() as client:
        client("SET", "big", b"x" * MIB)
        client("GET", "big")
        before = server.memory_kib()
        silent = socket.create_connection(("127.0.0.1", server.port))
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.setblocking(False)
        request = holdfast.encode(("GET", "big"))
        peak, sent = before, 0

        def cut():
            nonlocal peak, sent
            try:
                if sent < 1024:
                    silent.send(request)
                    sent += 1
            except BlockingIOError:
                pass
            except OSError:
                return True
            client("PING")
            peak = max(peak, server.memory_kib())
            # An error condition on a socket that never reads shows as HUP or ERR.
            poll = select.poll()
            poll.register(silent, 0)
            return bool(poll.poll(0))
        wait_until(cut, 30, "the silent reader is cut off")
        grown = (peak - before) * 1024
        print(f"   cut after {sent} requests of 1 MiB, memory grew by {grown / MIB:.1f} MiB (limit {limit // MIB})")
        check(grown <= limit * 1.1 + 4 * MIB, f"memory grew by {grown / MIB:.1f} MiB at a limit of {limit // MIB} MiB")
        check("output" in server.log(), "a log line says why")
        equal(client("STRLEN", "big"), MIB, "others are served")


def memory_limit():
    """Writes far past the limit: refused or kept on disk, never more than 15% over; reads work on."""
    limit = 256 * MIB
    for guarantee in ("strong", "eventual"):
        with Server(flags=["--memory-limit", limit]) as server, server.client() as client:
            client("KEYSPACE", "CREATE", "k", "GUARANTEE", guarantee)
            value = "v" * 1000
            stored, refused, peak = 0, 0, 0
            for batch in range(600):  # 600 MB in all
                replies = client.pipeline([("SET", f"k:{batch}-{i}", value) for i in range(1000)])
                for reply in replies:
                    if isinstance(reply, ReplyError):
                        equal(reply.code, "BUSY", "over the memory limit")
                        refused += 1
                    else:
                        stored += 1
                peak = max(peak, server.memory_kib())
                if refused > 5000:
                    break
            print(f"   {guarantee}: {stored // 1000} MB stored, {refused} writes refused, at most {peak / 1024:.0f} MiB resident")
            check(peak * 1024 <= limit * 1.15, f"{peak / 1024:.0f} MiB resident at a limit of 256 MiB")
            equal(client("GET", "k:0-0"), value.encode(), "reads work")
            equal(client("DEL", "k:0-0"), 1, "deletes work")
            check(stored > 50_000, f"only {stored} kB fitted")
            if refused:
                client.pipeline([("DEL", f"k:{batch}-{i}") for batch in range(100) for i in range(1000)])
                wait_until(lambda c=client: accepts(c), 10, "writes after keys were deleted")


def accepts(client):
    try:
        return client("SET", "k:again", "x") == "OK"
    except ReplyError:
        return False


class Flood(threading.Thread):
    """Sends increments as fast as the socket takes them, whatever comes back; counts the good answers."""

    def __init__(self, port, outstanding):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.outstanding = outstanding  # requests sent ahead of replies; None: without bound
        self.good = self.refused = 0
        self.stopping = False
        self.cut = False

    def run(self):
        chunk = 64
        data = holdfast.encode(("INCR", "flood:n")) * chunk
        ahead = 0
        rest = b""
        self.socket.setblocking(False)
        while not self.stopping:
            may_send = self.outstanding is None or ahead < self.outstanding
            reading, writing, _ = select.select([self.socket], [self.socket] if may_send else [], [], 0.1)
            try:
                if reading:
                    got = self.socket.recv(1 << 18)
                    if not got:
                        self.cut = True
                        return
                    lines = got.count(b"\n")
                    bad = got.count(b"-")
                    self.good += lines - bad
                    self.refused += bad
                    ahead -= lines
                if writing:
                    sent = self.socket.send(rest or data)
                    rest = (rest or data)[sent:]
                    ahead += chunk if not rest else 0
            except BlockingIOError:
                pass
            except OSError:
                self.cut = True
                return


def flooded(server, connections, outstanding, seconds):
    floods = [Flood(server.port, outstanding) for _ in range(connections)]
    for flood in floods:
        flood.start()
    time.sleep(seconds)
    memory_kib = server.memory_kib()
    for flood in floods:
        flood.stopping = True
    for flood in floods:
        flood.join()
        flood.socket.close()
    return floods, memory_kib


def ten_times_the_load():
    """Connections that never wait for replies: all go on being served, memory is bounded, and all is normal within 5 s.
    (How much goodput is left is measured by ./dev bench overload.)"""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "flood", "GUARANTEE", "eventual")
        floods, memory_kib = flooded(server, 40, None, 4)
        ended = time.monotonic()

        def normal():
            began = time.monotonic()
            client("INCR", "flood:m")
            return time.monotonic() - began < 0.05
        wait_until(normal, 5, "a single increment within 50 ms again")
        good, refused, cut = (sum(getattr(f, name) for f in floods) for name in ("good", "refused", "cut"))
        print(f"   a flood from 40 connections: {good} good, {refused} refused, {cut} cut off; "
              f"normal {time.monotonic() - ended:.2f} s after; {memory_kib // 1024} MiB resident")
        check(all(f.good for f in floods if not f.cut), "every connection is served")
        check(memory_kib < 128 << 10, f"{memory_kib // 1024} MiB resident under a flood")
        check(int(client("GET", "flood:n")) >= good, "every good answer was applied")


def graceful_stop():
    """SIGTERM under load: exit code 0, everything acknowledged is there, nothing twice."""
    for _ in range(5):
        with Server() as server:
            with server.client() as client:
                for guarantee in ("strong", "eventual"):
                    client("KEYSPACE", "CREATE", guarantee, "GUARANTEE", guarantee)
            counts = {}
            threads = [threading.Thread(target=count_until_gone, args=(server, f"{g}:n{i}", counts))
                       for g in ("strong", "eventual") for i in range(4)]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(counts) == 8 and all(a > 100 for a, _ in counts.values()), 20, "load")
            equal(server.stop(), 0, "exit code")
            for thread in threads:
                thread.join()
            server.start()
            with server.client() as client:
                for key, (acknowledged, sent) in counts.items():
                    found = int(client("GET", key))
                    check(acknowledged <= found <= sent, f"{key}: {acknowledged} acknowledged, {sent} sent, {found} found")


def count_until_gone(server, key, counts):
    acknowledged = sent = 0
    try:
        with server.client() as client:
            while True:
                client.send(holdfast.encode(("INCR", key)) * 16)
                sent += 16
                for _ in range(16):
                    reply = client.read()
                    if isinstance(reply, ReplyError):
                        equal(reply.code in ("UNAVAILABLE", "UNKNOWN", "BUSY"), True, f"while stopping: {reply}")
                    else:
                        acknowledged += 1
                    counts[key] = (acknowledged, sent)
    except Disconnected:
        counts[key] = (acknowledged, sent)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        announced_sizes, slow_senders, a_reader_that_never_reads, memory_limit, ten_times_the_load, graceful_stop)})
