#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a node tells of itself as it goes: /v1/events, slow commands, who is connected, who calls what.

    http_events_test.py [CASE …]
"""
import json
import signal
import socket
import time

from holdfast import Server, check, equal, run_cases, wait_until
from http_test import Api

# Whatever of the fields of docs/http.md one node without peers has.
FIELDS = {"at-ms", "caller", "node", "nodes", "links", "engine", "load", "keyspaces", "runs", "slow", "calls"}
LIBRARY = """#!lua name=bank keyspace=accounts
redis.register_function{function_name = 'debit', description = 'Take from an account', allow = {'shop'},
  callback = function(keys, args)
    if args[1] == 'all' then return redis.error_reply('NOFUNDS there is not so much') end
    return redis.call('INCRBY', keys[1], -tonumber(args[1]))
  end}
redis.register_function{function_name = 'spin', callback = function(keys, args)
  local n = 0
  for i = 1, 300000 do n = n + i end
  return n
end}
"""


class Stream:
    """A stream of /v1/events, read as its bytes come."""

    def __init__(self, server, token=None, timeout=10, receive=None):
        self.socket = socket.socket()
        if receive:  # before the connection: what the kernel takes in for us
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(timeout)
        self.socket.connect((server.host, server.http_port))
        sign_in = f"Authorization: Bearer {token}\r\n" if token else ""
        self.socket.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{sign_in}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def chunk(self):
        """The next one's bytes; empty: the stream has ended as it should."""
        size = int(self.file.readline(), 16)
        bytes = self.file.read(size)
        equal(self.file.read(2), b"\r\n")
        return bytes.decode()

    def state(self):
        """The next event's data."""
        text = self.chunk()
        if text.startswith("retry:"):
            equal(text, "retry: 1000\n\n")
            text = self.chunk()
        check(text.startswith("event: state\ndata: ") and text.endswith("\n\n"), text[:100])
        equal(text.count("\n"), 3, "lines of one event")
        return json.loads(text[len("event: state\ndata: "):])


def keyspaces(state):
    return {one["name"]: one for one in state["keyspaces"]}


def at_once_and_each_second():
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        began = time.monotonic()
        with Stream(server) as stream:
            equal(stream.status, 200)
            equal(stream.headers["content-type"], "text/event-stream")
            first = stream.state()
            check(time.monotonic() - began < 0.5, "the first comes at once")
            equal(FIELDS - set(first), set(), "what is missing")
            equal(first["caller"], {"service": None, "admin": True})
            equal(first["engine"]["name"], "embedded")
            equal(first["engine"]["reachable"], True)
            equal(sorted(keyspaces(first)), ["default", "likes"])
            times = []
            for i in range(4):
                state = stream.state()
                times.append(time.monotonic())
                for j in range(50):
                    client("ONCE", f"a{i}-{j}", "INCR", "likes:1")
                    client("GET", "x")
            gaps = [b - a for a, b in zip(times, times[1:])]
            check(all(0.7 < gap < 1.6 for gap in gaps), f"one a second: {gaps}")
            check(state["load"]["commands-a-second"] >= 90, state["load"])
            check(state["latency"]["count"] >= 90, state["latency"])
            took = [state["latency"][q] for q in ("p50-us", "p95-us", "p99-us", "max-us")]
            equal(took, sorted(took))
            check(0 < took[-1] < 5_000_000, took)
            likes = keyspaces(state)["likes"]
            equal((likes["guarantee"], likes["keys"], likes["behind-ms"]), ("eventual", 1, {}))
            check(40 <= likes["commands-a-second"] <= 70, likes)
            check(state["at-ms"] > first["at-ms"], "time goes on")
            equal(state["load"]["http-connections"], 1)


def what_became_of_ids():
    """KEYSPACE INFO counts them in each guarantee: replays were never counted before."""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        client("KEYSPACE", "CREATE", "money", "GUARANTEE", "strong")
        old = "01800000-0000-7000-8000-000000000000"  # a UUIDv7 of years ago
        for keyspace in ("likes", "money"):
            for _ in range(3):
                client("ONCE", "id-1", "INCR", f"{keyspace}:a")
            equal(client.error("ONCE", "id-1", "INCR", f"{keyspace}:b").split()[0], "IDREUSED")
            equal(client.error("ONCE", old, "INCR", f"{keyspace}:b").split()[0], "IDEXPIRED")
        with Stream(server) as stream:
            told = keyspaces(stream.state())
        for keyspace in ("likes", "money"):
            seen = [told[keyspace][name] for name in ("ids", "replayed", "reused", "expired")]
            equal(seen, [1, 2, 1, 1], keyspace)


class Services:
    """A node with an administrator, and services shop and other; accounts is bank's and publishes functions."""

    def __init__(self, server):
        self.server = server
        with server.client() as first:
            self.tokens = {"root": first("SERVICE", "CREATE", "root", "ADMIN").decode()}
        self.root = self.client("root")
        for name in ("bank", "shop", "other"):
            self.tokens[name] = self.root("SERVICE", "CREATE", name).decode()
        self.root("KEYSPACE", "CREATE", "accounts", "GUARANTEE", "strong", "OWNER", "bank")
        self.root("KEYSPACE", "CREATE", "carts", "GUARANTEE", "eventual", "OWNER", "shop")
        self.bank, self.shop, self.other = (self.client(name) for name in ("bank", "shop", "other"))
        self.bank("FUNCTION", "LOAD", LIBRARY)

    def client(self, name):
        client = self.server.client()
        equal(client("AUTH", name, self.tokens[name]), "OK")
        return client

    def state(self, name):
        with Stream(self.server, self.tokens[name]) as stream:
            return stream.state()

    def calls(self, name):
        return {(one["caller"], one["function"]): [one["calls"], one["refused"], one["failed"]]
                for one in self.state(name)["calls"]}


def only_what_the_caller_may_see():
    with Server() as server:
        services = Services(server)
        with Stream(server) as stream:
            equal(stream.status, 401)
        with Stream(server, "nonsense") as stream:
            equal(stream.status, 401)
        for name, seen in (("root", ["accounts", "carts", "default"]), ("bank", ["accounts", "default"]),
                           ("shop", ["carts", "default"]), ("other", ["default"])):
            state = services.state(name)
            equal(sorted(keyspaces(state)), seen, name)
            equal(state["caller"], {"service": name, "admin": name == "root"})
        # Whose token is no longer good hears no more.
        with Stream(server, services.tokens["other"]) as stream:
            stream.state()
            services.root("SERVICE", "DROP", "other")
            wait_until(lambda: stream.chunk() == "", 5, "the stream's end")


def who_calls_what():
    with Server() as server:
        services = Services(server)
        services.shop("FCALL", "accounts.debit", 1, "accounts:a", "5")
        services.shop("FCALL", "accounts.debit", 1, "accounts:a", "5")
        equal(services.shop.error("FCALL", "accounts.debit", 1, "accounts:a", "all").split()[0], "NOFUNDS")
        equal(services.other.error("FCALL", "accounts.debit", 1, "accounts:a", "5").split()[0], "NOPERM")
        services.bank("FCALL", "accounts.spin", 0)
        services.shop.error("FCALL", "accounts.none", 0)
        every = {("shop", "accounts.debit"): [3, 0, 1], ("other", "accounts.debit"): [1, 1, 0],
                 ("bank", "accounts.spin"): [1, 0, 0]}
        equal(services.calls("root"), every)
        equal(services.calls("bank"), every, "the functions' owner")
        equal(services.calls("shop"), {("shop", "accounts.debit"): [3, 0, 1]})
        equal(services.calls("other"), {("other", "accounts.debit"): [1, 1, 0]})
        with Api(server, services.tokens["bank"]) as api:
            status, libraries = api("GET", "/v1/functions")
            debit = next(f for f in libraries[0]["functions"] if f["name"] == "debit")
            equal((status, libraries[0]["keyspace"], debit["description"], debit["allow"]),
                  (200, "accounts", "Take from an account", ["shop"]))


def a_slow_reader_holds_up_nobody():
    """It misses states, nothing piles up for it, and others are told as before."""
    with Server() as server, server.client() as client:
        for i in range(200):  # states of some size
            client("KEYSPACE", "CREATE", f"keyspace{i}" + "x" * 40, "GUARANTEE", "strong")
        with Stream(server, receive=4096) as slow, Stream(server) as quick:
            slow.state()
            mine = slow.socket.getsockname()[1]

            def held():
                """What the node itself holds for it, beyond what its kernel took."""
                lines = client("CLIENT", "LIST").decode().splitlines()
                line = next(line for line in lines if f" addr=127.0.0.1:{mine} " in line)
                return int(line.split(" oll=")[1].split()[0]), int(line.split(" obl=")[1].split()[0])
            wait_until(lambda: quick.state() and held()[1] > 0, 100, "a full kernel")
            before = held()
            for _ in range(3):
                quick.state()
            equal(held(), before, "states pile up")
            at = quick.state()["at-ms"]
            # It is told how things are now as soon as it has taken what is on its way, and nothing of between.
            told = []

            def caught_up():
                told.append(slow.state()["at-ms"])
                return told[-1] >= at
            wait_until(caught_up, 30, "the newest state")
            gaps = [b - a for a, b in zip(told, told[1:])]
            check(max(gaps) > 2500, f"it missed none: {gaps}")


def there_are_so_many_streams():
    with Server() as server:
        streams = []
        try:
            while len(streams) < 200:
                streams.append(Stream(server))
                if streams[-1].status != 200:
                    break
            equal((len(streams), streams[-1].status), (65, 503))
            equal(streams[-1].headers["retry-after"], "1")
            streams.pop(0).__exit__()

            def again():
                with Stream(server) as stream:
                    return stream.status == 200
            wait_until(again, 10, "a place of one who has left")
        finally:
            for stream in streams:
                stream.__exit__()


def a_stop_ends_streams():
    with Server() as server, Stream(server) as stream:
        stream.state()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while stream.chunk() != "":
            pass
        equal(stream.file.read(), b"", "behind the last chunk")
        equal(server.process.wait(30), 0)
        check(time.monotonic() - began < 3, "nothing waits for a stream")


def slow_commands():
    with Server(flags=["--slow-log-slower-than", "1ms", "--slow-log-max-len", "5"]) as server:
        with server.client() as client:
            equal(client("CONFIG", "GET", "slowlog*"),
                  [b"slowlog-log-slower-than", b"1000", b"slowlog-max-len", b"5"])
            client("CLIENT", "SETNAME", "reporter")
            client.pipeline([["SADD", "s", *(f"{i}-{j}" for j in range(1000))] for i in range(200)])
            client("SLOWLOG", "RESET")
            client("SMEMBERS", "s")
            entry = client("SLOWLOG", "GET")[0]
            equal(len(entry), 6)
            number, at, took, words, address, name = entry
            check(number > 0 and abs(at - time.time()) < 5 and took >= 1000, entry)
            equal((words, name), ([b"SMEMBERS", b"s"], b"reporter"))
            equal(address.decode().split(":")[0], "127.0.0.1")
            # What the log applies is timed as well, and told to be whose it was.
            client("CONFIG", "SET", "slowlog-log-slower-than", "0")
            client("SUNIONSTORE", "t", "s")
            client("SUNIONSTORE", "t", "s")
            stores = [e for e in client("SLOWLOG", "GET", "-1") if e[3][0] == b"SUNIONSTORE"]
            check(stores and all(e[4:] == [address, name] for e in stores), client("SLOWLOG", "GET", "-1"))
            equal(client("SLOWLOG", "LEN"), 5)
            equal(len(client("SLOWLOG", "GET", "2")), 2)
            client("CONFIG", "SET", "slowlog-log-slower-than", "-1")
            client("SLOWLOG", "RESET")
            client("SMEMBERS", "s")
            equal(client("SLOWLOG", "LEN"), 0)
            equal(client.error("SLOWLOG", "GET", "-2"), "ERR")
            check(client("SLOWLOG", "HELP")[0].startswith("SLOWLOG"), "its help")


def whose_slow_commands():
    """A service's own whole; of others an administrator sees the name and the keyspace, others nothing."""
    with Server(flags=["--slow-log-slower-than", "0ms"]) as server:
        services = Services(server)
        services.root("SLOWLOG", "RESET")
        services.shop("SADD", "carts:anna", "hidden-book")
        services.shop("SMEMBERS", "carts:anna")
        services.bank("FCALL", "accounts.debit", 1, "accounts:hidden-key", "5")
        own = services.shop("SLOWLOG", "GET")
        check([b"SMEMBERS", b"carts:anna"] in [e[3] for e in own], own)
        check(all(e[3][0] != b"FCALL" for e in own), own)
        equal(services.other("SLOWLOG", "LEN"), 0)
        seen = services.root("SLOWLOG", "GET", "-1")
        check([b"SMEMBERS", b"carts:..."] in [e[3] for e in seen], seen)
        check(b"hidden" not in repr(seen).encode(), seen)
        with Api(server, services.tokens["root"]) as api:
            status, told = api("GET", "/v1/slow?count=100")
            equal(status, 200)
            called = next(e for e in told if e["command"][0] == "FCALL")
            equal((called["command"], called["service"]), (["FCALL", "accounts:..."], "bank"))
            check(called["took-us"] >= 0 and abs(called["at-ms"] / 1000 - time.time()) < 10, called)
        equal(services.other.error("SLOWLOG", "RESET").split()[0], "NOPERM")
        state = services.state("shop")
        check(state["slow"]["count"] >= 2 and state["slow"]["last-id"] > 0, state["slow"])


def a_slow_o1_command_in_a_pipeline_is_found_the_second_time():
    """What is not timed by itself: the turn tells, and a closer look follows."""
    with Server(flags=["--slow-log-slower-than", "2ms"]) as server, server.client() as client:
        big = "x" * 20_000_000
        client("SET", "big", big)
        client("SLOWLOG", "RESET")

        def found():
            for _ in range(5):
                client("APPEND", "big", "x")  # O(1) by its row; it copies 20 MB into the log's entry or the value
                client("GET", "big")
            return any(e[3][0] in (b"GET", b"APPEND") for e in client("SLOWLOG", "GET", "-1"))
        wait_until(found, 20, "in the slow log")


def clients_of_both_ports():
    with Server() as server, server.client() as client, Stream(server) as stream, Api(server) as api:
        stream.state()
        api.run("SET", "a", "1")
        lines = client("CLIENT", "LIST").decode().splitlines()
        facts = [dict(field.split("=", 1) for field in line.split()) for line in lines]
        equal(sorted(f["protocol"] for f in facts), ["http", "http", "resp"])
        equal(len({f["id"] for f in facts}), 3, "ids of both ports are given once")
        mine = next(f for f in facts if f["protocol"] == "resp")
        equal(int(mine["id"]), client("CLIENT", "ID"))
        asked = next(f for f in facts if f["cmd"] == "set")
        equal(client("CLIENT", "KILL", "ID", asked["id"]), 1)
        streams = next(f for f in facts if f["protocol"] == "http" and f["cmd"] != "set")
        equal(client("CLIENT", "KILL", "ADDR", streams["addr"]), 1)
        stream.socket.settimeout(5)
        equal(stream.socket.recv(100), b"", "the stream's connection")
        equal(len(client("CLIENT", "LIST").splitlines()), 1)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        at_once_and_each_second, what_became_of_ids, only_what_the_caller_may_see, who_calls_what,
        a_slow_reader_holds_up_nobody, there_are_so_many_streams, a_stop_ends_streams, slow_commands,
        whose_slow_commands, a_slow_o1_command_in_a_pipeline_is_found_the_second_time, clients_of_both_ports)})
