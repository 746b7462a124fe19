#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Money, with real data: 4,500 accounts are opened with 100,000 each and 6,471 bank orders moved from
account to counterparty in a strong keyspace, by MULTI/EXEC under the order's number as request id; all
sent twice over 16 connections, the server killed with -9 three times meanwhile. The sum never changes
at any observed moment, and every balance is what a plain computation gives.
"""
import csv
import decimal
import sys
import threading
import time

import holdfast
from holdfast import Disconnected, ReplyError, check, equal
from loader import load, load_under_kills

FOLDER = holdfast.DATA / "berka"
OPENING = 10_000_000  # hundredths


def rows(name):
    with open(FOLDER / name, newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


class Watcher(threading.Thread):
    """Reads all balances in one moment, again and again; each time they must sum to the same."""

    def __init__(self, server, keys, total):
        super().__init__()
        self.server, self.keys, self.total = server, keys, total
        self.done = threading.Event()
        self.observed = 0
        self.moving = 0  # moments at which the balances were neither all before nor all after
        self.last = None
        self.failure = None

    def run(self):
        while not self.done.is_set():
            try:
                with self.server.client() as client:
                    while not self.done.is_set():
                        self.look(client)
            except (Disconnected, ReplyError):
                time.sleep(0.01)
            except AssertionError as error:
                self.failure = error
                return

    def look(self, client):
        # Half of the moments by one MGET, half by a MULTI of two.
        half = len(self.keys) // 2
        if self.observed % 2:
            values = client("MGET", *self.keys)
        else:
            replies = client.pipeline([("MULTI",), ("MGET", *self.keys[:half]), ("MGET", *self.keys[half:]), ("EXEC",)])
            if isinstance(replies[-1], ReplyError):
                raise replies[-1]
            values = [*replies[-1][0], *replies[-1][1]]
        balances = [int(v or 0) for v in values]
        equal(sum(balances), self.total, "the sum of all balances at one moment")
        check(min(balances) >= 0, "a balance below zero")
        self.observed += 1
        if self.last is not None and balances != self.last:
            self.moving += 1
        self.last = balances


def computed_balances():
    """What every account and counterparty must have at the end, by plain arithmetic; accounts first."""
    wanted = {f"money:account:{row[0]}": OPENING for row in rows("accounts.tsv")}
    for _, account, bank_to, account_to, amount, _ in rows("orders.tsv"):
        hundredths = int(decimal.Decimal(amount) * 100)
        wanted[f"money:account:{account}"] -= hundredths
        counterparty = f"money:bank:{bank_to}/{account_to}"
        wanted[counterparty] = wanted.get(counterparty, 0) + hundredths
    return wanted


# How the loader sends each: every row once more under the same id.
OPEN_ACCOUNTS = [FOLDER / "accounts.tsv", "--columns", "account_id,district_id,opened,frequency",
                 "--command", f"SET money:account:{{account_id}} {OPENING}", "--id", "open:{account_id}",
                 "--connections", "16", "--repeat", "2", "--retry"]
MOVE_ORDERS = ["--columns", "order_id,account_id,bank_to,account_to,amount,purpose",
               "--command", "DECRBY money:account:{account_id} {amount*100}",
               "--command", "INCRBY money:bank:{bank_to}/{account_to} {amount*100}",
               # One at a time: the file is short, and each kill must fall into it.
               "--id", "{order_id}", "--pipeline", "1", "--retry"]


def main():
    if not FOLDER.exists():
        holdfast.skip(f"no real data at {FOLDER}")
    wanted = computed_balances()
    accounts = len(rows("accounts.tsv"))
    total = OPENING * accounts
    with holdfast.Server() as server:
        with server.client() as client:
            client("KEYSPACE", "CREATE", "money", "GUARANTEE", "strong")
        load(server, OPEN_ACCOUNTS)
        watcher = Watcher(server, list(wanted), total)
        watcher.start()
        started = time.monotonic()
        try:
            table, _ = load_under_kills(
                server, [FOLDER / "orders.tsv", *MOVE_ORDERS, "--connections", "16", "--repeat", "2"],
                kills=3, progress=lambda client: len(client("KEYS", "money:bank:*")) / (len(wanted) - accounts))
        finally:
            watcher.done.set()
            watcher.join()
        if watcher.failure:
            raise watcher.failure
        for _ in range(2):
            with server.client() as client:
                for key, balance in zip(wanted, client("MGET", *wanted)):
                    equal(int(balance or 0), wanted[key], key)
                equal(len(client("KEYS", "money:*")), len(wanted), "accounts and counterparties")
            server.restart()  # and the same again from disk
        print(table)
        check(watcher.observed > 10 and watcher.moving > 2, f"only {watcher.observed} moments were observed, "
              f"{watcher.moving} of them in motion: nothing was proven")
        print(f"money: {len(wanted)} balances as computed, the sum the same at {watcher.observed} moments "
              f"({watcher.moving} in motion), in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
