#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Money, as money.py, through three nodes at once: every order is sent to two different nodes, at the same
time, under its number as request id, while nodes and etcd members are killed with -9 and come back. The sum
never changes at any observed moment, and at the end every node has the balances of a plain computation.

    cluster_money.py [--kills 6] [--seed N]
"""
import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import holdfast
import loader
import money
from cluster import Cluster
from holdfast import Disconnected, ReplyError, check, equal

NODES = 3


def split_orders(folder):
    """The orders in as many files as there are nodes."""
    lines = (money.FOLDER / "orders.tsv").read_text().splitlines(keepends=True)
    paths = []
    for i in range(NODES):
        paths.append(Path(folder) / f"orders{i}.tsv")
        paths[-1].write_text("".join(lines[i::NODES]))
    return paths


def start_loaders(cluster, folder):
    """Each third of the orders to its node and to the next."""
    return [loader.start(cluster.nodes[(i + shift) % NODES], [path, *money.MOVE_ORDERS, "--connections", "2", "--quiet"])
            for i, path in enumerate(split_orders(folder)) for shift in (0, 1)]


def progress(cluster, counterparties):
    """How much has been moved, 0 to 1, as far as any node can tell now."""
    try:
        with cluster.client(timeout=5) as client:
            return len(client("KEYS", "money:bank:*")) / counterparties
    except (Disconnected, ReplyError):
        return 0.0


def kill_meanwhile(cluster, loaders, kills, counterparties, chance):
    """Kills nodes and members in turn, each at its mark of the progress; what they were and where they fell."""
    fell = []
    for kill in range(kills):
        mark, reached, end = (kill + 0.5) / kills, -1.0, time.monotonic() + 120
        while reached < mark:
            check(any(p.poll() is None for p in loaders), f"the loaders ended before kill {kill + 1}")
            check(time.monotonic() < end, f"progress {reached} after 120 s")
            cluster.check_alive()
            reached = progress(cluster, counterparties)
            time.sleep(0.05)
        if kill % 2:
            victim = cluster.etcd.leader() if kill % 4 == 1 else chance.choice(cluster.etcd.followers())
        else:
            victim = cluster.nodes[(kill // 2) % NODES]
        victim.kill()
        fell.append(f"{victim.name} at {100 * reached:.0f}%")
        time.sleep(0.3)
        if victim in cluster.nodes:
            victim.launch()
        else:
            cluster.etcd.launch(victim)
            cluster.etcd.wait_healthy()
    return fell


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    if not money.FOLDER.exists():
        holdfast.skip(f"no real data at {money.FOLDER}")
    print(f"seed {arguments.seed}", flush=True)
    wanted = money.computed_balances()
    accounts = len(money.rows("accounts.tsv"))
    total = money.OPENING * accounts
    with Cluster(NODES) as cluster, tempfile.TemporaryDirectory() as folder:
        cluster.start()
        cluster.create_keyspace("money")
        loader.load(cluster.nodes[0], money.OPEN_ACCOUNTS)
        watcher = money.Watcher(cluster, list(wanted), total)
        watcher.start()
        started = time.monotonic()
        loaders = []
        try:
            loaders = start_loaders(cluster, folder)
            fell = kill_meanwhile(cluster, loaders, arguments.kills, len(wanted) - accounts, random.Random(arguments.seed))
            while any(p.poll() is None for p in loaders):
                cluster.check_alive()
                time.sleep(0.1)
            printed = [p.stdout.read() for p in loaders]
        finally:
            for process in loaders:
                process.kill()
                process.wait()
            watcher.done.set()
            watcher.join()
        for process, text in zip(loaders, printed):
            equal(process.returncode, 0, f"a loader's end:\n{text[-2000:]}")
        if watcher.failure:
            raise watcher.failure
        cluster.ready()
        for node in cluster.nodes:
            with node.client() as client:
                for key, balance in zip(wanted, client("MGET", *wanted)):
                    equal(int(balance or 0), wanted[key], f"{key} at {node.name}")
                equal(len(client("KEYS", "money:*")), len(wanted), f"accounts and counterparties at {node.name}")
        print("killed " + ", ".join(fell))
        check(watcher.observed > 10 and watcher.moving > 2, f"only {watcher.observed} moments were observed, "
              f"{watcher.moving} of them in motion: nothing was proven")
        print(f"cluster money: {len(wanted)} balances as computed at {NODES} nodes, the sum the same at {watcher.observed} "
              f"moments ({watcher.moving} in motion), in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
