#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Berka's 6,471 bank orders through the published functions of examples/bank, by a service that does not own the
accounts: a debit, and where it was not refused a credit, each under an id of the order's. Nodes are killed with -9
meanwhile, and what was not answered is asked again elsewhere. Who has too little is refused and stays so, even when
money has come; every balance is what a plain computation gives.

    bank_orders_test.py [CASE …]
"""
import collections
import csv
import decimal
import random
import threading
import time

import holdfast
from cluster import Cluster
from holdfast import Disconnected, ReplyError, Server, check, equal, run_cases

FOLDER = holdfast.DATA / "berka"
LIBRARY = (holdfast.ROOT / "examples" / "bank" / "accounts.lua").read_text()
OPENING = 50_000  # hundredths: less than many accounts order
LATER = 100_000
WORKERS = 8
KILLS = 3
MAY_PASS = ("UNAVAILABLE", "UNKNOWN", "BUSY")

Order = collections.namedtuple("Order", "id account counterparty amount")


def rows(name):
    with open(FOLDER / name, newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def read_orders():
    return [Order(id, f"accounts:{account}", f"accounts:{bank_to}/{account_to}", int(decimal.Decimal(amount) * 100))
            for id, account, bank_to, account_to, amount, _ in rows("orders.tsv")]


def computed(orders, accounts):
    """The balances at the end, and which orders are refused, by plain arithmetic."""
    balances = dict.fromkeys(accounts, OPENING)
    refused = set()
    for order in orders:
        if balances[order.account] < order.amount:
            refused.add(order.id)
            continue
        balances[order.account] -= order.amount
        balances[order.counterparty] = balances.get(order.counterparty, 0) + order.amount
    return balances, refused


class Caller:
    """A service's connection to any of the servers, which asks until it is answered."""

    def __init__(self, servers, name, token, seed=0):
        self.servers, self.name, self.token = servers, name, token
        self.chance = random.Random(seed)
        self.client = None
        self.asked_again = 0

    def connect(self):
        client = self.chance.choice(self.servers).client(timeout=10)
        try:
            equal(client("AUTH", self.name, self.token), "OK")
        except ReplyError as error:  # a node that has yet to hear of the service
            client.close()
            raise Disconnected(str(error)) from error
        return client

    def ask(self, *command):
        """The reply, or the refusal's code."""
        end = time.monotonic() + 60
        while True:
            try:
                self.client = self.client or self.connect()
                return self.client(*command)
            except (Disconnected, ReplyError) as error:
                if isinstance(error, ReplyError) and error.code not in MAY_PASS:
                    return error.code
                check(time.monotonic() < end, f"{command}: {error}, for a minute")
                self.client = None
                self.asked_again += 1
                time.sleep(0.02)

    def function(self, id, name, key, *args):
        return self.ask("ONCE", id, "FCALL", f"accounts.{name}", "1", key, *map(str, args))


class Services:
    """Services that own a keyspace of their name, with a library in it, and services that own nothing."""

    def __init__(self, servers, owners, others):
        self.servers = servers
        with servers[0].client() as first:
            self.tokens = {"root": first("SERVICE", "CREATE", "root", "ADMIN").decode()}
        root = self.caller("root")
        for name in (*owners, *others):
            self.tokens[name] = root.ask("SERVICE", "CREATE", name).decode()
        for name, library in owners.items():
            equal(root.ask("KEYSPACE", "CREATE", name, "GUARANTEE", "strong", "OWNER", name), "OK")
            loaded = self.caller(name).ask("FUNCTION", "LOAD", library)
            check(library.startswith(f"#!lua name={loaded.decode()} "), f"{name}: {loaded}")

    def caller(self, name, seed=0):
        return Caller(self.servers, name, self.tokens[name], seed)

    def balances(self, server, owner, keys):
        """None for a key that is not there."""
        with server.client() as client:
            equal(client("AUTH", owner, self.tokens[owner]), "OK")
            return {key: value and int(value) for key, value in zip(keys, client("MGET", *keys))}


class Bank(Services):
    """The accounts with their openings, and every counterparty with nothing."""

    def __init__(self, servers, orders):
        super().__init__(servers, {"accounts": LIBRARY}, ("branch", "payments"))
        self.accounts = [f"accounts:{row[0]}" for row in rows("accounts.tsv")]
        counterparties = sorted({order.counterparty for order in orders})
        branch = self.caller("branch").connect()
        opened = branch.pipeline([("FCALL", "accounts.open", "1", key) for key in [*self.accounts, *counterparties]])
        equal(set(opened), {0}, "all are opened")
        self.pay_in("opening", OPENING)

    def pay_in(self, what, amount):
        branch = self.caller("branch").connect()
        paid = branch.pipeline([("ONCE", f"{what}-{key}", "FCALL", "accounts.credit", "1", key, amount)
                                for key in self.accounts])
        check(all(isinstance(reply, int) for reply in paid), f"all are paid in: {[r for r in paid if not isinstance(r, int)][:3]}")


def pay(caller, order, chance):
    """Whether the order was paid."""
    debit = caller.function(f"{order.id}-out", "debit", order.account, order.amount)
    if chance.random() < 0.1:  # a copy that comes late is answered as the first was
        equal(caller.function(f"{order.id}-out", "debit", order.account, order.amount), debit, f"a copy of {order}")
    if debit == "TOOLITTLE":
        return False
    check(isinstance(debit, int), f"{order}: {debit}")
    credit = caller.function(f"{order.id}-in", "credit", order.counterparty, order.amount)
    check(isinstance(credit, int), f"{order}: {credit}")
    return True


def pay_all(bank, orders, kill):
    """Pays the orders, those of one account one after another; kills meanwhile. Which were refused."""
    refused, failures, answered = set(), [], [0] * WORKERS
    callers = [bank.caller("payments", seed) for seed in range(WORKERS)]

    def work(number):
        chance = random.Random(number)
        try:
            for order in orders:
                if hash_of(order.account) % WORKERS != number:
                    continue
                if not pay(callers[number], order, chance):
                    refused.add(order.id)
                answered[number] += 1
        except BaseException as error:  # to be raised in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for number in range(KILLS):
        mark = len(orders) * (2 * number + 1) // (2 * KILLS)
        while sum(answered) < mark and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        kill(number)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    equal(sum(answered), len(orders), "orders that were answered")
    check(sum(caller.asked_again for caller in callers) > 0, "no kill was felt: nothing was proven")
    return refused


def hash_of(account):
    return int(account.partition(":")[2])


def run_orders(servers, kill):
    if not FOLDER.exists():
        holdfast.skip(f"no real data at {FOLDER}")
    orders = read_orders()
    bank = Bank(servers, orders)
    wanted, wanted_refused = computed(orders, bank.accounts)
    check(100 < len(wanted_refused) < len(orders) - 100, f"{len(wanted_refused)} refusals prove little")
    payments = bank.caller("payments")
    for command in (("GET", orders[0].account), ("SET", orders[0].account, "1"),
                    ("FCALL", "accounts.open", "1", "accounts:own")):
        equal(payments.ask(*command), "NOPERM", "who does not own the accounts")
    started = time.monotonic()
    refused = pay_all(bank, orders, kill)
    seconds = time.monotonic() - started
    equal(refused, wanted_refused, "the orders that were refused")
    for server in servers:
        equal(bank.balances(server, "accounts", list(wanted)), wanted, "the balances")
    bank.pay_in("later", LATER)
    for order in orders:
        if order.id in refused:
            equal(payments.function(f"{order.id}-out", "debit", order.account, order.amount), "TOOLITTLE", f"again, with money: {order}")
    for account in bank.accounts:
        wanted[account] += LATER
    for server in servers:
        equal(bank.balances(server, "accounts", list(wanted)), wanted, "the balances, when all were refused again")
    print(f"   {len(orders)} orders in {seconds:.1f} s, {len(refused)} of them refused; {len(wanted)} balances as computed")


def on_one_node():
    with Server() as server:
        def kill(_):
            server.kill()
            server.start()
        run_orders([server], kill)


def on_three_nodes():
    with Cluster().start() as cluster:
        def kill(number):
            victim = cluster.nodes[number % len(cluster.nodes)]
            victim.kill()
            time.sleep(0.3)
            victim.launch()
            cluster.ready()
        run_orders(cluster.nodes, kill)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (on_one_node, on_three_nodes)})
