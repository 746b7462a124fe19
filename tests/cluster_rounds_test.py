#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rounds of a few seconds on three nodes of an eventual keyspace: in each, clients write while something breaks, and
then all nodes hold the same within moments, and what the clients were answered.

    cluster_rounds_test.py [--rounds 9] [--seed N]

What is right is computed from the answers alone. Every key has one kind of writer, so that this takes no rules of
merging: increments and added members with ids are tried anywhere until they are answered; a key that only one client
writes, at one node, holds what that was answered last, or what was sent after it without an answer.
"""
import argparse
import random
import sys
import threading
import time
from collections import Counter

import cluster_network
import holdfast
from cluster import Cluster
from holdfast import Disconnected, ReplyError, check, wait_until

NODE_FLAGS = ["--checkpoint-interval", "1s"]
WRITERS = 4
WRITE_S = 1.6
MEET_S = 10  # that a failure takes; how long it took is printed
GOAL_S = 2
GONE = None


class Writer(threading.Thread):
    """Writes for one round. `wanted`: for each command that reads, the replies that are right."""

    def __init__(self, cluster, round_number, number, seed):
        super().__init__(daemon=True)
        self.cluster, self.chance = cluster, random.Random(seed)
        self.prefix = f"likes:r{round_number}w{number}"
        self.stopping = threading.Event()
        self.connections = {}
        self.error = None
        self.answered = self.tries = self.serial = 0
        self.sums = Counter()
        self.members = set()
        self.fields = {}
        self.own = {}  # key: the values it may have
        self.last_answer = 0.0

    def run(self):
        try:
            while not self.stopping.is_set():
                self.serial += 1
                self.chance.choice((self.increment, self.increment, self.add_member, self.set_field, self.write_own,
                                    self.write_own))()
        except Exception as error:
            self.error = error
        finally:
            for connection in self.connections.values():
                connection.close()

    def ask(self, node, *command):
        """The reply; Disconnected where nobody knows what became of it."""
        self.tries += 1
        try:
            if node not in self.connections:
                self.connections[node] = node.client(timeout=3)
            reply = self.connections[node](*command)
        except (Disconnected, ReplyError, OSError) as error:
            if isinstance(error, ReplyError) and error.code not in ("UNAVAILABLE", "UNKNOWN", "BUSY"):
                raise
            broken = self.connections.pop(node, None)
            if broken:
                broken.close()
            time.sleep(0.01)
            raise Disconnected(str(error)) from error
        self.answered += 1
        self.last_answer = time.monotonic()
        return reply

    def until_answered(self, *command):
        """With an id, at one node after the other, and by chance once more after the answer."""
        again = self.chance.random() < 0.3
        while True:
            try:
                self.ask(self.chance.choice(self.cluster.nodes), "ONCE", f"{self.prefix}-{self.serial}", *command)
            except Disconnected:
                continue
            if not again:
                return
            again = False

    def increment(self):
        key = f"likes:sum{self.chance.randrange(4)}"  # of all writers and rounds
        by = self.chance.randrange(1, 100)
        self.until_answered("INCRBY", key, by)
        self.sums[key] += by

    def add_member(self):
        self.until_answered("SADD", f"{self.prefix}:set", self.serial)
        self.members.add(b"%d" % self.serial)

    def set_field(self):
        self.until_answered("HSET", f"{self.prefix}:hash", self.serial, "there")
        self.fields[b"%d" % self.serial] = b"there"

    def write_own(self):
        at = self.chance.randrange(len(self.cluster.nodes))
        key = f"{self.prefix}:own{at}-{self.chance.randrange(3)}"
        value = b"%d" % self.serial
        command, after = self.chance.choice(((("SET", key, value), value), (("SET", key, value, "EX", "1000"), value),
                                             (("DEL", key), GONE)))
        may_be = self.own.setdefault(key, [GONE])
        may_be.append(after)
        try:
            self.ask(self.cluster.nodes[at], *command)
        except Disconnected:
            return
        del may_be[:-1]


class Stage:
    """What can break, and be mended."""

    def __init__(self, cluster, chance):
        self.cluster, self.chance = cluster, chance

    def split(self):
        nodes = self.chance.sample(self.cluster.nodes, 3)
        return [nodes[0].place], [n.place for n in nodes[1:]]

    def cut(self):
        self.cluster.network.cut(*self.split())

    def cut_one_way(self):
        self.cluster.network.cut_one_way(*self.split())

    def cut_all(self):
        for node in self.cluster.nodes:
            self.cluster.network.cut([node.place], self.cluster.node_hosts)

    def flap(self):
        """Each direction between two nodes loses all of it, three tenths of the time."""
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for a in self.cluster.node_hosts:
                for b in self.cluster.node_hosts:
                    if a is not b:
                        self.cluster.network.reach([a], [b], self.chance.random() > 0.3)
            time.sleep(0.03)

    def kill(self):
        self.chance.choice(self.cluster.nodes).kill()

    def kill_all(self):
        for node in self.cluster.nodes:
            node.kill()

    def stop(self):
        self.chance.choice(self.cluster.nodes).stop()

    def pause(self):
        self.chance.choice(self.cluster.nodes).pause()

    def cut_and_kill(self):
        self.cut()
        time.sleep(0.2)
        self.kill()

    def mend(self):
        self.cluster.network.heal()
        for node in self.cluster.nodes:
            if not node.running:
                node.launch()
            elif not node.working:
                node.resume()
        self.cluster.ready()


FAULTS = ("cut", "cut_one_way", "cut_all", "flap", "kill", "kill_all", "stop", "pause", "cut_and_kill")


def digests(cluster):
    told = set()
    for node in cluster.nodes:
        with node.client(timeout=30) as client:
            told.add(client("KEYSPACE", "DIGEST", "likes"))
    return told


def check_round(cluster, writers, sums):
    """That each node holds what the writers were answered."""
    reads, rights = [], []
    for key, total in sums.items():
        reads.append(("GET", key))
        rights.append(lambda got, total=total: got == b"%d" % total)
    for writer in writers:
        reads += [("SMEMBERS", f"{writer.prefix}:set"), ("HGETALL", f"{writer.prefix}:hash")]
        rights += [lambda got, w=writer: set(got) == w.members,
                   lambda got, w=writer: dict(zip(got[::2], got[1::2])) == w.fields]
        for key, may_be in writer.own.items():
            reads.append(("GET", key))
            rights.append(lambda got, may_be=tuple(may_be): got in may_be)
    for node in cluster.nodes:
        with node.client(timeout=30) as client:
            for read, reply, right in zip(reads, client.pipeline(reads), rights):
                check(right(reply), f"{node.name}: {read} answers {reply!r}")
    return len(reads)


def one_round(cluster, number, chance, sums):
    stage = Stage(cluster, chance)
    fault = FAULTS[number % len(FAULTS)]
    writers = [Writer(cluster, number, i, chance.random()) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(0.2)
    before = sum(w.answered for w in writers)
    getattr(stage, fault)()
    time.sleep(WRITE_S - 0.4)
    stage.mend()
    healed = time.monotonic()
    time.sleep(0.2)
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(60)
        check(not writer.error, f"a writer failed: {writer.error!r}")
        sums.update(writer.sums)
    check(before > 0, "nothing worked before the fault")
    wait_until(lambda: len(digests(cluster)) == 1, MEET_S, f"round {number}, {fault}: equal digests")
    met = time.monotonic() - max(healed, *(w.last_answer for w in writers))
    checked = check_round(cluster, writers, sums)
    return fault, met, sum(w.answered for w in writers), sum(w.tries for w in writers), checked


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    arguments = parser.parse_args()
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    print(f"seed {arguments.seed}", flush=True)
    chance = random.Random(arguments.seed)
    sums, met, answered, tries, checked = Counter(), [], 0, 0, 0
    with Cluster(namespaces=True, flags=NODE_FLAGS, etcd=0) as cluster:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        for number in range(arguments.rounds):
            fault, took, *counts = one_round(cluster, number, chance, sums)
            met.append(took)
            answered, tries, checked = (a + b for a, b in zip((answered, tries, checked), counts))
            if took > GOAL_S:
                print(f"round {number}, {fault}: equal {took:.2f} s after healing", flush=True)
            if number % 50 == 49:
                print(f"{number + 1} rounds", flush=True)
        cluster.check_alive()
    check(answered > 0.5 * tries, f"only {answered} of {tries} tries were answered")
    met.sort()
    print(f"{arguments.rounds} rounds, {answered:,} operations answered of {tries:,} tries, {checked:,} keys compared at three nodes: "
          f"equal after {met[len(met) // 2]:.2f} s (median), {met[-1]:.2f} s at most", flush=True)


if __name__ == "__main__":
    sys.exit(main())
