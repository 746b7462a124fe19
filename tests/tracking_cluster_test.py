#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caches that clients keep at one node of a cluster while others acknowledge writes, nodes die, stop and are cut off.

What a cache answers is never older than a write that was acknowledged anywhere before it was asked. So the history of all
writes and of one cache's reads is linearizable; that of two caches need not be, while a write is not acknowledged yet.

    tracking_cluster_test.py [CASE …]
"""
import random
import threading
import time

import cluster_network
import holdfast
from cluster import Cluster
from holdfast import Disconnected, ReplyError, check, equal, run_cases, wait_until
from tracking_test import Caching, checked, run_together, text_of

KEYS = [f"cached:k{i}" for i in range(4)]
# OthersCaches: a dead node's caches hold up writes for 0.3 and 2 s at most; the rest is for a machine that runs all of it at once.
STALL_S = 8


class Trial:
    """Writers at some nodes, caches at others, and what all of them saw."""

    def __init__(self, cluster, writers, caches):
        self.cluster = cluster
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.writes = []
        self.reads = {}  # a cache's, by who it is
        self.acknowledged_at = time.monotonic()
        self.longest_stall = 0.0
        self.kept = self.asked = self.cut = 0
        self.jobs = [lambda i=i, node=node: self.write(i, node) for i, node in enumerate(writers)]
        self.jobs += [lambda i=i, node=node: self.keep(i, node) for i, node in enumerate(caches)]

    def write(self, number, node):
        draw, count, life, client = random.Random(number), 0, 0, None
        while not self.over.is_set():
            count += 1
            command = ["SET", draw.choice(KEYS), f"{number}-{count}"]
            told = {"client": f"w{number}.{life}", "start": time.monotonic_ns(), "command": command}
            try:
                client = client or node.client(timeout=20)
                told["reply"] = text_of(client(*command))
                told["end"] = time.monotonic_ns()
                with self.lock:
                    now = time.monotonic()
                    self.longest_stall = max(self.longest_stall, now - self.acknowledged_at)
                    self.acknowledged_at = now
            except ReplyError as error:
                told["error"], told["end"] = str(error), time.monotonic_ns()
                life += 1
            except Disconnected:
                client, life = None, life + 1
                time.sleep(0.05)
            with self.lock:
                self.writes.append(told)
            time.sleep(0.003)
        if client:
            client.close()

    def keep(self, number, node):
        draw, cache = random.Random(100 + number), None
        reads = self.reads.setdefault(f"r{number}", [])
        while not self.over.is_set():
            key = draw.choice(KEYS)
            try:
                cache = cache or Caching(node.port, host=node.host, timeout=20)
                start = time.monotonic_ns()
                value, kept = cache.get(key)
                reads.append({"client": f"r{number}", "start": start, "end": time.monotonic_ns(), "command": ["GET", key],
                              "reply": text_of(value)})
                self.kept, self.asked = self.kept + kept, self.asked + (not kept)
            except (Disconnected, ReplyError):  # nothing is kept any more, and perhaps nothing may be
                self.cut += cache is not None
                cache = None
                time.sleep(0.05)
            time.sleep(0.001)
        if cache:
            cache.close()

    def run(self, fault):
        def broken():
            try:
                fault()
            finally:
                self.over.set()
        run_together(self.jobs, broken)  # what the fault starts ends with the thread that it is on
        print(f"   {len(self.writes)} writes, none acknowledged for {self.longest_stall * 1000:.0f} ms at most; "
              f"{self.kept} reads from caches, {self.asked} others, {self.cut} caches cut off")
        check(self.kept > 100 and self.asked > 20, "both ways of reading")
        for reads in self.reads.values():
            checked([*self.writes, *reads])


def clustered(namespaces=False, nodes=3):
    cluster = Cluster(nodes, namespaces=namespaces, etcd=1)
    cluster.start()
    cluster.create_keyspace("cached", "GUARANTEE", "strong")
    return cluster


def keeps(node, key="cached:other"):
    """Whether a client may keep a cache there."""
    try:
        with Caching(node.port, host=node.host, timeout=20) as cache:
            cache.get(key)
            return cache.get(key)[1]
    except (Disconnected, ReplyError):
        return False


def no_cache_is_older_than_what_any_node_acknowledged():
    with clustered() as cluster:
        first, second, third = cluster.nodes
        trial = Trial(cluster, [first, second], [second, third])
        trial.run(lambda: time.sleep(4))
        equal(trial.cut, 0, "nobody is cut where nothing is broken")


def a_node_with_caches_dies():
    with clustered() as cluster:
        first, second, third = cluster.nodes
        trial = Trial(cluster, [first, second], [third, second])

        def fault():
            for _ in range(2):
                time.sleep(1.5)
                third.kill()
                time.sleep(3.5)
                third.launch()
                third.wait_ready()
                wait_until(lambda: keeps(third), 20, "caches are kept there again")
            time.sleep(1)
        trial.run(fault)
        check(trial.longest_stall < STALL_S, f"writes went on after {trial.longest_stall:.1f} s")


def a_node_with_caches_is_stopped():
    """It says that there are none any more, so that nobody waits for it."""
    with clustered() as cluster:
        first, second, third = cluster.nodes
        trial = Trial(cluster, [first], [third])

        def fault():
            time.sleep(1)
            third.stop()
            time.sleep(1)
            third.launch()
            third.wait_ready()
            wait_until(lambda: keeps(third), 20, "caches are kept there again")
            time.sleep(1)
        trial.run(fault)
        for node in (first, second):
            check("is to cut them" not in node.log(), f"{node.name} waited for it")


def cut_off_with_its_caches():
    """A node that reaches neither etcd nor the others cuts its clients' caches by itself; the others wait for that, once."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with clustered(namespaces=True) as cluster:
        first, second, third = cluster.nodes
        alone = [third.place]
        others = [first.place, second.place, *cluster.etcd_hosts]
        trial = Trial(cluster, [first, second], [third])

        def fault():
            time.sleep(1.5)
            cluster.network.cut(alone, others)
            wait_until(lambda: trial.cut > 0, 30, "its caches are cut off")
            check(not keeps(third), "and none is kept there")
            time.sleep(2)
            cluster.network.heal()
            time.sleep(1)
        trial.run(fault)
        check(trial.longest_stall < STALL_S, f"writes went on after {trial.longest_stall:.1f} s")


def cut_off_from_who_writes():
    """One that others cannot hear is put out, though it is well: its clients' caches are cut, and writes go on."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with clustered(namespaces=True) as cluster:
        first, second, third = cluster.nodes
        trial = Trial(cluster, [first, second], [third])

        def fault():
            time.sleep(1.5)
            cluster.network.cut([third.place], [first.place])
            wait_until(lambda: trial.cut > 0, 30, "its caches are cut off")
            time.sleep(3)
            cluster.network.heal()
        trial.run(fault)
        check(trial.longest_stall < STALL_S, f"writes went on after {trial.longest_stall:.1f} s")
        check(not keeps(third), "it does not come back at once")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        no_cache_is_older_than_what_any_node_acknowledged, a_node_with_caches_dies, a_node_with_caches_is_stopped,
        cut_off_with_its_caches, cut_off_from_who_writes)})
