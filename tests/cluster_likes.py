#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Likes, as likes.py, at three replicas that are cut from each other half way: each rating is sent to two
different ones, under the id user:movie. After healing every movie's total at every replica must be what a
plain count of the file gives, and their digests must be equal. With --peers the nodes have no engine.
"""
import collections
import csv
import sys
import tempfile
import time
from pathlib import Path

import cluster_network
import holdfast
import likes
import loader
from cluster import Cluster
from holdfast import check, equal, wait_until

NODES = 3
HEAL_S = 20


def split_ratings(folder):
    """The ratings in as many files as there are nodes."""
    head, *lines = likes.RATINGS.read_text().splitlines(keepends=True)
    paths = [Path(folder) / f"ratings{i}.csv" for i in range(NODES)]
    for i, path in enumerate(paths):
        path.write_text(head + "".join(lines[i::NODES]))
    return paths


def start_loaders(cluster, folder):
    """Each third of the ratings to its node and to the next."""
    return [loader.start(cluster.nodes[(i + shift) % NODES],
                         [path, "--command", "INCRBY likes:{movieId} 1", "--id", "{userId}:{movieId}",
                          "--connections", "2", "--pipeline", "4", "--retry", "--quiet"])
            for i, path in enumerate(split_ratings(folder)) for shift in (0, 1)]


def digest(node):
    with node.client(timeout=30) as client:
        return client("KEYSPACE", "DIGEST", "likes")


def main():
    if not likes.RATINGS.exists():
        holdfast.skip(f"no real data at {likes.RATINGS}")
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with open(likes.RATINGS, newline="") as file:
        wanted = collections.Counter(row["movieId"] for row in csv.DictReader(file))
    keys = [f"likes:{movie}" for movie in wanted]
    totals = [str(n).encode() for n in wanted.values()]
    with Cluster(NODES, namespaces=True, etcd=0 if "--peers" in sys.argv else 3) as cluster, tempfile.TemporaryDirectory() as folder:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")

        def seen(node):
            with node.client(timeout=30) as client:
                return client("MGET", *keys)
        loaders = start_loaders(cluster, folder)
        try:
            wait_until(lambda: sum(int(v or 0) for v in seen(cluster.nodes[0])) > wanted.total() / 2, 120, "half of it")
            for i, host in enumerate(cluster.node_hosts):
                cluster.network.cut([host], cluster.node_hosts[i + 1:])
            for process in loaders:
                printed, _ = process.communicate(timeout=300)
                equal(process.returncode, 0, f"a loader's end:\n{printed[-2000:]}")
        finally:
            for process in loaders:
                process.kill()
                process.wait()
        apart = [sum(int(v or 0) for v in seen(node)) for node in cluster.nodes]
        check(all(n < wanted.total() for n in apart), f"nothing was missing while they were cut: {apart}")
        cluster.network.heal()
        healed = time.monotonic()
        wait_until(lambda: all(seen(n) == totals for n in cluster.nodes), HEAL_S, "every total at every node")
        took = time.monotonic() - healed
        wait_until(lambda: len({digest(n) for n in cluster.nodes}) == 1, HEAL_S, "equal digests")
        print(f"cluster likes: {apart} of {wanted.total():,} known to each while cut; all {len(wanted):,} totals as counted "
              f"at {NODES} nodes {took:.2f} s after healing, digests equal")


if __name__ == "__main__":
    sys.exit(main())
