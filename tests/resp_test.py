#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad and odd input over RESP, and Redis' own tools: rows 19, 21 and 23 of the fault list.

    resp_test.py [CASE …]
"""
import base64
import contextlib
import json
import select
import shutil
import socket
import subprocess
import time

import holdfast
from holdfast import Client, Disconnected, ReplyError, Server, check, equal, run_cases, skip

BAD_INPUT = holdfast.DATA / "bad-input"

# Cases too large for the file, made again from their names.
LARGE = {
    "inline 64 KiB minus": b"ECHO " + b"a" * 65436 + b"\r\n",
    "inline over 64 KiB without newline": b"a" * 65636,
    "count line of 70000 digits": b"*" + b"1" * 70000,
    "bulk length line of 70000 digits": b"*1\r\n$" + b"1" * 70000,
    "command name 1 MiB": b"*1\r\n$1048576\r\n" + b"x" * 1048576 + b"\r\n*1\r\n$4\r\nPING\r\n",
    "10000 pings at once": b"*1\r\n$4\r\nPING\r\n" * 10000,
    "1000 gets of nothing": b"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n" * 1000,
}

# Where we are stricter than Redis on purpose, or cannot be alike; docs/protocol.md has the reasons.
STRICTER = {
    # What stands after an argument must be CRLF: a wrong length is noticed at once, not guessed around.
    "bulk length zero", "bulk too short for text", "bulk too long for text", "bulk without final CRLF", "flip byte 12", "flip byte 21",
    # A length is digits up to its CRLF, whatever byte stands there instead.
    "count zero byte", "flip byte 3", "random 4 KiB", "4 KiB of *",
    # Redis raised its limit of arguments after login to 2^31; a million is ours (base/limits.h).
    "count 1048577", "count 2^31-1",
    # Redis ends an inline command at a zero byte; here it is a byte like others.
    "inline zero byte",
    # No command begins as TLS does, and who speaks it should hear so, not wait.
    "TLS ClientHello",
}


def malformed():
    """Each case on a connection of its own: closed where Redis closes, refused where it refuses."""
    path = BAD_INPUT / "resp.jsonl"
    if not path.exists():
        skip(f"no bad input at {path}")
    cases = [json.loads(line) for line in path.read_text().splitlines()]
    differences, run = [], 0
    with Server() as server:
        for case in cases:
            data = LARGE.get(case["name"]) if case["data"] is None else base64.b64decode(case["data"])
            if data is None or case["unauth"]:
                continue  # signing in comes with services
            run += 1
            answer, closed = exchange(server.port, data, case)
            check(server.process.poll() is None, f"{case['name']}: the server ended\n{server.log()[-2000:]}")
            errors = sum(line.startswith(b"-") for line in answer.split(b"\r\n"))
            strict = case["name"] in STRICTER and (closed or errors)
            if not strict and (closed != case["closed"] or bool(errors) != bool(case["errors"])):
                differences.append(f"{case['name']}: closed {closed}, {errors} errors; Redis: closed {case['closed']}, "
                                   f"{case['errors']} errors; answered {answer[:120]!r}")
        with server.client() as client:
            equal(client("PING"), "PONG", "alive after all")
    check(not differences, f"{len(differences)} of {run} differ:\n  " + "\n  ".join(differences))
    print(f"   {run} cases as Redis answers them, {len(STRICTER)} of them stricter")


def exchange(port, data, case):
    """What came back, and whether the server closed. A case that gets no answer is over when the
    connection has been quiet for a moment."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        with contextlib.suppress(OSError):
            if case["note"] == "sent byte by byte":
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(data)):
                    s.sendall(data[i:i + 1])
            else:
                s.sendall(data)
        answer = b""
        quiet = 2.0 if case["closed"] or case["replies"] or case["errors"] else 0.1
        end = time.monotonic() + quiet
        while time.monotonic() < end:
            if not select.select([s], [], [], end - time.monotonic())[0]:
                break
            try:
                got = s.recv(1 << 16)
            except ConnectionResetError:
                return answer, True
            if not got:
                return answer, True
            answer += got
            if not case["closed"]:
                end = time.monotonic() + 0.1
        return answer, False


def naughty_strings():
    """Every string as key, field, value, member and (where it may be one) request id: all round trip."""
    path = BAD_INPUT / "naughty-strings.json"
    if not path.exists():
        skip(f"no bad input at {path}")
    strings = [s.encode("utf-8", "surrogatepass") for s in json.loads(path.read_text())]
    strings += [b"\r\n", b"\0", b"a\r\n+OK\r\n", b"$-1\r\n", bytes(range(256)), b"-ERR no\r\n"]
    with Server() as server:
        with server.client() as client:
            for guarantee in ("strong", "eventual"):
                client("KEYSPACE", "CREATE", guarantee, "GUARANTEE", guarantee, "DURABILITY", "everysec")
        for protocol in (2, 3):
            with server.client(protocol=protocol) as client:
                for guarantee in (b"strong", b"eventual"):
                    for s in strings:
                        round_trip(client, guarantee, s)
        server.restart()
        with server.client() as client:
            for guarantee in (b"strong", b"eventual"):
                for s in strings:
                    equal(client("GET", guarantee + b":v:" + s), s, "after a restart")
            # In keyspace names, command names and everything else that an error may quote.
            for s in strings:
                for command in ((s,), (b"KEYSPACE", b"CREATE", s), (b"KEYSPACE", s), (b"GET", s, s), (b"CLIENT", s),
                                (b"ONCE", s, b"GET", b"a", s), (b"CONFIG", b"SET", s, s), (b"HELLO", s)):
                    with contextlib.suppress(ReplyError):
                        client(*command)
                    equal(client("ECHO", "in step"), b"in step", f"the reply after {command!r}")


def round_trip(client, guarantee, s):
    key = guarantee + b":v:" + s
    client("SET", key, s)
    equal(client("GET", key), s, "value")
    client("HSET", guarantee + b":h", s, s)
    equal(client("HGET", guarantee + b":h", s), s, "field")
    client("SADD", guarantee + b":s", s)
    equal(client("SISMEMBER", guarantee + b":s", s), 1, "member")
    fits = 1 <= len(s) <= 64 and all(33 <= b <= 126 for b in s)
    try:
        client("ONCE", s, "SET", key, s)
        check(fits, f"{s!r} was taken as a request id")
    except ReplyError as error:
        check(not fits, f"{s!r} was refused as a request id: {error}")
    equal(client("GET", key), s)


def other_protocols():
    """HTTP sent to the RESP port, with a command in its body: closed, and nothing runs."""
    body = "*3\r\n$3\r\nSET\r\n$5\r\nstole\r\n$1\r\n1\r\n"
    with Server() as server:
        for head in (f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n", "Host: x\r\n",
                     "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST /v1 HTTP/1.0\r\n\r\n"):
            with Client(server.port) as client:
                client.send((head + body).encode())
                try:
                    while True:
                        client.read()
                except Disconnected:
                    pass
        with server.client() as client:
            equal(client("EXISTS", "stole"), 0, "the body did not run")


def redis_cli():
    cli = shutil.which("redis-cli") or skip("redis-cli is not installed")
    with Server() as server:
        def run(*arguments, stdin=""):
            done = subprocess.run([cli, "-p", str(server.port), *arguments], input=stdin, capture_output=True, text=True,
                                  timeout=30, check=False)
            return done.stdout.strip()
        equal(run("SET", "a", "b"), "OK")
        equal(run("--no-raw", "GET", "a"), '"b"')
        equal(run("-3", "--no-raw", "HSET", "h", "f", "v"), "(integer) 1")
        equal(run("-3", "--no-raw", "HGETALL", "h"), '1# "f" => "v"')
        equal(run("ONCE", "x1", "INCR", "n"), "1")
        equal(run("ONCE", "x1", "INCR", "n"), "1")
        equal(run("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual"), "OK")
        equal(run(stdin="MULTI\nINCR n\nINCR n\nEXEC\n"), "OK\nQUEUED\nQUEUED\n2\n3")
        check("likes" in run("KEYSPACE", "LIST"), "KEYSPACE LIST")
        check("redis_version" in run("INFO"), "INFO")
        equal(sorted(run("--scan").split()), ["a", "h", "n"], "--scan")
        # Mass insertion over the wire protocol, as redis-cli's own --pipe does it.
        wire = b"".join(holdfast.encode(("SET", f"p{i}", i)) for i in range(10_000)).decode()
        check("errors: 0, replies: 10000" in run("--pipe", stdin=wire), "--pipe")
        equal(run("DBSIZE"), "10003")


BENCHMARKED = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP",
               "ZADD", "ZPOPMIN", "LPUSH (needed to benchmark LRANGE)", "LRANGE_100 (first 100 elements)",
               "LRANGE_300 (first 300 elements)", "LRANGE_500 (first 500 elements)", "LRANGE_600 (first 600 elements)",
               "MSET (10 keys)"]


def redis_benchmark():
    """Its whole list, over RESP2 and RESP3, with and without pipelines, on one key and on many."""
    tool = shutil.which("redis-benchmark") or skip("redis-benchmark is not installed")
    with Server() as server:
        for more in ([], ["-P", "16"], ["-3"], ["-3", "-P", "16"], ["-r", "1000"], ["-3", "-P", "16", "-r", "1000"]):
            done = subprocess.run([tool, "-p", str(server.port), "-n", "2000", "--csv", *more], capture_output=True,
                                  text=True, timeout=120, check=False)
            said = done.stdout + done.stderr
            check(done.returncode == 0, f"{more}: {said[-1000:]}")
            check("rror" not in said and "WARN" not in said, f"{more}: {said[-1000:]}")
            rows = [line.split('"')[1] for line in done.stdout.splitlines()]
            equal(rows, ["test", *BENCHMARKED], f"rows with {more}")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (malformed, naughty_strings, other_protocols, redis_cli, redis_benchmark)})
