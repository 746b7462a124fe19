#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workflows as their services see them: runs that end whole, on one node and on three, over functions and HTTP, through
lost replies, refusals, kills and restarts.

    workflows_test.py [CASE …]
"""
import contextlib
import json
import tempfile
import time

import holdfast
from cluster import Cluster
from functions_test import library
from holdfast import ReplyError, Server, check, equal, run_cases, wait_until
from http_service import Service
from services_test import Shop, flat

BANK = (holdfast.ROOT / "examples" / "bank" / "accounts.lua").read_text()
ACCOUNT = [{"text": ["accounts:", {"from": "/input/from"}]}]
AMOUNT = [{"from": "/input/amount"}]
DEBIT = {"name": "debit", "call": "accounts.debit", "keys": ACCOUNT, "args": AMOUNT,
         "undo": {"call": "accounts.credit", "keys": ACCOUNT, "args": AMOUNT}}


def facts(reply):
    """A map as RESP2 has it."""
    return {k.decode(): (v.decode() if isinstance(v, bytes) else v) for k, v in zip(reply[::2], reply[1::2])}


def define(client, *steps, name="w", **more):
    return client("WORKFLOW", "DEFINE", json.dumps({"name": name, "steps": steps, **more}))


def start(client, run, value=None, name="w"):
    return facts(client("WORKFLOW", "START", run, name, json.dumps(value)))


def status(client, run):
    told = facts(client("WORKFLOW", "STATUS", run))
    told["steps"] = {step["step"]: step for step in map(facts, told["steps"])}
    return told


def history(client, run):
    return [facts(each) for each in client("WORKFLOW", "HISTORY", run)]


def ends(client, run, state, seconds=30):
    """Waits for the run's end, which must be so; what STATUS then tells."""
    def ended():
        told = status(client, run)
        return told if told["state"] not in ("running", "undoing") else None
    told = wait_until(ended, seconds, f"{run} ends")
    equal(told["state"], state, f"{run}: {told}; {history(client, run)}")
    return told


@contextlib.contextmanager
def bank(*flags):
    """A node with accounts a (1000) and b (0), an eventual keyspace likes, and a client."""
    with Server(flags=flags) as server, server.client() as client:
        client("KEYSPACE", "CREATE", "accounts", "GUARANTEE", "strong")
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        client("FUNCTION", "LOAD", BANK)
        client("FUNCTION", "LOAD", library("likes", name="likes", like="return redis.call('INCRBY', keys[1], 1)",
                                           unlike="return redis.call('INCRBY', keys[1], -1)"))
        for account, amount in (("a", 1000), ("b", 1)):
            client("FCALL", "accounts.open", 1, f"accounts:{account}")
            client("FCALL", "accounts.credit", 1, f"accounts:{account}", amount)
        yield server, client


def balance(client, account):
    return int(client("GET", f"accounts:{account}"))


def credit(to="b"):
    return {"name": "credit", "call": "accounts.credit", "keys": [f"accounts:{to}"], "args": AMOUNT}


def functions_alone():
    with bank() as (_, client):
        like = {"name": "like", "call": "likes.like", "keys": ["likes:x"]}
        equal(define(client, DEBIT, credit(), like), 1)
        told = start(client, "r1", {"from": "a", "amount": 300})
        check(told["state"] in ("running", "done"), told)
        told = ends(client, "r1", "done")
        equal((balance(client, "a"), balance(client, "b"), client("GET", "likes:x")), (700, 301, b"1"))
        equal({name: step["result"] for name, step in told["steps"].items()}, {"debit": "700", "credit": "301", "like": "1"})
        equal([(h["step"], h["call"], h["attempt"], h["request-id"], h["outcome"]) for h in history(client, "r1")],
              [(s, "do", 1, f"r1/{s}", "succeeded") for s in ("debit", "credit", "like")])
        equal(start(client, "r1", {"from": "a", "amount": 300})["state"], "done", "a retry tells of the run")
        equal(client.error("WORKFLOW", "START", "r1", "w", "{}"), "IDREUSED")
        equal(balance(client, "a"), 700)
        cursor, runs = client("WORKFLOW", "LIST", 0, "STATE", "done")
        equal((cursor, [facts(run)["run"] for run in runs]), (b"0", ["r1"]))


def what_is_refused_is_undone():
    with bank() as (_, client):
        define(client, DEBIT, credit("nobody"))
        start(client, "r1", {"from": "a", "amount": 300})
        told = ends(client, "r1", "undone")
        check("NOACCOUNT" in told["why"], told)
        equal(balance(client, "a"), 1000)
        start(client, "r2", {"from": "a", "amount": 3000})
        check("TOOLITTLE" in ends(client, "r2", "undone")["why"], "too little")
        equal(balance(client, "a"), 1000)


def a_run_that_is_stuck_is_listed_and_tried_again():
    with bank() as (_, client):
        broken = dict(DEBIT, undo={"call": "accounts.nothing"})
        define(client, broken, credit("nobody"))
        start(client, "r1", {"from": "a", "amount": 300})
        told = ends(client, "r1", "stuck")
        equal(told["steps"]["debit"]["state"], "stuck")
        equal([facts(run)["run"] for run in client("WORKFLOW", "LIST", 0, "STATE", "stuck")[1]], ["r1"])
        equal(balance(client, "a"), 700)
        client("FUNCTION", "LOAD", library("accounts", name="later", nothing="return redis.call('INCRBY', 'accounts:a', 300)"))
        client("WORKFLOW", "RETRY", "r1")
        ends(client, "r1", "undone")
        equal(balance(client, "a"), 1000)
        equal([(h["request-id"], h["outcome"]) for h in history(client, "r1") if h["call"] == "undo"],
              [("r1/debit/undo", "refused"), ("r1/debit/undo/1", "succeeded")])


def over_http():
    def answer(path, body):
        if path == "/refuse":
            return 422, {"why": "no"}
        if path == "/move":
            return 302, {}
        if path == "/large":
            return 200, b"x" * 1_000_000
        return 200, {"told": body}
    with Service(answer, fails=0.2, loses=0.2, token="very-secret") as service, tempfile.NamedTemporaryFile("w") as secret:
        with bank("--workflow-hosts", service.host, "--workflow-secrets", f"tell={secret.name}") as (_, client):
            define(client, {"name": "tell", "http": {"url": service.url, "token": "tell"}})
            start(client, "r0")
            check("holds none" in ends(client, "r0", "undone")["why"], "a secret that is none")
            secret.write("very-secret\n")
            secret.flush()
            http_steps(client, service)


def http_steps(client, service):
    def http(path, **more):
        return {"name": "tell", "http": {"url": service.url + path, "token": "tell", **more},
                "retry": {"attempts": 50, "first": "5ms", "longest": "50ms"}}
    define(client, DEBIT, http("/tell", method="PUT", headers={"x-run": {"from": "/run/id"}},
                               body={"left": {"from": "/steps/debit"}}))
    for i in range(20):
        start(client, f"ok{i}", {"from": "a", "amount": 1})
    for i in range(20):
        told = ends(client, f"ok{i}", "done")
        result = json.loads(told["steps"]["tell"]["result"])
        equal(result, {"status": 200, "body": {"told": {"left": int(told["steps"]["debit"]["result"])}}})
    equal(service.keys("/tell"), {f"ok{i}/tell" for i in range(20)}, "each has its effect once")
    check(len(service.requests) > 22, "nothing was lost or failed")
    equal({headers["x-run"] for key, path, headers, _ in service.requests if path == "/tell"}, {f"ok{i}" for i in range(20)})
    for path, why in (("/refuse", "HTTP 422"), ("/move", "HTTP 302")):
        define(client, DEBIT, http(path))
        start(client, f"run{path}", {"from": "a", "amount": 100})
        told = ends(client, f"run{path}", "undone")
        check(why in told["why"], told)
    equal(balance(client, "a"), 980)
    define(client, http("/large"))
    start(client, "large")
    equal(json.loads(ends(client, "large", "done")["steps"]["tell"]["result"]), {"status": 200, "body": None})
    define(client, DEBIT, {"name": "evil", "http": {"url": {"from": "/input/url"}}})
    for i, url in enumerate(["http://169.254.169.254/", "file:///etc/passwd", service.url.replace("http://", "http://u:p@"), "x"]):
        start(client, f"evil{i}", {"from": "a", "amount": 1, "url": url})
        ends(client, f"evil{i}", "undone")
    equal(balance(client, "a"), 980)


def time_passes():
    with bank() as (_, client):
        define(client, DEBIT, {"name": "go", "wait": {"signal": "go"}}, credit())
        start(client, "r1", {"from": "a", "amount": 10})
        time.sleep(0.3)
        equal(status(client, "r1")["state"], "running")
        equal(client.error("WORKFLOW", "SIGNAL", "r1", "stop"), "ERR")
        client("WORKFLOW", "SIGNAL", "r1", "go", '{"by": "me"}')
        equal(json.loads(ends(client, "r1", "done")["steps"]["go"]["result"]), {"by": "me"})
        start(client, "r2", {"from": "a", "amount": 10})
        client("WORKFLOW", "CANCEL", "r2")
        ends(client, "r2", "cancelled")
        equal(balance(client, "a"), 990)
        define(client, DEBIT, {"name": "go", "wait": {"signal": "go", "for": "200ms"}})
        start(client, "r3", {"from": "a", "amount": 10})
        check("TIMEOUT" in ends(client, "r3", "undone")["why"], "no signal came")
        define(client, DEBIT, {"name": "rest", "wait": {"for": "1h"}}, deadline="300ms")
        start(client, "r4", {"from": "a", "amount": 10})
        check("DEADLINE" in ends(client, "r4", "undone")["why"], "its time is over")
        equal(balance(client, "a"), 990)
        define(client, {"name": "rest", "wait": {"for": "100ms"}}, retain="1s")
        start(client, "r5")
        ends(client, "r5", "done")
        wait_until(lambda: "no such run" in str(attempt(client, "WORKFLOW", "STATUS", "r5")), 10, "r5 is forgotten")


def attempt(client, *command):
    try:
        return client(*command)
    except ReplyError as error:
        return error


def runs_outlive_kills():
    with Service(fails=0.3, loses=0.3, slow_s=0.02) as service, bank("--workflow-hosts", service.host) as (server, client):
        tell = {"name": "tell", "http": {"url": service.url + "/tell"}, "retry": {"attempts": 100, "first": "10ms", "longest": "50ms"}}
        define(client, DEBIT, tell, credit(), name="w")
        for i in range(60):
            start(client, f"r{i}", {"from": "a", "amount": 10})
        for _ in range(4):
            time.sleep(0.15)
            server.kill()
            server.start()
        with server.client() as again:
            for i in range(60):
                ends(again, f"r{i}", "done")
            equal((balance(again, "a"), balance(again, "b")), (400, 601))
        equal(service.keys("/tell"), {f"r{i}/tell" for i in range(60)})


def each_service_has_its_own():
    with Server() as server:
        all = Shop(server)
        all.owner("FUNCTION", "LOAD", library("strong", add=("return redis.call('INCRBY', keys[1], 1)", ",allow={'owner'}"),
                                              get="return redis.call('GET', 'strong:hidden-key')"))
        add = {"name": "add", "call": "strong.add", "keys": ["strong:n"]}
        define(all.owner, add)
        start(all.owner, "r1")
        ends(all.owner, "r1", "done")
        for command in (("STATUS", "r1"), ("HISTORY", "r1"), ("CANCEL", "r1"), ("RETRY", "r1"), ("SIGNAL", "r1", "x")):
            equal(all.other.error("WORKFLOW", *command), "ERR", command)
        equal(all.other("WORKFLOW", "DEFINITIONS"), [])
        equal(all.other("WORKFLOW", "LIST", 0), [b"0", []])
        define(all.other, add)
        start(all.other, "r1")
        check("NOPERM" in ends(all.other, "r1", "undone")["why"], "what is not published")
        equal(all.owner("GET", "strong:n"), b"1")
        for command in ("REPORT", "GO-ON"):
            equal(all.root.error("WORKFLOW", command, *["1"] * 9), "ERR", "what nodes alone append")
        define(all.other, {"name": "go", "wait": {"signal": "go"}}, name="waits")
        start(all.other, "r2", name="waits")
        equal(all.root.error("SERVICE", "DROP", "other"), "ERR", "one whose runs go on")
        all.other("WORKFLOW", "CANCEL", "r2")
        check("hidden" not in flat(all.other("WORKFLOW", "HISTORY", "r1")), "shown")
        equal(all.root("SERVICE", "DROP", "other"), "OK")


def other_nodes_go_on():
    """Runs that wait for a slow service go on at other nodes within two seconds of their node's death."""
    with Service(fails=0.1, loses=0.1, slow_s=0.05) as service, Cluster(flags=["--workflow-hosts", service.host]).start() as cluster:
        cluster.create_keyspace("accounts")
        cluster.insist("FUNCTION", "LOAD", BANK)
        for account, amount in (("a", 10_000), ("b", 1)):
            cluster.insist("FCALL", "accounts.open", 1, f"accounts:{account}")
            cluster.insist("FCALL", "accounts.credit", 1, f"accounts:{account}", amount)
        tell = {"name": "tell", "http": {"url": service.url + "/tell"}, "retry": {"attempts": 100, "first": "10ms", "longest": "100ms"}}
        rest = {"name": "rest", "wait": {"for": "500ms"}}
        cluster.insist("WORKFLOW", "DEFINE", json.dumps({"name": "w", "steps": [DEBIT, rest, tell, credit()]}))
        victim, others = cluster.nodes[0], cluster.nodes[1:]
        runs = [f"r{i}" for i in range(90)]
        with others[0].client(timeout=30) as client:
            for run in runs:
                start(client, run, {"from": "a", "amount": 10})
            victim.kill()
            died = time.monotonic()
            for run in runs:
                ends(client, run, "done", 60)
            print(f"   all had ended {time.monotonic() - died:.1f} s after a node's death")
            victim.launch()
            cluster.ready()
            equal((balance(client, "a"), balance(client, "b")), (9_100, 901))
        equal(service.keys("/tell"), {f"{run}/tell" for run in runs})


def a_wiped_node_has_them():
    """A node that lost its data gets the definitions and the runs, under way and ended, with a peer's checkpoint."""
    with Cluster(flags=["--checkpoint-interval", "500ms"]).start() as cluster:
        cluster.create_keyspace("accounts")
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        cluster.insist("SET", "likes:a", "of an eventual keyspace each node needs a peer's checkpoint")
        cluster.insist("FUNCTION", "LOAD", BANK)
        cluster.insist("FCALL", "accounts.open", 1, "accounts:a")
        cluster.insist("FCALL", "accounts.credit", 1, "accounts:a", 1000)
        cluster.insist("WORKFLOW", "DEFINE", json.dumps({"name": "w", "steps": [DEBIT, {"name": "go", "wait": {"signal": "go"}}]}))
        third = cluster.nodes[2]
        with cluster.nodes[0].client(timeout=30) as client:
            for i in range(20):
                start(client, f"r{i}", {"from": "a", "amount": 10})
            for i in range(10):
                client("WORKFLOW", "SIGNAL", f"r{i}", "go")
            third.kill()
            third.wipe()
            for i in range(200):  # the log goes on, and is trimmed
                client("SET", f"accounts:{i}", "x" * 1000)
        time.sleep(2)
        third.launch()
        cluster.ready()
        with third.client(timeout=30) as client:
            equal([status(client, f"r{i}")["state"] for i in range(20)], ["done"] * 10 + ["running"] * 10)
            client("WORKFLOW", "SIGNAL", "r10", "go")
            client("WORKFLOW", "CANCEL", "r11")
            equal([status(client, run)["state"] for run in ("r10", "r11")], ["done", "cancelled"])
            equal(balance(client, "a"), 810)
        check("loaded the checkpoint" in third.log(), "it had no need of a checkpoint: nothing was proven")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        functions_alone, what_is_refused_is_undone, a_run_that_is_stuck_is_listed_and_tried_again, over_http, time_passes,
        runs_outlive_kills, each_service_has_its_own, other_nodes_go_on, a_wiped_node_has_them)})
