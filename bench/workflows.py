# SPDX-License-Identifier: Apache-2.0
"""Runs of workflows: a debit, a credit, and a count in another keyspace, each with its undo. Group `workflows` of bench/run.py.

On one node, against the same three steps as a durable-execution library over PostgreSQL keeps them (postgres.py); and on
three nodes over etcd, with the time that one run takes on an idle cluster.
"""
import json
import time

import holdfast
import postgres
from cluster import Cluster

FUNDS = "100000000000"
BANK = """#!lua name=bank keyspace=accounts
redis.register_function('debit', function(keys, args)
  local has, amount = tonumber(redis.call('GET', keys[1]) or '0'), tonumber(args[1])
  if has < amount then return redis.error_reply('FUNDS only ' .. has) end
  return redis.call('DECRBY', keys[1], amount)
end)
redis.register_function('credit', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)"""
ORDERS = """#!lua name=orders keyspace=orders
redis.register_function('count', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)"""
FROM, TO, AMOUNT = "/input/from", "/input/to", [{"from": "/input/amount"}]


def step(name, function, undo, keyspace, pointer):
    keys = [{"text": [keyspace + ":", {"from": pointer}]}]
    return {"name": name, "call": function, "keys": keys, "args": AMOUNT, "undo": {"call": undo, "keys": keys, "args": AMOUNT}}


DEFINITION = json.dumps({"name": "pay", "steps": [
    step("debit", "accounts.debit", "accounts.credit", "accounts", FROM),
    step("credit", "accounts.credit", "accounts.debit", "accounts", TO),
    step("count", "orders.count", "orders.count", "orders", FROM)]})
REST_MS = 2000
LATER = json.dumps({"name": "later", "steps": [
    {"name": "rest", "wait": {"for": f"{REST_MS}ms"}}, step("debit", "accounts.debit", "accounts.credit", "accounts", FROM)]})
START = ["WORKFLOW", "START", "{id}", "pay", '{"from": "{key}", "to": "{key}", "amount": 1}']
CALLERS = (1, 50, 256)


def prepare(bench, server, durability):
    with server.client() as client:
        for keyspace in ("accounts", "orders"):
            client("KEYSPACE", "CREATE", keyspace, "GUARANTEE", "strong", "DURABILITY", durability)
        client("FUNCTION", "LOAD", BANK)
        client("FUNCTION", "LOAD", ORDERS)
        client("WORKFLOW", "DEFINE", DEFINITION)
    bench.generate(server.port, ["SET", "accounts:{next}", FUNDS], 16, requests=100_000)


def run(bench, started):
    bench.title("Workflows of three steps: runs finished a second, and p50 (PostgreSQL: as a durable-execution library keeps them)")
    bench.line("", "PostgreSQL", "one node", "", "p50")
    with started() as server:
        prepare(bench, server, "always")
        for callers in CALLERS:
            best = bench.best({"holdfast": (server.port, START, 1, {"connections": callers})})
            rates = [postgres.runs("on", bench.arguments.seconds, callers) for _ in range(bench.arguments.rounds)] if callers <= 50 else []
            best["postgres"] = {"per_second": max((r for r in rates if r), default=0)}
            bench.record("workflows", "one node", best, callers=callers)
            base, ours = best["postgres"]["per_second"], best["holdfast"]
            bench.line(f"{callers} callers", base or "", ours["per_second"], f"×{ours['per_second'] / base:.1f}" if base else "",
                       f"{ours['p50_us']:,} µs")
        check_all_done(server)
    bench.title("On three nodes over etcd: runs finished a second, and p50")
    bench.line("", "at one node", "p50", "at all three", "p50")
    with Cluster(flags=["--log-level", "warning"]).start() as cluster:
        prepare(bench, cluster.nodes[0], "always")
        ports = [node.port for node in cluster.nodes]
        for callers in CALLERS:
            best = bench.best({"one": (ports[:1], START, 1, {"connections": callers}),
                               "three": (ports, START, 1, {"connections": callers})})
            bench.record("workflows", "three nodes", best, callers=callers)
            cells = []
            for name in ("one", "three"):
                cells += [best[name]["per_second"], f"{best[name]['p50_us']:,} µs"]
            bench.line(f"{callers} callers", *cells)
        check_all_done(cluster.nodes[0])
    take_over(bench)


def take_over(bench):
    """Runs that rest for two seconds, and meanwhile a node dies that would see to a third of them: how late they end."""
    bench.title(f"Runs that wait for {REST_MS} ms, three nodes, one killed meanwhile: how late they end")
    bench.line("", "runs", "p50", "worst")
    for number in range(bench.arguments.rounds):
        with Cluster(flags=["--log-level", "warning"]).start() as cluster:
            prepare(bench, cluster.nodes[0], "always")
            with cluster.nodes[2].client(timeout=60) as client:
                client("WORKFLOW", "DEFINE", LATER)
                runs = [f"r{i}" for i in range(600)]
                for i, run in enumerate(runs):
                    client("WORKFLOW", "START", run, "later", '{"from": "000000000001", "amount": 1}')
                    time.sleep(0.005)
                    if i == len(runs) // 2:
                        cluster.nodes[0].kill()
                holdfast.wait_until(lambda: not client("WORKFLOW", "LIST", 0, "STATE", "running")[1], 60, "the runs to end")
                late = sorted(lateness(client("WORKFLOW", "STATUS", run)) for run in runs)
        p50, worst = late[len(late) // 2], late[-1]
        bench.record("workflows", "a node killed", {"late": {"p50_ms": p50, "worst_ms": worst}}, runs=len(runs))
        bench.line(f"kill {number + 1}", len(runs), f"{p50} ms", f"{worst} ms")


def lateness(status):
    """By the log's clock, of a run that has ended."""
    told = dict(zip(status[::2], status[1::2]))
    holdfast.equal(told[b"state"], b"done")
    return told[b"ended-ms"] - told[b"started-ms"] - REST_MS


def check_all_done(server):
    """No run is left, and none was undone."""
    with server.client() as client:
        left = client("WORKFLOW", "LIST", 0, "STATE", "running")[1] + client("WORKFLOW", "LIST", 0, "STATE", "stuck")[1]
    holdfast.check(not left, f"runs that did not end: {left[:3]}")
