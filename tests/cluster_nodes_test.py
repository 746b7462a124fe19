#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a cluster's nodes say of themselves, whom they refuse, and what they do when etcd is not what it was.

Run all, or those named: cluster_nodes_test.py [CASE …]
"""
import base64
import itertools
import json
import random
import shutil
import threading
import time

import holdfast
from cluster import Cluster, Node
from cluster_etcd import EtcdCluster, Unanswered
from holdfast import Disconnected, ReplyError, check, equal, run_cases, wait_until

OFTEN = ["--checkpoint-interval", "500ms"]


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def refuses_to_serve(node, *words):
    """The node ends, or says at /readyz that it will not serve; either way it tells why."""
    def told():
        if not node.running:
            return node.log()[-3000:]
        status, body = node.http("/readyz")
        return body if status == 503 and all(w in body for w in words) else ""
    why = wait_until(told, 30, f"{node.name} refuses")
    check(all(w in why for w in words), f"{node.name} does not name {words}: {why}")
    print(f"   {why.strip().splitlines()[-1][:200]}")


def connected(client):
    told = text(client("INFO", "replication"))
    return told if told.count("state=connected") == 2 else ""


def facts(reply):
    return {text(k): text(v) for k, v in zip(reply[::2], reply[1::2])}


def list_and_info():
    """NODE LIST is the same everywhere and names all; NODE REMOVE takes one out for good."""
    with Cluster().start() as cluster:
        def names(node):
            with node.client() as client:
                return [facts(entry)["id"] for entry in client("NODE", "LIST")]
        for node in cluster.nodes:
            wait_until(lambda n=node: names(n) == ["node1", "node2", "node3"], 10, "all are listed")
        with cluster.nodes[0].client() as client:
            info = facts(client("NODE", "INFO", "node2"))
            equal((info["id"], info["resp"], info["state"]), ("node2", cluster.nodes[1].address, "member"))
            client.error("NODE", "INFO", "nobody")
            client.error("NODE", "REMOVE", "nobody")
            told = wait_until(lambda: connected(client), 10, "both peers are connected")
            check("etcd_appends_sent" in told, told)
        status, ready = cluster.nodes[0].http("/readyz")
        version = cluster.etcd.members[0].status()["version"]
        check(status == 200 and (version >= "3.5.30" or f"etcd {version}" in ready), f"/readyz warns of an old etcd: {ready}")
        check('holdfast_mesh_connected{peer="node2"} 1' in cluster.nodes[0].http("/metrics")[1], "metrics tell of the peers")
        cluster.nodes[2].stop()
        cluster.insist("NODE", "REMOVE", "node3")
        for node in cluster.nodes[:2]:
            wait_until(lambda n=node: names(n) == ["node1", "node2"], 10, "node3 is gone")


def two_with_one_id():
    """A copied data folder: the second process refuses, and the first goes on."""
    with Cluster().start() as cluster:
        first = cluster.nodes[0]
        cluster.insist("SET", "k", "v")
        first.stop()
        copy = Node(cluster, 1, cluster.network.host())
        copy.data, copy.log_path = cluster.folder / "copy", cluster.folder / "copy.log"
        shutil.copytree(first.data, copy.data)
        first.start()
        try:
            copy.launch()
            wait_until(lambda: not copy.running, 30, "the copy ends")
            check(copy.process.returncode != 0 and "node1" in copy.log(), f"the copy ended:\n{copy.log()[-1000:]}")
        finally:
            copy.kill()
        with first.client() as client:
            equal(client("GET", "k"), b"v", "at the first")


def another_cluster_of_etcd():
    """The same addresses, but etcd has been made anew: nodes with data refuse, naming it."""
    with Cluster(flags=OFTEN).start() as cluster:
        write_some(cluster)
        cluster.stop()
        for member in cluster.etcd.members:
            shutil.rmtree(member.data)
        cluster.etcd.start()
        for node in cluster.nodes:
            node.launch()
        for node in cluster.nodes:
            refuses_to_serve(node, "etcd")


def etcd_restored_from_a_backup():
    """Etcd goes back to an earlier day: what the nodes know is ahead of it, so they refuse rather than go back."""
    with Cluster(flags=OFTEN).start() as cluster:
        write_some(cluster)
        for member in cluster.etcd.members:
            member.kill()
            shutil.copytree(member.data, member.data.with_suffix(".backup"))
        cluster.etcd.start()
        cluster.ready()
        write_some(cluster)
        for member in cluster.etcd.members:
            member.kill()
        for member in cluster.etcd.members:
            shutil.rmtree(member.data)
            member.data.with_suffix(".backup").rename(member.data)
        cluster.etcd.start()
        for node in cluster.nodes:
            refuses_to_serve(node, "etcd")


def write_some(cluster):
    """Enough that every node has a checkpoint behind the start, which names what it followed."""
    for i in range(200):
        cluster.insist("SET", f"k{i}", "v" * 100)
    time.sleep(1.5)


def no_space():
    """Etcd reaches its quota before it has forgotten what was trimmed (a checkpoint is due every 16 MiB of log): writes
    are refused or unknown, reads go on, trimming makes room, and writes go on."""
    with Cluster(flags=["--checkpoint-interval", "15s", "--request-timeout", "2s"]) as cluster:
        cluster.etcd.flags += ["--quota-backend-bytes", str(24 << 20)]
        cluster.start()
        cluster.insist("SET", "small", "x")
        refused = 0
        end = time.monotonic() + 60
        with cluster.nodes[0].client() as client:
            while refused < 3:
                check(time.monotonic() < end, "nothing was refused in 60 s of large values")
                try:
                    client("SET", "big", "x" * 200_000)
                except ReplyError as error:
                    check(error.code in ("UNAVAILABLE", "UNKNOWN"), f"a full etcd: {error}")
                    refused += 1
                    with cluster.nodes[1].client() as reader:
                        equal(reader("GET", "small"), b"x", "reads go on")
        cluster.insist("SET", "after", "room", seconds=60)
        for node in cluster.nodes:
            with node.client() as client:
                equal(client("GET", "after"), b"room", f"at {node.name}")
        alarms = [m.ask("maintenance/alarm", {"action": "GET"}).get("alarms", []) for m in cluster.etcd.members]
        equal(alarms, [[], [], []], "alarms afterwards")


def no_space_by_others():
    """Another user of the same etcd fills it to its quota: refused meanwhile, and on by itself when he has cleaned up."""
    with Cluster(flags=["--request-timeout", "2s"]) as cluster:
        cluster.etcd.flags += ["--quota-backend-bytes", str(16 << 20)]
        cluster.start()
        cluster.insist("SET", "small", "x")
        other = {"key": base64.b64encode(b"other").decode(), "value": base64.b64encode(b"x" * 1_000_000).decode()}
        try:
            for _ in range(40):
                cluster.etcd.leader().ask("kv/put", other, timeout=10)
            raise AssertionError("etcd took 40 MB at a quota of 16 MiB")
        except Unanswered:
            pass
        with cluster.nodes[0].client() as client:
            wait_until(lambda: refused(client), 20, "a write is refused")
            equal(client("GET", "small"), b"x", "reads go on")
        leader = cluster.etcd.leader()
        revision = leader.ask("kv/deleterange", {"key": other["key"]}, timeout=10)["header"]["revision"]
        leader.ask("kv/compaction", {"revision": revision, "physical": True}, timeout=10)
        for member in cluster.etcd.members:
            member.ask("maintenance/defragment", timeout=30)
        cluster.insist("SET", "after", "room", seconds=60)


def refused(client):
    try:
        client("SET", "big", "x" * 1000)
    except ReplyError as error:
        check(error.code in ("UNAVAILABLE", "UNKNOWN"), f"a full etcd: {error}")
        return True
    return False


def compacted_under_a_node():
    """Etcd is compacted by someone else while a node sleeps: it fetches what it missed, and lacks nothing."""
    with Cluster().start() as cluster:
        sleeper = cluster.nodes[2]
        for _ in range(3):
            sleeper.pause()
            with cluster.nodes[0].client() as client:
                for i in range(200):
                    client("INCR", f"n{i % 10}")
            revision = cluster.etcd.leader().ask("kv/range", {"key": base64.b64encode(b"x").decode()})["header"]["revision"]
            cluster.etcd.leader().ask("kv/compaction", {"revision": revision, "physical": True}, timeout=10)
            sleeper.resume()
            sleeper.wait_ready()
        with sleeper.client() as client:
            equal([int(client("GET", f"n{i}")) for i in range(10)], [60] * 10, "what the sleeper has")


def only_the_strong_log_hastens_checkpoints():
    """What etcd keeps of the strong log calls for checkpoints; what nodes keep of their own logs does not."""
    with Cluster(nodes=2) as cluster:
        cluster.start()
        cluster.create_keyspace("e", "GUARANTEE", "eventual", "DURABILITY", "everysec")

        def checkpoints(node):
            with node.client() as client:
                lines = client("INFO", "persistence").decode().splitlines()
            return int(next(line for line in lines if line.startswith("checkpoints_completed:")).split(":")[1])
        writer = cluster.nodes[0]
        before = checkpoints(writer)
        with writer.client(timeout=60) as client:
            for i in range(600):  # 60 MB
                client("SET", f"e:{i % 10}", "x" * 100_000)
        equal(checkpoints(writer), before, "checkpoints for an eventual keyspace's writes")
        with writer.client(timeout=60) as client:
            for i in range(300):
                client("SET", f"s{i % 10}", "x" * 100_000)
        wait_until(lambda: checkpoints(writer) > before, 30, "one for a strong one's")


def one_member_only():
    """A cluster whose etcd has one member and one node works, too."""
    with Cluster(nodes=1) as cluster:
        cluster.etcd.close()
        cluster.etcd = EtcdCluster(cluster.folder / "one", cluster.network, members=1)
        cluster.start()
        cluster.insist("INCR", "n")
        cluster.nodes[0].restart()
        with cluster.client() as client:
            equal(client("INCR", "n"), 2)


def a_clock_that_was_ahead():
    """A node writes an hour ahead, and its clock is set right: the log's time does not go back, and goes on at half the
    pace, so keys expire, a workflow's wait ends and a transaction that watches sees what others see."""
    with Cluster(nodes=2) as cluster:
        right, ahead = cluster.nodes
        ahead.clock = "3600 1"
        cluster.start()
        with ahead.client() as client:
            client("SET", "k", "an hour ahead", "EX", "7200")
        ahead.clock = None
        ahead.restart()
        cluster.insist("SET", "short", "x", "PX", "1500")
        cluster.insist("WORKFLOW", "DEFINE", json.dumps({"name": "rest", "steps": [{"name": "rest", "wait": {"for": "1s"}}]}))
        cluster.insist("WORKFLOW", "START", "r1", "rest", "{}")
        with right.client() as client:
            check(3600_000 < client("PTTL", "k") < 7200_000, "an hour of it has gone")
            wait_until(lambda: client("GET", "short") is None, 30, "what expires does")
            wait_until(lambda: facts(client("WORKFLOW", "STATUS", "r1"))["state"] == "done", 30, "the wait ends")
            client("WATCH", "short")
            client("MULTI")
            client("SET", "short", "new")
            equal(client("EXEC"), ["OK"], "nothing has changed under it")


def services_everywhere():
    """A service declared at one node signs in at each, a wiped one that got a peer's checkpoint among them."""
    def signed_in(node, name, token):
        client = node.client()
        equal(client("AUTH", name, token), "OK", f"{name} at {node.name}")
        return client

    def asks_who_it_is(node):
        with node.client() as nobody:
            reply, = nobody.pipeline([("PING",)])
        return reply != "PONG" and reply.code == "NOAUTH"

    def mine_alone(node):
        with node.client() as nobody:
            equal(nobody.error("GET", "money:a"), "NOAUTH", f"at {node.name}")
        with signed_in(node, "shop", shop) as foreign:
            equal(foreign.error("GET", "money:a"), "NOPERM", f"at {node.name}")
            equal(foreign.error("INCR", "likes:a"), "NOPERM", f"at {node.name}")
        with signed_in(node, "bank", bank) as owner:
            equal(owner("INCRBY", "money:a", 0), 7, f"at {node.name}")
            owner("INCR", "likes:a")

    with Cluster(flags=OFTEN).start() as cluster:
        first, second, third = cluster.nodes
        with first.client() as client:
            root = text(client("SERVICE", "CREATE", "root", "ADMIN"))
        wait_until(lambda: all(asks_who_it_is(n) for n in cluster.nodes), 10, "all have heard")
        with signed_in(second, "root", root) as client:
            bank, shop = (text(client("SERVICE", "CREATE", name)) for name in ("bank", "shop"))
            equal(client("KEYSPACE", "CREATE", "money", "GUARANTEE", "strong", "OWNER", "bank"), "OK")
            equal(client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual", "OWNER", "bank"), "OK")
        with signed_in(third, "bank", bank) as client:
            equal(client("SET", "money:a", "7"), "OK")
        for node in cluster.nodes:
            mine_alone(node)
        third.kill()
        third.wipe()
        with signed_in(first, "bank", bank) as client:  # the log goes on, and is trimmed
            for i in range(200):
                client("SET", f"money:{i}", "x" * 1000)
        time.sleep(2)
        third.launch()
        cluster.ready()
        mine_alone(third)
        with signed_in(third, "root", root) as client:
            equal(client("KEYSPACE", "ALTER", "money", "OWNER", "shop"), "OK")
        with signed_in(first, "bank", bank) as client:
            wait_until(lambda: isinstance(client.pipeline([["GET", "money:a"]])[0], ReplyError), 10, "the owner changed")


COUNT = """#!lua name=count keyspace={}
redis.register_function('add', function(keys, args)
  redis.call('SADD', keys[2], args[1])
  return redis.call('INCRBY', keys[1], args[2])
end)"""


class Caller(threading.Thread):
    """Calls functions at whichever node answers, each under an id, every third one once more at another node; keeps what
    its own account must hold, and how much it added to what all count together."""

    def __init__(self, cluster, number):
        super().__init__()
        self.cluster, self.number, self.chance = cluster, number, random.Random(number)
        self.balance, self.added, self.refused, self.calls, self.failure = 0, 0, 0, 0, None
        self.done = threading.Event()

    def run(self):
        try:
            account = f"accounts:{self.number}"
            self.call("open", "accounts.open", 1, account)
            for i in itertools.takewhile(lambda i: i < 300 or not self.done.is_set(), itertools.count()):
                amount = self.chance.randrange(1, 100)
                way = self.chance.choice(["debit", "debit", "credit"])
                reply = self.call(f"{way}-{i}", f"accounts.{way}", 1, account, amount)
                self.balance += {"debit": -amount, "credit": amount}[way] if isinstance(reply, int) else 0
                self.refused += not isinstance(reply, int)
                wanted = self.balance if isinstance(reply, int) else f"TOOLITTLE {account} has {self.balance}, and not {amount}"
                equal(reply, wanted, f"{way} {amount}")
                self.call(f"add-{i}", "seen.add", 2, "seen:n", "seen:who", self.number, amount)
                self.added += amount
        except Exception as failure:  # told by whoever joins
            self.failure = failure

    def call(self, name, *call):
        command = ("ONCE", f"{self.number}-{name}", "FCALL", *call)
        self.calls += 1
        first = self.insist(command)
        if self.calls % 3 == 0:
            again = self.insist(command)
            if call[0].startswith("accounts"):
                equal(again, first, f"{command} once more")
        return first

    def insist(self, command):
        """Its reply, a function's refusal as text. Nothing is added at the node that will lose its disk: what it alone
        has of an eventual keyspace is lost with it."""
        safe = [n for n in self.cluster.nodes if command[3] != "seen.add" or n is not self.cluster.nodes[1]]
        end = time.monotonic() + 60
        while True:
            try:
                with self.chance.choice([n for n in safe if n.working] or safe).client(timeout=8) as client:
                    return client(*command)
            except (Disconnected, ReplyError) as error:
                if isinstance(error, ReplyError) and error.code not in ("UNAVAILABLE", "UNKNOWN", "BUSY"):
                    return str(error)
                check(time.monotonic() < end, f"{command}: {error}, for 60 s")
                time.sleep(0.05)


def functions_everywhere():
    """A library loaded at one node is callable at all, a wiped one among them; after thousands of calls with ids, during
    which a node is killed and comes back, and one loses its data, all have become the same and each id counted once."""
    bank = (holdfast.ROOT / "examples" / "bank" / "accounts.lua").read_text()
    with Cluster(flags=OFTEN).start() as cluster:
        first, second, third = cluster.nodes
        for name, guarantee in (("accounts", "strong"), ("seen", "eventual")):
            cluster.create_keyspace(name, "GUARANTEE", guarantee)
        with second.client() as client:
            equal(client("FUNCTION", "LOAD", bank), b"bank")
            equal(client("FUNCTION", "LOAD", COUNT.format("seen")), b"count")
            listed = client("FUNCTION", "LIST", "WITHCODE")
        for node in cluster.nodes:
            callable_at(node, listed)
        callers = [Caller(cluster, n) for n in range(6)]
        for caller in callers:
            caller.start()
        for victim, wiped in ((third, False), (second, True), (first, False)):
            time.sleep(2)
            victim.kill()
            if wiped:
                victim.wipe()
            time.sleep(1)
            victim.start()
            callable_at(victim, listed)
        for caller in callers:
            caller.done.set()
        for caller in callers:
            caller.join()
            check(caller.failure is None, f"caller {caller.number}: {caller.failure}")
        digests = wait_until(lambda: equal_digests(cluster), 30, "all nodes are equal")
        for node in cluster.nodes:
            with node.client() as client:
                equal([client("FCALL_RO", "accounts.balance", 1, f"accounts:{c.number}") for c in callers],
                      [c.balance for c in callers], node.name)
                equal(int(client("GET", "seen:n")), sum(c.added for c in callers), f"each id once, at {node.name}")
                equal(sorted(client("SMEMBERS", "seen:who")), [b"%d" % c.number for c in callers], node.name)
        refused, calls = sum(c.refused for c in callers), sum(c.calls for c in callers)
        check(refused > 100, f"only {refused} calls were refused")
        print(f"   {calls} calls, {refused} of them refused; digests {digests}")


def callable_at(node, listed):
    def known():
        with node.client() as client:
            return client("FUNCTION", "LIST", "WITHCODE") == listed
    wait_until(known, 30, f"{node.name} knows the libraries")
    with node.client() as client:
        client("FCALL", "seen.add", 2, "seen:tries", "seen:tried", node.name, 1)
        equal(client.error("FCALL", "accounts.balance", 1, "accounts:nobody"), "NOACCOUNT", f"at {node.name}")


def equal_digests(cluster):
    """What all nodes say of both keyspaces, once they say the same; a strong one is read at the end of the log."""
    told = set()
    for node in cluster.nodes:
        with node.client() as client:
            told.add(tuple(text(client("KEYSPACE", "DIGEST", name)) for name in ("accounts", "seen")))
    return told.pop() if len(told) == 1 else None


if __name__ == "__main__":
    check(holdfast.BINARY.exists(), "run ./dev build")
    run_cases({f.__name__: f for f in (
        services_everywhere, functions_everywhere, list_and_info, two_with_one_id, another_cluster_of_etcd, etcd_restored_from_a_backup, no_space, no_space_by_others,
        compacted_under_a_node, a_clock_that_was_ahead,
        only_the_strong_log_hastens_checkpoints, one_member_only)})
