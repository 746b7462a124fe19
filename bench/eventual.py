# SPDX-License-Identifier: Apache-2.0
"""Three replicas of an eventual keyspace, against Redis with two asynchronous replicas, all on one machine.

Same durability (everysec), same client, nothing else beside them. Redis takes writes at one of the three only; Holdfast at all. Then the lag from
a write's acknowledgement at one replica to its being seen at another, under a steady load; how fast a replica that was
away catches up; how many bytes an increment takes on its way to one other, here and as between machines; and how long
replicas that were cut from each other under load take to be equal again.
"""
import json
import subprocess
import tempfile
import time

import cluster_network
import holdfast
from cluster import Cluster

NODES = 3
STEADY = 20_000       # writes a second while the lag is measured
LAG_PROBES = 2_000
CATCH_UP = 2_000_000  # operations
CUT_S = 6
INCREMENTS = 800_000  # whose bytes are counted
WANTED = {"lag p50 ms": 2, "lag p99 ms": 20, "catch-up/s": 300_000, "bytes an increment": 40, "the same, packed": 40, "healing s": 1,
          "equal digests s": 1}


class RedisReplica:
    """A redis-server that follows another."""

    def __init__(self, master):
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-bench-replica-")
        self.port = holdfast.free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name, "--save", "",
             "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0",
             "--replicaof", "127.0.0.1", str(master.port)], stdout=subprocess.DEVNULL)
        holdfast.wait_until(self.follows, 60, "a replica to follow")

    def follows(self):
        try:
            with holdfast.Client(self.port) as client:
                return b"master_link_status:up" in client("INFO", "replication")
        except (holdfast.Disconnected, holdfast.ReplyError):
            return False

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def run(bench, redis):
    """`redis`: a started master of everysec durability."""
    replicas = []
    try:
        replicas += [RedisReplica(redis) for _ in range(NODES - 1)]
        with Cluster(NODES, etcd=0, flags=["--log-level", "warning"]) as cluster:
            cluster.start()
            cluster.create_keyspace("e", "GUARANTEE", "eventual", "DURABILITY", "everysec")
            Eventual(bench, cluster, redis, replicas).run()
    finally:
        for replica in replicas:
            replica.close()
    packed(bench)
    healing(bench)


def sent(node):
    """Bytes that it has sent the others."""
    with node.client(timeout=60) as client:
        lines = client("INFO", "replication").decode().splitlines()
    return sum(int(line.rsplit("sent_bytes=", 1)[1]) for line in lines if "sent_bytes=" in line)


def packed(bench):
    """What an increment takes on its way where nodes have addresses of their own, as on machines of their own."""
    if reason := cluster_network.why_not():
        print(f"   packed bytes are not measured: {reason}")
        return
    with Cluster(2, namespaces=True, etcd=0, flags=["--log-level", "warning"]) as cluster:
        cluster.start()
        cluster.create_keyspace("e", "GUARANTEE", "eventual", "DURABILITY", "everysec")
        near, far = cluster.nodes
        before = sent(near)
        subprocess.run([str(bench.generator), "--address", near.address, "--connections", "50", "--depth", "16", "--requests",
                        str(INCREMENTS), "--", "INCRBY", "e:c:{key}", "1"], stdout=subprocess.DEVNULL, check=True)
        with near.client(timeout=60) as client:
            client("SET", "e:mark", "the end")

        def there():
            with far.client(timeout=60) as client:
                return client("GET", "e:mark") == b"the end"
        holdfast.wait_until(there, 60, "all to be there")
        tell(bench, "the same, packed", (sent(near) - before) / INCREMENTS, 1)


def healing(bench):
    """A replica is cut off under a steady load at all three; how long after healing it has all that was written before,
    and, when the load has ended, how long until all digests are equal."""
    if reason := cluster_network.why_not():
        print(f"   healing is not measured: {reason}")
        return
    with Cluster(NODES, namespaces=True, flags=["--log-level", "warning"]) as cluster:
        cluster.start()
        cluster.create_keyspace("e", "GUARANTEE", "eventual", "DURABILITY", "everysec")
        words = [str(bench.generator), "--connections", "24", "--rate", str(STEADY), "--seconds", str(CUT_S + 9)]
        for node in cluster.nodes:
            words += ["--address", node.address]
        load = subprocess.Popen([*words, "--", "ONCE", "{id}", "INCRBY", "e:c:{key}", "1"], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(3)
            apart = cluster.nodes[2].place
            cluster.network.cut([apart], [h for h in cluster.node_hosts + cluster.etcd_hosts if h is not apart])
            time.sleep(CUT_S)
            cluster.network.heal()
            healed = time.monotonic()
            # Up to the healing everyone has everything once nobody is further behind than that.
            holdfast.wait_until(lambda: all(ms is not None and ms < 1000 * (time.monotonic() - healed)
                                            for n in cluster.nodes for ms in n.behind("e").values()), 60, "all to have what was missing")
            tell(bench, "healing s", time.monotonic() - healed, 2)
            told = json.loads(load.communicate(timeout=60)[0])
        finally:
            load.kill()
            load.wait()
        ended = time.monotonic()
        holdfast.check(told["errors"] == 0, f"{told['errors']} errors, first {told['first_error']}")

        def digests():
            seen = set()
            for node in cluster.nodes:
                with node.client(timeout=60) as client:
                    seen.add(client("KEYSPACE", "DIGEST", "e"))
            return seen
        holdfast.wait_until(lambda: len(digests()) == 1, 60, "equal digests")
        tell(bench, "equal digests s", time.monotonic() - ended, 2)
        print(f"   ({told['per_second']:,.0f} writes/s with ids over all three, one of them cut off for {CUT_S} s)")


def tell(bench, name, value, digits):
    bench.record("eventual", name, {"holdfast": {"value": value}})
    bench.line(name, f"{value:,.{digits}f}", note=f"wanted {'≥' if name == 'catch-up/s' else '≤'} {WANTED[name]:,}")


class Eventual:
    def __init__(self, bench, cluster, redis, replicas):
        self.bench, self.cluster, self.redis, self.replicas = bench, cluster, redis, replicas
        self.ports = [n.port for n in cluster.nodes]

    def run(self):
        self.writes()
        self.lag()
        self.catch_up()
        self.bytes_on_the_wire()

    def settle(self):
        """Until everyone has everything, so that one measurement does not burden the next."""
        def level():
            seen = set()
            for node in self.cluster.nodes:
                with node.client(timeout=60) as client:
                    seen.add((client("GET", "e:mark"), client("DBSIZE")))
            return len(seen) == 1
        with self.cluster.nodes[0].client(timeout=60) as client:
            client("SET", "e:mark", str(time.monotonic_ns()))
        holdfast.wait_until(level, 120, "all replicas to be level")

    def writes(self):
        self.bench.title("Eventual, three replicas: writes/s (50 connections, everysec; Redis with two replicas)")
        self.bench.line("", "Redis", "at one", "", "at all three", "")
        for shape in (["INCRBY", "e:c:{key}", "1"], ["SET", "e:s:{key}", "xxx"]):
            for depth in (1, 16):
                jobs = {"redis": (self.redis.port, shape, depth), "one": (self.ports[0], shape, depth),
                        "all": (self.ports, shape, depth)}
                best = self.bench.best(jobs, between=self.settle)
                self.bench.record("eventual", f"{shape[0]} x{depth}", best)
                ratio = {n: best[n]["per_second"] / best["redis"]["per_second"] for n in ("one", "all")}
                self.bench.line(f"{shape[0]} ×{depth}", *(cell for n in ("redis", "one", "all") for cell in (
                    [f"{best[n]['per_second']:,.0f}"] + ([] if n == "redis" else [f"×{ratio[n]:.2f}"]))))

    def lag(self):
        loads = [subprocess.Popen([str(self.bench.generator), "--address", f"127.0.0.1:{self.ports[0]}", "--connections", "20",
                                   "--rate", str(STEADY), "--seconds", "600", "--", "INCRBY", "e:c:{key}", "1"],
                                  stdout=subprocess.PIPE)]
        try:
            time.sleep(1)
            ms = []
            with self.cluster.nodes[0].client() as writer, self.cluster.nodes[1].client() as reader:
                for i in range(LAG_PROBES):
                    wanted = str(i).encode()
                    writer("SET", "e:probe", wanted)
                    acknowledged = time.monotonic()
                    while reader("GET", "e:probe") != wanted:
                        pass
                    ms.append(1000 * (time.monotonic() - acknowledged))
        finally:
            for load in loads:
                load.terminate()
                load.wait()
        ms.sort()
        tell(self.bench, "lag p50 ms", ms[len(ms) // 2], 2)
        tell(self.bench, "lag p99 ms", ms[len(ms) * 99 // 100], 2)

    def catch_up(self):
        away = self.cluster.nodes[2]
        self.settle()
        away.stop()
        self.bench.generate(self.ports[0], ["INCRBY", "e:c:{key}", "1"], 16, connections=50, requests=CATCH_UP)
        with self.cluster.nodes[0].client(timeout=60) as client:
            client("SET", "e:mark", "caught up")
        away.launch()
        holdfast.wait_until(lambda: self.mark_at(away) is not None, 60, "it to be back")
        began = time.monotonic()

        holdfast.wait_until(lambda: self.mark_at(away) == b"caught up", 120, "it to have caught up")
        took = time.monotonic() - began
        tell(self.bench, "catch-up/s", CATCH_UP / took, 0)
        print(f"   ({CATCH_UP:,} operations in {took:.2f} s)")

    @staticmethod
    def mark_at(node):
        try:
            with node.client(timeout=60) as client:
                return client("GET", "e:mark")
        except (holdfast.Disconnected, holdfast.ReplyError, OSError):
            return None

    def bytes_on_the_wire(self):
        self.settle()
        before = sent(self.cluster.nodes[0])
        self.bench.generate(self.ports[0], ["INCRBY", "e:c:{key}", "1"], 16, connections=50, requests=INCREMENTS)
        self.settle()
        tell(self.bench, "bytes an increment", (sent(self.cluster.nodes[0]) - before) / INCREMENTS / (NODES - 1), 1)
