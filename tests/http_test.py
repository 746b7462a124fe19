#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API of a whole process: commands, request ids, signing in, limits.

    http_test.py CASE …
"""
import base64
import gzip
import http.client
import json
import random
import socket
import time
import uuid

import console
import holdfast
from holdfast import Server, check, equal, run_cases, skip, wait_until

JSON = {"Content-Type": "application/json"}


class Api:
    """One kept connection to a node's HTTP port."""

    def __init__(self, server, token=None):
        self.connection = http.client.HTTPConnection(server.host, server.http_port, timeout=30)
        self.token = token
        self.headers = {}  # of the answer heard last

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def raw(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read()

    def __call__(self, method, path, body=None, headers=None):
        """Status, and the body read as JSON."""
        text = None if body is None else json.dumps(body)
        status, told = self.raw(method, path, text, {**JSON, **(headers or {})})
        return status, json.loads(told) if told else None

    def command(self, *args, **headers):
        """Status and answer of a command; `key`: its request id."""
        named = {"Idempotency-Key": headers["key"]} if "key" in headers else {}
        return self("POST", "/v1/command", list(args), named)

    def run(self, *args, **headers):
        status, told = self.command(*args, **headers)
        equal(status, 200, f"{args}: {told}")
        return told["result"]


def exchange(server, data, seconds=10):
    """What is answered to these bytes until the other end closes."""
    with socket.create_connection((server.host, server.http_port), seconds) as connection:
        connection.sendall(data)
        heard = b""
        while True:
            got = connection.recv(1 << 16)
            if not got:
                return heard
            heard += got


def commands_and_replies():
    with Server() as server, Api(server) as api:
        equal(api.run("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual"), "OK")
        for key in ("money:a", "likes:a"):
            equal(api.run("INCRBY", key, 5), 5)
            equal(api("GET", f"/get/{key}")[1], {"result": "5"})
            equal(api.command("HGET", key, "f")[0], 400)
            check(api.command("HGET", key, "f")[1]["error"].startswith("WRONGTYPE "), "the code of a refusal")
        equal(api.run("HSET", "h", "a", 1, "b", 2), 2)
        equal(api.run("HGETALL", "h"), ["a", "1", "b", "2"])
        equal(api.run("GET", "none"), None)
        equal(api("POST", "/pipeline", [["INCR", "n"], ["NOSUCH"], ["GET", "n"]])[1][0], {"result": 1})
        equal(api("POST", "/v1/multi-exec", [["INCR", "n"], ["GET", "n"]])[1], [{"result": 2}, {"result": "2"}])
        equal(api("POST", "/multi-exec", [["INCR", "likes:a"], ["INCR", "money:a"]])[0], 400)
        equal(api.raw("POST", "/set/raw", "a \x00 value")[0], 200)
        equal(api.run("GET", "raw"), "a \x00 value")
        equal(api("GET", "/nosuch/n")[0], 404)
        status, told = api("DELETE", "/v1/command")
        equal((status, api.headers["allow"], told["status"]), (405, "POST", 405))
        status, told = api.raw("POST", "/v1/command", "[", JSON)
        equal((status, api.headers["content-type"]), (400, "application/problem+json"))
        check("at byte 1" in json.loads(told)["detail"], told)


def ids():
    with Server() as server, Api(server) as api:
        api.run("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        for ks, replayed in (("money", "true"), ("likes", None)):
            first = api.command("INCRBY", f"{ks}:n", 5, key="order-17")
            check("idempotency-replayed" not in api.headers, "of a first try")
            again = api.command("INCRBY", f"{ks}:n", 5, key='"order-17"')
            equal(again, first, "a replay answers the same")
            check(api.headers["idempotency-replayed"] in ([replayed] if replayed else ["true", "effect"]), api.headers)
            status, told = api.command("INCRBY", f"{ks}:n", 6, key="order-17")
            equal((status, told["error"].split()[0]), (422, "IDREUSED"))
            equal(api.run("GET", f"{ks}:n", key="order-17"), "5", "a read is not recorded")
            # A refusal that the state decided is remembered with its status.
            api.run("SET", f"{ks}:s", "text")
            refused = api.command("INCR", f"{ks}:s", key="refused")
            api.run("SET", f"{ks}:s", "1")
            equal(api.command("INCR", f"{ks}:s", key="refused"), refused)
            equal(refused[0], 400)
        transfer = [["DECRBY", "money:from", 7], ["INCRBY", "money:to", 7]]
        first = api("POST", "/multi-exec", transfer, {"Idempotency-Key": "transfer"})
        equal(api("POST", "/multi-exec", transfer, {"Idempotency-Key": "transfer"}), first)
        equal(api.headers["idempotency-replayed"], "true")
        equal(first, (200, [{"result": -7}, {"result": 7}]))
        for key in ("", "two words", '"open', "x" * 65):
            equal(api.command("INCR", "money:x", key=key)[0], 400, key)
        equal(api("POST", "/pipeline", [["INCR", "money:x"]], {"Idempotency-Key": "a"})[0], 400)
        # The same id over RESP: one scope.
        with server.client() as client:
            equal(client("ONCE", "order-17", "INCRBY", "money:n", "5"), 5)


def lost_replies():
    """Requests whose connection is cut before the answer, tried again until there is one: each counts once, over
    restarts by kill -9 too."""
    draw = random.Random(17)
    with Server() as server:
        with Api(server) as api:
            api.run("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        done = {"money": 0, "likes": 0}
        for i in range(300):
            ks = draw.choice(list(done))
            id = str(uuid.uuid4())
            body = json.dumps(["INCR", f"{ks}:n"])
            request = (f"POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       f"Idempotency-Key: {id}\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
            for _ in range(draw.randrange(3)):
                with socket.create_connection((server.host, server.http_port)) as connection:
                    size = draw.choice((len(request), draw.randrange(len(request))))
                    connection.sendall(request[:size])
                    if size == len(request) and draw.random() < 0.5:
                        connection.recv(draw.randrange(1, 40))
            if i % 60 == 59:
                server.restart()
            with Api(server) as api:
                equal(api.command("INCR", f"{ks}:n", key=id)[0], 200)
            done[ks] += 1
        with Api(server) as api:
            for ks, count in done.items():
                equal(api.run("GET", f"{ks}:n"), str(count), ks)


def pipelining():
    """Thousands of requests sent at once on one connection: answered in turn, whatever they are."""
    with Server() as server, Api(server) as api:
        api.run("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        count = 3000
        requests, wanted = [], []
        for i in range(count):
            kind = i % 4
            path = ["/incr/money:n", "/incr/likes:n", "/healthz", "/nosuch"][kind]
            requests.append(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wanted.append([b'{"result":%d}' % (i // 4 + 1)] * 2 + [b"ok\n", None])
            wanted[-1] = wanted[-1][kind]
        end = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        heard = exchange(server, ("".join(requests) + end).encode(), 30)
        answers = heard.split(b"HTTP/1.1 ")[1:]
        equal(len(answers), count + 1)
        for answer, body in zip(answers, wanted):
            if body is None:
                check(answer.startswith(b"404 "), answer)
            else:
                equal(answer.split(b"\r\n\r\n", 1)[1], body)


def signing_in():
    with Server() as server:
        with server.client() as client:
            root = client("SERVICE", "CREATE", "root", "ADMIN").decode()
            client("AUTH", root)
            shop = client("SERVICE", "CREATE", "shop").decode()
            client("KEYSPACE", "CREATE", "stock", "GUARANTEE", "strong", "OWNER", "shop")
        with Api(server) as nobody:
            status, told = nobody.command("GET", "stock:a")
            equal((status, nobody.headers["www-authenticate"], told["code"]), (401, "Bearer", "NOAUTH"))
            equal(nobody.command("PING")[0], 401)
            equal(nobody("GET", "/get/stock:a")[0], 401)
            equal(nobody.raw("GET", "/healthz")[0], 200)
            equal(nobody.raw("GET", "/metrics")[0], 200, "from this machine")
        with Api(server, shop) as owner, Api(server, root) as admin:
            equal(owner.run("INCR", "stock:a"), 1)
            status, told = admin.command("GET", "stock:a")
            equal((status, told["error"].split()[0]), (403, "NOPERM"))
            # One connection, one service after the other, all in flight at once.
            both = "".join(f"GET /get/stock:a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
                           for token in (shop, root, shop, root, "wrong"))
            statuses = [int(part[:3]) for part in exchange(
                server, (both + "GET /healthz HTTP/1.0\r\n\r\n").encode()).decode().replace("HTTP/1.0 ", "HTTP/1.1 ").split("HTTP/1.1 ")[1:]]
            equal(statuses, [200, 403, 200, 403, 401, 200])
            # A token that was rotated away is no longer good, on a kept connection either.
            fresh = admin.run("SERVICE", "ROTATE", "shop", "OVERLAP", "0s")
            equal(owner.command("GET", "stock:a")[0], 401)
            owner.token = fresh
            equal(owner.run("GET", "stock:a"), "1")
            # Ids are each service's own, as over RESP.
            equal(owner.run("INCR", "stock:a", key="one"), 2)
            with server.client() as client:
                client("AUTH", fresh)
                equal(client("ONCE", "one", "INCR", "stock:a"), 2)
            for _ in range(200):
                owner.token = "wrong"
                if owner.command("GET", "stock:a")[0] == 503:
                    break
            else:
                raise AssertionError("wrong tokens are not slowed down")
            equal(owner.headers["retry-after"], "1")


def limits():
    with Server(flags=["--connections-max", "200"]) as server, Api(server) as api:
        equal(api.run("SET", "large", "x" * 15_000_000), "OK")
        equal(len(api.run("GET", "large")), 15_000_000)
        with Api(server) as other:
            other.connection.putrequest("POST", "/v1/command")
            other.connection.putheader("Content-Type", "application/json")
            other.connection.putheader("Content-Length", str(16 * 1024 * 1024 + 1))
            other.connection.endheaders()
            equal(other.connection.getresponse().status, 413)
        deep = "[" * 100_000
        status, told = api.raw("POST", "/v1/command", deep, JSON)
        equal(status, 400)
        status, told = api("POST", "/pipeline", [["PING"]] * 65_537)
        equal(status, 400)
        check("65536 commands" in told["detail"], told)
        # More than the output limit, in pieces, and never all in memory.
        before = server.memory_kib()
        status, told = api.raw("POST", "/pipeline", json.dumps([["GET", "large"]] * 40), JSON)
        equal((status, len(told) > 600_000_000, api.headers.get("transfer-encoding")), (200, True, "chunked"))
        check(server.memory_kib("VmHWM") < before + 250_000, f"{server.memory_kib('VmHWM')} KiB")
        # A hundred kept connections work side by side; what a large request took is given back.
        many = [Api(server) for _ in range(100)]
        for one in many[:40]:
            equal(one.run("STRLEN", "x" * 60_000), 0)
            equal(one.run("ECHO", "x" * 10_000_000), "x" * 10_000_000)
        check(server.memory_kib() < before + 250_000, f"{server.memory_kib()} KiB of kept connections")
        for _ in range(3):
            for one in many:
                one.run("INCR", "n")
        equal(api.run("GET", "n"), "300")
        # Who asks for much and takes nothing is cut off.
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((server.host, server.http_port))
            deaf.sendall(b"GET /get/large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            wait_until(lambda: "closed connection" in server.log(), 45, "the deaf one is cut off")
        equal(api.run("GET", "n"), "300")


def json_verdicts():
    """Every case of the JSON test suite as the body of a command."""
    path = holdfast.DATA / "bad-input" / "json-testsuite.jsonl.gz"
    if not path.exists():
        skip(f"no {path}")
    syntax = ("an argument is", "a command is an array", "has no name", "unknown command", "wrong number")
    with Server() as server, Api(server) as api:
        judged = 0
        for line in gzip.open(path, "rt"):
            case = json.loads(line)
            status, told = api.raw("POST", "/v1/command", base64.b64decode(case["raw"]), JSON)
            error = json.loads(told).get("error", "")
            check(status == 400, f"{case['name']}: {status}")
            if case["verdict"] == "reject":
                check("at byte" in error or "has no name" in error, f"{case['name']}: {error}")
            if case["verdict"] == "accept":
                check(any(word in error for word in syntax), f"{case['name']}: {error}")
            judged += 1
        check(judged > 300, f"{judged} cases")


def naughty_strings():
    path = holdfast.DATA / "bad-input" / "naughty-strings.json"
    if not path.exists():
        skip(f"no {path}")
    with Server() as server, Api(server) as api, server.client() as client:
        for text in json.loads(path.read_text()):
            equal(api.run("HSET", "h:" + text, text, text), 1)
            equal(api.run("HGET", "h:" + text, text), text)
            equal(client("HGET", "h:" + text, text), text.encode())
            status, told = api("POST", "/v1/command", ["HGETALL", "h:" + text], {"Upstash-Encoding": "base64"})
            equal([base64.b64decode(part).decode() for part in told["result"]], [text, text])
            api.run("DEL", "h:" + text)


def what_the_page_shows():
    with Server() as server:
        check(console.run_console(holdfast.ROOT / "docs" / "http.md", server) >= 5, "docs/http.md: too few examples")


def pages_of_other_sites():
    with Server() as server, Api(server) as api:
        evil = {"Origin": "http://evil.example"}
        equal(api("POST", "/v1/command", ["FLUSHALL"], evil)[0], 403)
        equal(api.raw("POST", "/v1/command", '["FLUSHALL"]', {"Content-Type": "text/plain"})[0], 415)
        equal(api.raw("GET", "/flushall", None, {"Sec-Fetch-Site": "none"})[0], 405)
        equal(api.raw("GET", "/dbsize", None, {"Sec-Fetch-Site": "cross-site"})[0], 403)
        equal(api.raw("OPTIONS", "/v1/command", None, evil)[0], 405)
        equal(api("POST", "/v1/command", ["DBSIZE"], {"Host": "evil.example:7380"})[0], 403)


def a_token_is_read_ones_writes():
    with Server() as server, Api(server) as api:
        api("POST", "/v1/command", ["INCR", "a"], {"Holdfast-Token": ""})
        token = api.headers["holdfast-token"]
        equal(api.headers["upstash-sync-token"], token)
        status, told = api("POST", "/v1/command", ["GET", "a"], {"Holdfast-Token": token})
        equal((status, told), (200, {"result": "1"}))
        equal(api("POST", "/v1/command", ["GET", "a"], {"Holdfast-Token": "nonsense"})[0], 400)
        equal(api("GET", "/get/a", None, {"Holdfast-Local": "?1"})[1], {"result": "1"})


def stops_gracefully():
    """What was taken when the node is told to stop is answered."""
    with Server() as server:
        with socket.create_connection((server.host, server.http_port)) as connection:
            connection.sendall(b"GET /incr/n HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)
            time.sleep(0.05)
            server.process.terminate()
            heard = b""
            while got := connection.recv(1 << 16):
                heard += got
        equal(server.process.wait(30), 0)
        answered = heard.count(b"HTTP/1.1 200 OK")
        server.start()
        with Api(server) as api:
            equal(int(api.run("GET", "n") or 0), answered)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        commands_and_replies, ids, lost_replies, pipelining, signing_in, limits, json_verdicts, naughty_strings,
        what_the_page_shows, pages_of_other_sites, a_token_is_read_ones_writes, stops_gracefully)})
