#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The resources of the HTTP API, and its description: each route answers as /openapi.json says.

    http_resources_test.py CASE …
"""
import json
import re
import threading
import uuid

import holdfast
from holdfast import Server, check, equal, run_cases, skip
from http_test import Api

BANK = holdfast.ROOT / "examples" / "bank" / "accounts.lua"
PAY = {"name": "pay", "steps": [
    {"name": "debit", "call": "accounts.debit", "keys": ["accounts:anna"], "args": [{"from": "/input/amount"}],
     "undo": {"call": "accounts.credit", "keys": ["accounts:anna"], "args": [{"from": "/input/amount"}]}},
    {"name": "confirmed", "wait": {"signal": "confirmed", "for": "1d"}}]}
UNDONE = {"name": "doubtful", "steps": [
    {"name": "credit", "call": "accounts.credit", "keys": ["accounts:anna"], "args": [1],
     "undo": {"call": "accounts.nosuch", "keys": ["accounts:anna"]}},
    {"name": "fails", "call": "accounts.debit", "keys": ["accounts:anna"], "args": [1000000]}]}


class Described:
    """Calls routes, and holds what they answer against the description."""

    def __init__(self, api):
        import jsonschema
        self.validate = jsonschema.Draft202012Validator
        self.api = api
        status, self.document = api("GET", "/openapi.json")
        equal(status, 200)
        equal(self.document["openapi"], "3.1.0")
        self.forms = [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path) + "$"), path) for path in self.document["paths"]]
        self.met = set()

    def resolved(self, schema):
        return {**schema, "components": self.document["components"]}

    def __call__(self, method, path, body=None, headers=None, raw=None):
        plain = path.split("?")[0]
        forms = [form for pattern, form in self.forms if pattern.match(plain)]
        form = next((form for form in forms if form == plain), None) or forms[0]
        operation = self.document["paths"][form][method.lower()]
        self.met.add((method.lower(), form))
        for pair in path.partition("?")[2].split("&") if "?" in path else []:
            names = [p.get("name") for p in operation["parameters"]]
            check(pair.split("=")[0] in names, f"{form} says nothing of {pair}")
        takes_id = {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", [])
        check(takes_id or "Idempotency-Key" not in (headers or {}), f"{form} takes no request id")
        if takes_id and "Idempotency-Key" not in (headers or {}):
            headers = {**(headers or {}), "Idempotency-Key": str(uuid.uuid4())}
        if body is not None:
            media = operation["requestBody"]["content"]["application/json"]
            self.validate(self.resolved(media["schema"])).validate(body)
        text = raw if raw is not None else None if body is None else json.dumps(body)
        sent = {} if body is None else {"Content-Type": "application/json"}
        status, told = self.api.raw(method, path, text, {**sent, **(headers or {})})
        kind = self.api.headers.get("content-type", "").split(";")[0]
        answers = operation["responses"]
        known = answers.get(str(status))
        if known is None or kind == "application/problem+json":
            check(status >= 300, f"{method} {path}: {status} is not described")
            if status == 304:
                return status, None
            if kind == "application/problem+json":
                problem = json.loads(told)
                self.validate(self.document["components"]["schemas"]["Problem"]).validate(problem)
                equal(problem["status"], status)
                return status, problem
            return status, json.loads(told)
        if "content" not in known:
            if not form.startswith(("/v1/", "/pipeline", "/multi-exec")) or form == "/":
                return status, told
            equal(told, b"", f"{method} {path}")
            return status, None
        check(kind in known["content"], f"{method} {path}: {kind} is not described")
        if kind != "application/json":
            return status, told
        value = json.loads(told)
        self.validate(self.resolved(known["content"][kind]["schema"])).validate(value)
        return status, value


def catalog(call):
    equal(call("GET", "/v1/keyspaces"), (200, ["default"]))
    equal(call("POST", "/v1/keyspaces", {"name": "accounts", "guarantee": "strong"})[0], 201)
    equal(call("POST", "/v1/keyspaces", {"name": "likes", "guarantee": "eventual", "retain-ids": "1h"},
               {"Idempotency-Key": "make-likes"})[0], 201)
    equal(call("POST", "/v1/keyspaces", {"name": "likes", "guarantee": "eventual", "retain-ids": "1h"},
               {"Idempotency-Key": "make-likes"})[0], 201, "again")
    equal(call.api.headers["idempotency-replayed"], "true")
    equal(call("POST", "/v1/keyspaces", {"name": "likes", "guarantee": "eventual"})[0], 409)
    equal(call.api("POST", "/v1/keyspaces", {"name": "x", "nonsense": 1})[0], 400)
    equal(call.api("POST", "/v1/keyspaces", ["x"])[0], 400)
    equal(call("PATCH", "/v1/keyspaces/likes", {"require-id": True})[0], 204)
    status, keyspace = call("GET", "/v1/keyspaces/likes")
    equal((keyspace["guarantee"], keyspace["require-id"], keyspace["retain-ids"]), ("eventual", "yes", "1h"))
    equal(call("GET", "/v1/keyspaces/nosuch")[0], 404)
    equal(call("POST", "/v1/keyspaces", {"name": "gone", "guarantee": "strong"})[0], 201)
    equal(call("DELETE", "/v1/keyspaces/gone")[0], 204)
    equal(call("DELETE", "/v1/keyspaces/gone")[0], 404)
    equal(call("GET", "/v1/nodes")[0], 200)
    equal(call("GET", "/v1/node")[1]["id"], "1")
    equal(call("GET", "/v1/nodes/nosuch")[0], 404)
    equal(call("DELETE", "/v1/nodes/nosuch")[0], 404)
    equal(call("GET", "/v1/ids/accounts/never"), (200, {"outcome": None}))
    call.api.command("SET", "accounts:x", "1", key="done")
    equal(call("GET", "/v1/ids/accounts/done"), (200, {"outcome": {"result": "OK"}}))
    call.api.command("HSET", "accounts:x", "f", "v", key="refused")
    check(call("GET", "/v1/ids/accounts/refused")[1]["outcome"]["error"].startswith("WRONGTYPE"), "a refusal")
    equal(call("POST", "/v1/ids/accounts/done/void"), (200, {"outcome": {"result": "OK"}}))
    equal(call("POST", "/v1/ids/accounts/never/void"), (200, {"outcome": None}))
    check(call("GET", "/v1/ids/accounts/never")[1]["outcome"]["error"].startswith("VOIDED"), "it never runs")
    equal(call.api.command("SET", "accounts:x", "2", key="never")[0], 409)
    equal(call("POST", "/v1/ids/likes/never/void")[0], 400)


def functions(call):
    equal(call.api.run("FUNCTION", "LOAD", BANK.read_text()), "bank")
    status, libraries = call("GET", "/v1/functions?library=bank")
    names = [f["call"] for library in libraries for f in library["functions"]]
    check("accounts.debit" in names, names)
    status, described = call("GET", "/v1/functions/openapi.json")
    debit = described["paths"]["/v1/functions/accounts/debit"]["post"]
    check(status == 200 and debit["operationId"] == "accounts.debit", described)
    equal(debit["summary"], next(f["description"] for f in libraries[0]["functions"] if f["name"] == "debit"))
    status, told = call("POST", "/v1/functions/accounts/credit", {"keys": ["accounts:anna"], "args": [5]})
    equal((status, told["error"].split()[0]), (400, "NOACCOUNT"))
    equal(call("POST", "/v1/functions/accounts/open", {"keys": ["accounts:anna"]}), (200, {"result": 0}))
    once = {"Idempotency-Key": "credit-1"}
    for _ in range(2):
        equal(call("POST", "/v1/functions/accounts/credit", {"keys": ["accounts:anna"], "args": ["1000"]}, once),
              (200, {"result": 1000}))
    equal(call("POST", "/v1/functions/accounts/balance", {"keys": ["accounts:anna"], "read-only": True}),
          (200, {"result": 1000}))
    equal(call("POST", "/v1/functions/accounts/nosuch", {})[0], 400)


def workflows(call):
    equal(call("GET", "/v1/workflows"), (200, []))
    equal(call("GET", "/v1/workflows/pay")[0], 404)
    equal(call("PUT", "/v1/workflows/pay", PAY), (200, {"version": 1}))
    equal(call("PUT", "/v1/workflows/pay", {**PAY, "description": "next"}), (200, {"version": 2}))
    equal(call("PUT", "/v1/workflows/other", PAY)[0], 400)
    equal(call("GET", "/v1/workflows/pay")[1]["definition"]["description"], "next")
    equal(call("GET", "/v1/workflows")[1][0]["version"], 2)
    start = {"run": "order-17", "input": {"amount": 300}, "version": 1}
    status, run = call("POST", "/v1/workflows/pay/runs", start)
    equal((status, run["state"], run["version"]), (200, "running", 1))
    equal(call("POST", "/v1/workflows/pay/runs", start)[1]["run"], "order-17")
    equal(call("POST", "/v1/workflows/pay/runs", {**start, "input": {"amount": 1}})[0], 422)
    equal(call("POST", "/v1/workflows/nosuch/runs", {**start, "run": "other"})[0], 404)
    run = call("GET", "/v1/runs/order-17")[1]
    equal((run["input"], run["steps"][0]["result"]), ({"amount": 300}, 700))
    equal(call("GET", "/v1/runs/nosuch")[0], 404)
    equal(call("GET", "/v1/runs/order-17/history")[1][0]["request-id"], "order-17/debit")
    runs = call("GET", "/v1/runs?workflow=pay&state=running&cursor=0&count=10")[1]
    equal([run["run"] for run in runs["runs"]], ["order-17"])
    equal(call("POST", "/v1/runs/order-17/signals/confirmed", {"by": "anna"})[1]["state"], "done")
    equal(call("POST", "/v1/runs/order-17/cancel")[0], 400)
    equal(call("POST", "/v1/workflows/pay/runs", {"run": "order-18", "input": {"amount": 100}})[1]["state"], "running")
    equal(call("POST", "/v1/runs/order-18/cancel")[1]["state"], "cancelled")
    equal(call("PUT", "/v1/workflows/doubtful", UNDONE)[0], 200)
    equal(call("POST", "/v1/workflows/doubtful/runs", {"run": "stuck-1"})[1]["state"], "stuck")
    equal(call("POST", "/v1/runs/stuck-1/retry")[0], 200)


def values(call):
    equal(call("GET", "/v1/values/accounts:none")[0], 404)
    equal(call("DELETE", "/v1/values/accounts:none")[0], 404)
    equal(call("PUT", "/v1/values/accounts:v", raw="first", headers={"If-None-Match": "*"})[0], 204)
    first = call.api.headers["etag"]
    equal(call("PUT", "/v1/values/accounts:v", raw="other", headers={"If-None-Match": "*"})[0], 412)
    equal(call("GET", "/v1/values/accounts:v"), (200, b"first"))
    equal(call.api.headers["etag"], first)
    equal(call("GET", "/v1/values/accounts:v", headers={"If-None-Match": first})[0], 304)
    equal(call("PUT", "/v1/values/accounts:v", raw="second", headers={"If-Match": first})[0], 204)
    second = call.api.headers["etag"]
    check(second != first, "another version")
    equal(call("PUT", "/v1/values/accounts:v", raw="third", headers={"If-Match": first})[0], 412)
    equal(call("DELETE", "/v1/values/accounts:v", headers={"If-Match": first})[0], 412)
    equal(call("GET", "/v1/values/accounts:v"), (200, b"second"))
    # The condition and the id are one operation: a retry is answered as the first try, though the value is another.
    once = {"If-Match": second, "Idempotency-Key": "change-1"}
    equal(call("PUT", "/v1/values/accounts:v", raw="third", headers=once)[0], 204)
    third = call.api.headers["etag"]
    equal(call("PUT", "/v1/values/accounts:v", raw="third", headers=once)[0], 204)
    equal((call.api.headers["etag"], call.api.headers["idempotency-replayed"]), (third, "true"))
    once = {"If-Match": first, "Idempotency-Key": "change-2"}
    equal(call("PUT", "/v1/values/accounts:v", raw="fourth", headers=once)[0], 412)
    equal(call("PUT", "/v1/values/accounts:v", raw="fourth", headers=once)[0], 412)
    for wrong in ({"If-Match": "third"}, {"If-Match": 'W/"3"'}, {"If-Match": third, "If-None-Match": "*"}):
        equal(call("PUT", "/v1/values/accounts:v", raw="x", headers=wrong)[0], 400, wrong)
    equal(call("DELETE", "/v1/values/accounts:v", headers={"If-Match": third})[0], 204)
    equal(call("PUT", "/v1/values/accounts:v", raw="x", headers={"If-Match": "*"})[0], 412)
    equal(call("PUT", "/v1/values/accounts:v?EX=100", raw=b"\x00\xff")[0], 204)
    equal(call("GET", "/v1/values/accounts:v"), (200, b"\x00\xff"))
    check(90 < call.api.run("TTL", "accounts:v") <= 100, "it expires")
    equal(call.api.run("HSET", "accounts:h", "f", "v"), 1)
    equal(call("GET", "/v1/values/accounts:h")[0], 400)
    # An eventual keyspace has no versions.
    id = {"Idempotency-Key": "likes-1"}
    equal(call("PUT", "/v1/values/likes:v", raw="x", headers=id)[0], 204)
    equal(call("GET", "/v1/values/likes:v"), (200, b"x"))
    check("etag" not in call.api.headers, "of an eventual keyspace")
    status, problem = call("PUT", "/v1/values/likes:v", raw="y", headers={**id, "If-Match": '"1"'})
    equal((status, problem["code"], "strong keyspace" in problem["detail"]), (400, "UNSUPPORTED", True))
    equal(call("GET", "/v1/explain/likes:v?id=likes-1")[1]["stable"]["value"], '"x"')
    strong = call("GET", "/v1/explain/accounts:v")[1]
    equal((strong["guarantee"], strong["type"], strong["size"]), ("strong", "string", 2))
    equal(call("GET", "/v1/explain/likes:none")[1]["type"], "none")
    equal(call("GET", "/v1/explain/likes:v?id=two%20words")[0], 400)
    equal(call("DELETE", "/v1/values/likes:v", headers={"Idempotency-Key": "likes-2"})[0], 204)


def commands(call):
    for prefix in ("/v1/command", "/"):
        equal(call("POST", prefix, ["PING"]), (200, {"result": "PONG"}))
    for path in ("/v1/pipeline", "/pipeline", "/v1/command/pipeline", "/v1/multi-exec", "/multi-exec",
                 "/v1/command/multi-exec"):
        equal(call("POST", path, [["EXISTS", "none"]]), (200, [{"result": 0}]))
    for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        equal(call("GET", path)[0], 200)
    equal(call("GET", "/console/none.js")[0], 404)
    status, slow = call("GET", "/v1/slow?count=5")
    equal((status, type(slow)), (200, list))
    # What it tells is tests/http_events_test.py's: a stream has no end to read to.
    equal(call("GET", "/v1/events", headers={"Origin": "http://evil.example"})[0], 403)


def services(call):
    """Last: from the first service on everybody signs in."""
    equal(call("GET", "/v1/services"), (200, []))
    status, made = call("POST", "/v1/services", {"name": "root", "admin": True})
    equal(status, 201)
    equal(call("GET", "/v1/services")[0], 401)
    call.api.token = made["token"]
    equal(call("POST", "/v1/services", {"name": "shop"})[0], 201)
    equal(call("POST", "/v1/services", {"name": "shop"})[0], 409)
    equal(call("GET", "/v1/services/shop")[1]["name"], "shop")
    equal(call("GET", "/v1/services/nosuch")[0], 404)
    status, rotated = call("POST", "/v1/services/shop/rotate", {"overlap": "1h"})
    equal(status, 200)
    root, call.api.token = call.api.token, rotated["token"]
    equal(call("POST", "/v1/services", {"name": "other"})[0], 403)
    call.api.token = root
    equal(call("DELETE", "/v1/services/shop")[0], 204)


def every_route_answers_as_described():
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        skip("python3-jsonschema is not installed")
    with Server() as server, Api(server) as api:
        call = Described(api)
        for step in (catalog, functions, workflows, values, commands, services):
            step(call)
        described = {(method, path) for path, methods in call.document["paths"].items() for method in methods}
        equal(described - call.met, set(), "routes that no call met")


def one_of_many_writers_wins_each_time():
    """Read, then write if it is still so, from eight connections at once: nothing is lost."""
    with Server() as server:
        def add(times):
            with Api(server) as api:
                done = 0
                while done < times:
                    status, value = api.raw("GET", "/v1/values/n")
                    condition = {"If-Match": api.headers["etag"]} if status == 200 else {"If-None-Match": "*"}
                    written = str(int(value) + 1 if status == 200 else 1)
                    status, _ = api.raw("PUT", "/v1/values/n", written, condition)
                    check(status in (204, 412), status)
                    done += status == 204
        threads = [threading.Thread(target=add, args=(50,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Api(server) as api:
            equal(api.raw("GET", "/v1/values/n")[1], b"400")
            etag = api.headers["etag"]
            # A version is the same after a crash.
            server.restart()
        with Api(server) as api:
            api.raw("GET", "/v1/values/n")
            equal(api.headers["etag"], etag)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (every_route_answers_as_described, one_of_many_writers_wins_each_time)})
