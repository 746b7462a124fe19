#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Eventual keyspaces on several nodes: every node always answers, and they come to the same, each id's effect once.

Run all, or those named: cluster_eventual_test.py [CASE …]
"""
import random
import re
import tempfile
import threading
import time
from pathlib import Path

import cluster_network
import holdfast
from cluster import Cluster
from holdfast import Disconnected, ReplyError, check, equal, run_cases, wait_until

NODE_FLAGS = ["--checkpoint-interval", "1s"]
ETCD = 3  # members; 0: nodes find one another (cluster_peers_test.py)
MEET_S = 10  # a heal to all nodes' being equal; the machine that runs all of it at once is allowed its part


def values(node, keys):
    with node.client(timeout=30) as client:
        return client("MGET", *keys)


def meet(cluster, keys, expected=None):
    """Waits until all working nodes show the same values, and how long that took."""
    began = time.monotonic()
    nodes = [n for n in cluster.nodes if n.working]

    def same():
        seen = [values(n, keys) for n in nodes]
        return all(s == seen[0] for s in seen) and (expected is None or seen[0] == expected)
    try:
        wait_until(same, MEET_S, "all nodes show the same")
    except AssertionError:
        for node in nodes:
            print(node.name, values(node, keys))
        raise
    return time.monotonic() - began


class Incrementers:
    """Clients that count: each operation has an id, is tried at a random node, and, unanswered or by chance, again at
    another, until one has answered."""

    def __init__(self, cluster, keys, clients=6):
        self.cluster, self.keys = cluster, keys
        self.stopping = threading.Event()
        self.done = [[0] * len(keys) for _ in range(clients)]
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        chance = random.Random(number)
        connections = {}
        try:
            serial = 0
            while not self.stopping.is_set():
                serial += 1
                at = chance.randrange(len(self.keys))
                again = chance.random() < 0.3
                while True:
                    node = chance.choice(self.cluster.nodes)
                    try:
                        if node not in connections:
                            connections[node] = node.client(timeout=2)
                        connections[node]("ONCE", f"{number}-{serial}", "INCRBY", self.keys[at], "1")
                        if not again:
                            break
                        again = False
                    except (Disconnected, ReplyError, OSError) as error:
                        if isinstance(error, ReplyError) and error.code not in ("UNAVAILABLE", "UNKNOWN", "BUSY"):
                            raise
                        broken = connections.pop(node, None)
                        if broken:
                            broken.close()
                        time.sleep(0.02)
                self.done[number][at] += 1
        except Exception as error:
            self.errors.append(error)
        finally:
            for connection in connections.values():
                connection.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        check(not self.errors, f"a client failed: {self.errors[:1]}")
        return [str(sum(column)).encode() for column in zip(*self.done)]


KEYS = [f"likes:{i}" for i in range(8)]


def started(cluster):
    cluster.start()
    cluster.create_keyspace("likes", "GUARANTEE", "eventual")
    return cluster


def each_id_once_under_kills():
    """Nodes are killed and started again meanwhile: every increment counts once, wherever it was tried."""
    with Cluster(flags=NODE_FLAGS, etcd=ETCD) as cluster:
        started(cluster)
        clients = Incrementers(cluster, KEYS)
        chance = random.Random(1)
        for _ in range(5):
            time.sleep(chance.uniform(0.3, 1.0))
            node = chance.choice(cluster.nodes)
            node.kill()
            time.sleep(chance.uniform(0.1, 0.5))
            node.launch()
            cluster.ready()
        expected = clients.stop()
        took = meet(cluster, KEYS, expected)
        print(f"   {sum(map(int, expected)):,} increments, all equal after {took:.2f} s")


def partition():
    """Each node is cut off from the others and from etcd in turn: it goes on, and all come to the same."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with Cluster(namespaces=True, flags=NODE_FLAGS, etcd=ETCD) as cluster:
        started(cluster)
        clients = Incrementers(cluster, KEYS)
        for node in cluster.nodes:
            others = [h for h in cluster.node_hosts + cluster.etcd_hosts if h is not node.place]
            cluster.network.cut([node.place], others)
            with node.client() as client:
                client("ONCE", f"cut-off-{node.name}", "INCR", KEYS[0])
                equal(client("INCR", f"likes:only-{node.name}"), 1, "while cut off")
            elsewhere = next(n for n in cluster.nodes if n is not node)
            with elsewhere.client() as client:  # the same, where nobody can have heard of it
                client("ONCE", f"cut-off-{node.name}", "INCR", KEYS[0])
            time.sleep(4)
            cluster.network.heal()
            time.sleep(0.5)
        expected = clients.stop()
        expected[0] = str(int(expected[0]) + len(cluster.nodes)).encode()
        took = meet(cluster, KEYS, expected)
        meet(cluster, [f"likes:only-{n.name}" for n in cluster.nodes], [b"1"] * 3)
        print(f"   {sum(map(int, expected)):,} increments, all equal after {took:.2f} s")


def lost_node_is_handed_on():
    """What a node managed to tell one other reaches all, though it never comes back."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with Cluster(namespaces=True, flags=NODE_FLAGS, etcd=ETCD) as cluster:
        started(cluster)
        lost, friend, stranger = cluster.nodes
        cluster.network.cut([lost.place], [stranger.place])
        with lost.client() as client:
            client("SET", "likes:last", "words")
        wait_until(lambda: values(friend, ["likes:last"]) == [b"words"], MEET_S, "the friend hears it")
        lost.kill()
        cluster.network.heal()
        wait_until(lambda: values(stranger, ["likes:last"]) == [b"words"], MEET_S, "the stranger hears it")


def wiped_node_gets_all():
    """A node that lost its data serves nothing until it has a peer's: then no removal undoes what it has not seen."""
    with tempfile.NamedTemporaryFile("w") as secret, Cluster(flags=[*NODE_FLAGS, "--cluster-secret-file", secret.name],
                                                              etcd=ETCD) as cluster:
        secret.write("what nodes sign in with, for the checkpoint and for all that follows\n")
        secret.flush()
        started(cluster)
        with cluster.nodes[0].client() as client:
            for i in range(500):
                client("SADD", f"likes:set{i % 50}", f"m{i}")
        keys = [f"likes:set{i}" for i in range(50)]

        def sizes(node):
            with node.client() as client:
                return [client("SCARD", k) for k in keys]
        for node in cluster.nodes:
            wait_until(lambda n=node: sizes(n) == [10] * 50, MEET_S, "the sets are everywhere")
        wiped = cluster.nodes[2]
        wiped.kill()
        wiped.wipe()
        with cluster.nodes[1].client() as client:
            for i in range(50):
                client("SREM", keys[i], f"m{i}")
        wiped.launch()
        cluster.ready()
        wait_until(lambda: sizes(wiped) == [9] * 50, MEET_S, "the node that was wiped has what the others have")
        with wiped.client() as client:
            client("DEL", keys[0])
            client("SADD", keys[1], "new")
        for node in cluster.nodes:
            wait_until(lambda n=node: sizes(n) == [0, 10] + [9] * 48, MEET_S, "all hear of it again")


def long_absent():
    """A node is away for longer than the others keep their logs for it: it gets a checkpoint, and what it wrote itself
    meanwhile is not lost."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with Cluster(namespaces=True, flags=[*NODE_FLAGS, "--mesh-log-limit", "1"], etcd=ETCD) as cluster:
        started(cluster)
        near, far, apart = cluster.nodes
        cluster.network.cut([apart.place], [h for h in cluster.node_hosts + cluster.etcd_hosts if h is not apart.place])
        for node in (near, far, apart):
            with node.client() as client:
                for i in range(300):
                    client("INCR", f"likes:{i % 3}")
                    client("ONCE", f"same-{i}", "INCR", "likes:same")
                client("SADD", "likes:set", node.name)
        for node in (near, far):
            with node.client() as client:
                wait_until(lambda: client("INCR", "likes:0") and "no longer kept for" in node.log(), 30, f"{node.name} lets go")
        with near.client() as client, far.client() as other, apart.client() as client_apart:
            at_zero = int(client_apart("GET", "likes:0")) - 100
            wait_until(lambda: client("GET", "likes:0") == other("GET", "likes:0"), MEET_S, "those are equal")
            expected = [int(v) for v in client("MGET", "likes:0", "likes:1", "likes:2")]
        check("no longer kept" not in apart.log(), "what no majority has is kept")
        cluster.network.heal()
        wait_until(lambda: "starting again, to load a checkpoint" in apart.log(), 30, "it finds that it missed too much")
        wait_until(lambda: "loaded the checkpoint" in apart.log(), 30, "it gets a checkpoint")
        apart.wait_ready()
        expected = [str(n + 100).encode() for n in expected]
        equal(at_zero, 0, "what it had counted while apart")
        meet(cluster, ["likes:0", "likes:1", "likes:2", "likes:same"], [*expected, b"300"])
        for node in cluster.nodes:
            with node.client() as client:
                equal(sorted(client("SMEMBERS", "likes:set")), sorted(n.name.encode() for n in cluster.nodes), node.name)
                client("INCR", "likes:1")  # and so it goes on
        meet(cluster, ["likes:1"], [str(int(expected[1]) + 3).encode()])


def count_up(cluster, key, nodes=None):
    for node in nodes or cluster.nodes:
        with node.client() as client:
            client("INCR", key)


def clocks_apart():
    """A node whose clock is ahead, or runs too fast, neither wins for ever nor stops the others; one that is too far
    ahead is refused, with a reason in the log, until it is not."""
    with Cluster(flags=NODE_FLAGS, etcd=ETCD) as cluster:
        first, second, ahead = cluster.nodes
        ahead.clock = "3600 1"
        started(cluster)
        for clock in ("3600 1", "0 2", "-3600 1"):
            ahead.clock = clock
            ahead.restart()
            with ahead.client() as client:
                client("SET", "likes:a", f"of the one at {clock}")
                client("HSET", "likes:h", "f", f"of the one at {clock}")
            meet(cluster, ["likes:a"], [f"of the one at {clock}".encode()])
            with first.client() as client:  # it has seen that, so it is later, whatever the clocks say
                client("SET", "likes:a", f"after {clock}")
                client("HSET", "likes:h", "f", f"after {clock}")
            meet(cluster, ["likes:a"], [f"after {clock}".encode()])
            count_up(cluster, "likes:n")
        meet(cluster, ["likes:n"], [b"9"])
        ahead.clock = "18000 1"
        ahead.restart()
        count_up(cluster, "likes:n")
        wait_until(lambda: "a clock is" in first.log() and "a clock is" in second.log(), MEET_S, "it is refused, and that is logged")
        count_up(cluster, "likes:n", [first, second])
        for node in (first, second):
            wait_until(lambda n=node: values(n, ["likes:n"]) == [b"13"], MEET_S, "those go on")
        # It hears them and counts its own as well, and cannot make their clocks its own.
        wait_until(lambda: values(ahead, ["likes:n"]) == [b"14"], MEET_S, "it hears the others")
        ahead.clock = None
        ahead.restart()
        with second.client() as client:
            client("SET", "likes:a", "goes on")
        wait_until(lambda: values(ahead, ["likes:a"]) == [b"goes on"], MEET_S, "with its clock set right it goes on hearing")


def fresh(node, ms):
    with node.client() as client:
        try:
            client("FRESH", str(ms), "GET", "likes:a")
            return True
        except ReplyError as error:
            equal(error.code, "STALE", str(error))
            return False


def fresh_and_after():
    """What a client may ask of a replica that is behind: to refuse, or to wait until it is not."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with Cluster(namespaces=True, flags=[*NODE_FLAGS, "--request-timeout", "2s"], etcd=ETCD) as cluster:
        started(cluster)
        near, far, apart = cluster.nodes
        for node in cluster.nodes:
            wait_until(lambda n=node: fresh(n, 1000), MEET_S, f"{node.name} knows that it is fresh")
            check(not fresh(node, 0), "less than no time behind")
        with near.client() as writer, far.client() as reader:
            for i in range(300):  # read what one has written, elsewhere, at once
                writer("SET", "likes:a", str(i))
                equal(reader("AFTER", writer("TOKEN"), "GET", "likes:a"), str(i).encode(), "AFTER")
        wait_until(lambda: values(apart, ["likes:a"]) == [b"299"], MEET_S, "the third has it, too")
        cluster.network.cut([apart.place], [h for h in cluster.node_hosts + cluster.etcd_hosts if h is not apart.place])
        with near.client() as writer, apart.client() as reader:
            writer("SET", "likes:a", "after the cut")
            token = writer("TOKEN")
            began = time.monotonic()
            try:
                check(False, f"AFTER what cannot have come answered {reader('AFTER', token, 'GET', 'likes:a')}")
            except ReplyError as error:
                equal(error.code, "UNAVAILABLE", str(error))
            check(1.5 < time.monotonic() - began < 4, "it waited for its time and no longer")
            equal(reader("GET", "likes:a"), b"299", "without AFTER it answers")
        check(not fresh(apart, 1000), "cut off, and says it is fresh")
        told = apart.behind("likes")
        equal(set(told), {near.name.encode(), far.name.encode()}, "behind whom")
        check(all(ms > 1500 for ms in told.values()), f"cut off for 2 s, and {told} behind")
        cluster.network.heal()
        with apart.client(timeout=MEET_S) as reader:
            def seen():
                try:
                    return reader("AFTER", token, "GET", "likes:a") == b"after the cut"
                except ReplyError:
                    return False
            wait_until(seen, MEET_S, "what was written while it was cut off")
        wait_until(lambda: fresh(apart, 1000), MEET_S, "it is fresh again")
        print(f"   behind while cut off: {told}, then: {apart.behind('likes')}")


def away_is_kept_on_disk():
    """What is kept for a member that is away takes the others' disk, not their memory; and goes when it is back."""
    with Cluster(flags=[*NODE_FLAGS, "--unstable-memory", "1mb"], etcd=ETCD) as cluster:
        started(cluster)
        first, second, away = cluster.nodes
        if "is kept in memory" in first.log():
            holdfast.skip(next(line for line in first.log().splitlines() if "is kept in memory" in line))

        def write(rounds, serial=0):
            """Of each kind of operation some that are kept as bytes, and some that need more to be known."""
            with first.client(timeout=60) as client:
                for _ in range(rounds):
                    commands = []
                    for _ in range(250):
                        serial += 1
                        key = f"likes:{serial % 500}"
                        commands += [("INCR", f"{key}:n"), ("ONCE", f"i{serial}", "INCR", f"{key}:i"),
                                     ("SET", f"{key}:s", "a text of some length", "EX", "10000"),
                                     ("ONCE", f"s{serial}", "SET", f"{key}:o", "another text")]
                    refused = [r for r in client.pipeline(commands) if isinstance(r, ReplyError)]
                    check(not refused, f"{refused[:1]}")
            return serial
        serial = write(8)
        settled = [wait_until(lambda n=n: metric(n, "unstable_operations") == 0, MEET_S, "all is settled") and anonymous(n)
                   for n in (first, second)]
        away.kill()
        serial = write(160, serial)
        wait_until(lambda: metric(second, "unstable_operations") >= 160_000, MEET_S, "the other has merged it")
        for node, before in zip((first, second), settled):
            grown, on_disk = anonymous(node) - before, metric(node, "unstable_disk_bytes")
            print(f"   {node.name}: {metric(node, 'unstable_operations'):,.0f} operations kept: {on_disk / 1e6:.0f} MB on disk, "
                  f"memory grown by {grown / 1e6:.0f} MB")
            check(on_disk > 25e6, "it is kept on disk")
            # With room for what a checkpoint and the mesh have in hand, and the ids in their own memory.
            check(grown < on_disk, f"memory grew by {grown}, of which ids should be some 80 bytes each")
        away.launch()
        cluster.ready()
        keys = [f"likes:{i}:{kind}" for i in range(0, 500, 7) for kind in "niso"]
        meet(cluster, keys)
        for node in (first, second):
            wait_until(lambda n=node: metric(n, "unstable_operations") == 0, 30, "nothing is kept any more")
            with node.client() as client:
                equal([client("GET", f"likes:{i}:i") for i in range(500)], [b"%d" % (serial / 500)] * 500, node.name)


def metric(node, name):
    return float(re.search(rf"^holdfast_{name} (\S+)$", node.http("/metrics")[1], re.MULTILINE)[1])


def anonymous(node):
    """Bytes of its memory that no file could take in."""
    return 1024 * int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{node.process.pid}/status").read_text())[1])


CASES = {f.__name__: f for f in (each_id_once_under_kills, partition, lost_node_is_handed_on, wiped_node_gets_all, long_absent,
                                 away_is_kept_on_disk, clocks_apart,
                                 fresh_and_after)}

if __name__ == "__main__":
    run_cases(CASES)
