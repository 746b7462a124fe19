#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Berka's 6,471 bank orders, each as a run of three steps: a debit at one service's accounts, a credit at another's
clearing, a notice to an HTTP service that fails one time in ten and loses replies. A hundred counterparties refuse for
good, and some accounts have too little. Nodes are killed with -9 meanwhile. Each run ends as it must, and no money is
made or lost.

    workflow_orders_test.py [CASE …]
"""
import contextlib
import json
import time

import bank_orders_test as orders
import holdfast
from bank_orders_test import OPENING, Services, rows
from cluster import Cluster
from holdfast import Server, check, equal, run_cases, wait_until
from http_service import Service
from workflows_test import facts

CLOSED = 100  # counterparties
CLEARING = """#!lua name=clearing keyspace=clearing
local function refuse(text) error({err = text}) end
redis.register_function('credit', function(keys, args)
  if redis.call('SISMEMBER', 'clearing:closed', keys[1]) == 1 then refuse('CLOSED ' .. keys[1] .. ' takes no money') end
  return redis.call('INCRBY', keys[1], args[1])
end)
redis.register_function('take', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)"""
FROM, TO, AMOUNT = [{"from": "/input/from"}], [{"from": "/input/to"}], [{"from": "/input/amount"}]


def definition(url):
    return json.dumps({"name": "order", "steps": [
        {"name": "debit", "call": "accounts.debit", "keys": FROM, "args": AMOUNT,
         "undo": {"call": "accounts.credit", "keys": FROM, "args": AMOUNT}},
        {"name": "credit", "call": "clearing.credit", "keys": TO, "args": AMOUNT,
         "undo": {"call": "clearing.take", "keys": TO, "args": AMOUNT}},
        {"name": "notice", "http": {"url": url, "body": {"order": {"from": "/run/id"}}},
         "retry": {"attempts": 100, "first": "20ms", "longest": "500ms"}}]})


class Banks(Services):
    """Every account opened, and a hundred counterparties closed."""

    def __init__(self, servers, all_orders):
        super().__init__(servers, {"accounts": orders.LIBRARY, "clearing": CLEARING}, ("branch", "payments"))
        self.accounts = [f"accounts:{row[0]}" for row in rows("accounts.tsv")]
        counterparties = sorted({counterparty_of(order) for order in all_orders})
        self.closed = set(counterparties[::len(counterparties) // CLOSED][:CLOSED])
        self.caller("clearing").ask("SADD", "clearing:closed", *self.closed)
        branch = self.caller("branch").connect()
        branch.pipeline([("FCALL", "accounts.open", "1", key) for key in self.accounts])
        branch.pipeline([("FCALL", "accounts.credit", "1", key, OPENING) for key in self.accounts])


def counterparty_of(order):
    return order.counterparty.replace("accounts:", "clearing:", 1)


def start_all(caller, all_orders):
    """Starts every order's run, some of them twice."""
    for i, order in enumerate(all_orders):
        text = json.dumps({"from": order.account, "to": counterparty_of(order), "amount": order.amount})
        for _ in range(2 if i % 10 == 0 else 1):
            told = caller.ask("WORKFLOW", "START", order.id, "order", text)
            check(isinstance(told, list), f"{order}: {told}")
        yield i


def all_states(banks, all_orders):
    client = banks.caller("payments").connect()
    told = client.pipeline([("WORKFLOW", "STATUS", order.id) for order in all_orders])
    return {order.id: facts(each) for order, each in zip(all_orders, told)}


def run_orders(servers, service, kill):
    all_orders = orders.read_orders()
    banks = Banks(servers, all_orders)
    payments = banks.caller("payments")
    equal(payments.ask("WORKFLOW", "DEFINE", definition(f"{service.url}/notice")), 1)
    started = time.monotonic()
    kills = [len(all_orders) * part // 8 for part in (1, 3, 5)]
    for i in start_all(payments, all_orders):
        if i in kills:
            kill(kills.index(i))

    def ended():
        states = all_states(banks, all_orders)
        open = [run for run, told in states.items() if told["state"] in ("running", "undoing")]
        return states if not open else None
    with contextlib.suppress(holdfast.Disconnected):
        kill(len(kills))
    states = wait_until(ended, 240, "all runs end")
    seconds = time.monotonic() - started
    check_ends(banks, servers, service, all_orders, states)
    counts = {state: sum(told["state"] == state for told in states.values()) for state in ("done", "undone")}
    print(f"   {len(all_orders)} runs in {seconds:.1f} s: {counts}; {len(service.requests)} requests of notices")


def check_ends(banks, servers, service, all_orders, states):
    accounts = dict.fromkeys(banks.accounts, OPENING)
    clearing = {counterparty_of(order): 0 for order in all_orders}
    closed = poor = 0
    for order in all_orders:
        told = states[order.id]
        if told["state"] == "done":
            check(counterparty_of(order) not in banks.closed, f"{order} was paid to who is closed")
            accounts[order.account] -= order.amount
            clearing[counterparty_of(order)] += order.amount
            continue
        equal(told["state"], "undone", f"{order}: {told}")
        closed += "CLOSED" in told["why"]
        poor += "TOOLITTLE" in told["why"]
        check("CLOSED" in told["why"] or "TOOLITTLE" in told["why"], f"{order}: {told}")
    check(closed > 50 and poor > 100, f"{closed} and {poor} refusals prove little")
    for server in servers:
        equal(banks.balances(server, "accounts", list(accounts)), accounts, "the accounts")
        found = banks.balances(server, "clearing", list(clearing))
        equal({key: balance or 0 for key, balance in found.items()}, clearing, "the clearing")
    check(min(accounts.values()) >= 0, "an account below zero")
    done = {order.id for order in all_orders if states[order.id]["state"] == "done"}
    equal(service.keys("/notice"), {f"{run}/notice" for run in done}, "the notices")


def on_one_node():
    if not orders.FOLDER.exists():
        holdfast.skip(f"no real data at {orders.FOLDER}")
    with Service(fails=0.1, loses=0.02) as service, Server(flags=["--workflow-hosts", service.host]) as server:
        def kill(_):
            server.kill()
            server.start()
        run_orders([server], service, kill)


def on_three_nodes():
    if not orders.FOLDER.exists():
        holdfast.skip(f"no real data at {orders.FOLDER}")
    with Service(fails=0.1, loses=0.02) as service, Cluster(flags=["--workflow-hosts", service.host]).start() as cluster:
        def kill(number):
            victim = cluster.nodes[number % len(cluster.nodes)]
            victim.kill()
            time.sleep(0.3)
            victim.launch()
            cluster.ready()
        run_orders(cluster.nodes, service, kill)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (on_one_node, on_three_nodes)})
