#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples: their scripts run against a node and print what they promise, and the pages that explain them are true.

    examples_test.py [CASE …]
"""
import shutil
import subprocess

import holdfast
from cluster import Cluster
from console import run_console
from holdfast import Server, check, equal, run_cases, skip

EXAMPLES = holdfast.ROOT / "examples"


def run(name, *addresses):
    """What examples/<name>/<name>.sh prints, as (command, reply) pairs, its comments left out."""
    if not shutil.which("redis-cli"):
        skip("redis-cli is not installed")
    done = subprocess.run([EXAMPLES / name / f"{name}.sh", *addresses], capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, 0, f"{name}.sh: {done.stdout}{done.stderr}")
    pairs = []
    for line in done.stdout.splitlines():
        if "$ " in line:
            pairs.append((line.partition("$ ")[2], []))
        elif not line.startswith("#"):
            pairs[-1][1].append(line)
    return [(command, "\n".join(reply)) for command, reply in pairs]


def printed(pairs, command):
    """All replies to a command, in turn."""
    found = [reply for one, reply in pairs if one == command]
    check(found, f"{command!r} is not among {[one for one, _ in pairs]}")
    return found


def the_bank():
    with Server() as server:
        pairs = run("bank", server.address)
        debit = "FCALL accounts.debit 1 accounts:anna 700"
        refusal = "(error) TOOLITTLE accounts:anna has 300, and not 700"
        equal(printed(pairs, f"ONCE order-17 {debit}"), ["(integer) 300"] * 2, "a retry")
        equal(printed(pairs, f"ONCE order-18 {debit}"), [refusal] * 2, "refused, and so again")
        equal(printed(pairs, f"ONCE order-19 {debit}"), ["(integer) 100"])
        check(printed(pairs, "GET accounts:anna")[0].startswith("(error) NOPERM keyspace 'accounts' belongs to"),
              "a key of another")
        check(printed(pairs, "FCALL accounts.open 1 accounts:own")[0].startswith("(error) NOPERM"), "not for the shop")
        before, last = printed(pairs, "FCALL accounts.balance 1 accounts:anna")
        last, token = last.splitlines()  # under its comment at the end
        equal((before, last), ("(integer) 1000", "(integer) 100"))
        with server.client() as client:
            equal(client("AUTH", "root", token), "OK", "the token that is shown")
        again = subprocess.run([EXAMPLES / "bank" / "bank.sh", server.address], capture_output=True, text=True, timeout=60,
                               check=False)
        check(again.returncode == 1 and "a node without services is needed" in again.stderr, f"a second time: {again}")


def the_shop():
    with Server() as server:
        pairs = run("shop", server.address)
        equal(printed(pairs, "ONCE 17-reserve FCALL stock.reserve 1 stock:chair 17 4"), ["(integer) 6"] * 2, "a retry")
        equal(printed(pairs, "ONCE 18-reserve FCALL stock.reserve 1 stock:chair 18 7"),
              ["(error) SOLDOUT 6 are left of stock:chair, and not 7"])
        equal(printed(pairs, "ONCE 18-take FCALL stock.take 1 stock:chair 18"), ["(integer) 7"])
        equal(printed(pairs, "ONCE 18-release FCALL stock.release 1 stock:chair 18"),
              ["(error) NOORDER order 18 has reserved nothing of stock:chair"])
        equal(printed(pairs, "FCALL stock.left 1 stock:chair"), ["(integer) 6", "(integer) 3"])
        with server.client() as client:
            equal(client("HGETALL", "stock:chair"), [b"left", b"3"], "nothing is reserved at the end")


def the_feed():
    with Server() as server:
        check_feed(run("feed", server.address))


def the_feed_on_two_nodes():
    with Cluster(nodes=2, etcd=0).start() as cluster:
        check_feed(run("feed", *[node.address for node in cluster.nodes]))


def check_feed(pairs):
    equal(printed(pairs, "ONCE anna-42-1 FCALL likes.like 1 likes:42 anna"), ["(integer) 1"] * 2, "a retry")
    equal(printed(pairs, "FCALL likes.count 1 likes:42"), ["(integer) 2", "(integer) 2", "(integer) 1"])
    equal(printed(pairs, "SMEMBERS likes:42"), ['1) "anna"'])


def what_the_pages_show():
    pages = [EXAMPLES / name / "README.md" for name in ("bank", "shop", "feed")]
    pages += [holdfast.ROOT / "docs" / f"{name}.md" for name in ("functions", "workflows")]
    for page in pages:
        with Server() as server:
            ran = run_console(page, server)
            check(ran >= 5, f"{page}: only {ran} commands were found")
            print(f"   {page.relative_to(holdfast.ROOT)}: {ran} commands answer as printed")


def what_the_lessons_show():
    """On three nodes over etcd, as their reader has them."""
    for name in ("1-strong-and-eventual", "3-request-ids"):
        with Cluster().start() as cluster:
            ran = run_console(holdfast.ROOT / "docs" / "learn" / f"{name}.md", *cluster.nodes)
            check(ran >= 5, f"{name}: only {ran} commands were found")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (the_bank, the_shop, the_feed, the_feed_on_two_nodes, what_the_pages_show,
                                       what_the_lessons_show)})
