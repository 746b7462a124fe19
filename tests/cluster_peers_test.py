#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes without an engine: they find one another (--peers), their catalog is eventual data as well, and they keep what
cluster_eventual_test.py asks of nodes over etcd.

Run all, or those named: cluster_peers_test.py [CASE …]
"""
import shutil
import subprocess
import time

import cluster_eventual_test as eventual
import cluster_network
import holdfast
from certificates import Authority, mesh_flags
from cluster import Cluster
from cluster_eventual_test import MEET_S, NODE_FLAGS, meet, started, values
from holdfast import ReplyError, Server, check, equal, run_cases, wait_until

eventual.ETCD = 0


def peers(count=3, **options):
    return Cluster(count, flags=[*NODE_FLAGS, *options.pop("flags", [])], etcd=0, **options)


def refusal(client, *command):
    try:
        raise AssertionError(f"{command} answered {client(*command)}")
    except ReplyError as error:
        return error


def setting(node, name, keyspace="likes"):
    with node.client() as client:
        info = client("KEYSPACE", "INFO", keyspace)
    return dict(zip(info[::2], info[1::2]))[name]


def knows(node):
    with node.client() as client:
        return b"likes" in client("KEYSPACE", "LIST")


def members(node):
    with node.client() as client:
        return {dict(zip(m[::2], m[1::2]))[b"id"].decode() for m in client("NODE", "LIST")}


def declares_and_refuses():
    """Keyspaces declared at one node are there at all, with their settings; strong ones are refused, with the reason."""
    with peers() as cluster:
        started(cluster)
        first, second, third = cluster.nodes
        with first.client() as a, second.client() as b:
            for command in (("SET", "x", "1"), ("GET", "x"), ("KEYSPACE", "CREATE", "m", "GUARANTEE", "strong")):
                error = refusal(a, *command)
                equal(error.code, "UNSUPPORTED", str(error))
                check("engine" in str(error), f"it says what is missing: {error}")
            equal(refusal(a, "KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual").code, "ERR", "twice")
            a("ONCE", "alter", "KEYSPACE", "ALTER", "likes", "RETAIN-IDS", "2h", "DURABILITY", "everysec")
            equal(b("AFTER", a("TOKEN"), "KEYSPACE", "LIST"), [b"default", b"likes"], "AFTER includes the catalog")
            # A retry elsewhere of what was declared: the same answer, not that it exists.
            for client in (a, a, b):
                equal(client("AFTER", a("TOKEN"), "ONCE", "new", "KEYSPACE", "CREATE", "views", "GUARANTEE", "eventual"), "OK")
            b("AFTER", a("TOKEN"), "INCR", "views:1")
        for node in cluster.nodes:
            wait_until(lambda n=node: setting(n, b"retain-ids") == b"2h", MEET_S, "the setting everywhere")
            equal(setting(node, b"durability"), b"everysec", "the other")
            equal(members(node), {n.name for n in cluster.nodes}, "who the members are")
        for node in cluster.nodes:  # all at once, unclean: and all is there again
            node.kill()
        for node in cluster.nodes:
            node.launch()
        cluster.ready()
        meet(cluster, ["views:1"], [b"1"])
        equal(setting(third, b"retain-ids"), b"2h", "after a start")


def declared_twice():
    """Declared at two nodes that cannot tell each other: one declaration counts at all, nothing written is lost."""
    if reason := cluster_network.why_not():
        holdfast.skip(reason)
    with peers(namespaces=True) as cluster:
        cluster.start()
        first, second, _ = cluster.nodes
        cluster.network.cut([first.place], [h for h in cluster.node_hosts if h is not first.place])
        for node, retain in ((first, "1h"), (second, "2h")):
            with node.client() as client:
                client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual", "RETAIN-IDS", retain)
                client("INCRBY", "likes:both", "1")
                client("ONCE", "same", "INCRBY", "likes:once", "1")
            time.sleep(0.01)
        cluster.network.heal()
        for node in cluster.nodes:
            wait_until(lambda n=node: knows(n) and setting(n, b"retain-ids") == b"2h", MEET_S, "the later counts")
        meet(cluster, ["likes:both", "likes:once"], [b"2", b"1"])
        check("was declared twice" in first.log(), "the node whose declaration does not count warns")
        # Dropped at one node while another that has not heard of it goes on writing.
        cluster.network.cut([first.place], [h for h in cluster.node_hosts if h is not first.place])
        with first.client() as client:
            client("INCRBY", "likes:late", "7")
        with second.client() as client:
            client("KEYSPACE", "DROP", "likes")
            equal(client("KEYSPACE", "LIST"), [b"default"], "dropped")
        cluster.network.heal()
        wait_until(lambda: not any(knows(n) for n in cluster.nodes), MEET_S, "dropped everywhere")
        with second.client() as client:
            client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        for node in cluster.nodes:
            wait_until(lambda n=node: knows(n), MEET_S, "declared again")
        meet(cluster, ["likes:both", "likes:late"], [None, b"7"])


def waits_to_hear_from_all():
    """A node without data waits for all whom it was told of: one of them may have some. --bootstrap ends that."""
    with peers() as cluster:
        first, second, third = cluster.nodes
        first.launch()
        second.launch()
        for node in (first, second):
            wait_until(lambda n=node: third.mesh in n.http("/readyz")[1], 20, "it says whom it waits for")
            equal(node.http("/readyz")[0], 503, "meanwhile")
            with node.client() as client:
                equal(refusal(client, "KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual").code, "UNAVAILABLE")
                equal(client("PING"), "PONG")
        first.kill()
        first.flags.append("--bootstrap")
        first.launch()
        for node in (first, second):
            node.wait_ready()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        with first.client() as client:
            client("SET", "likes:a", "early")
        third.launch()
        third.wait_ready()
        meet(cluster, ["likes:a"], [b"early"])


def new_and_removed_nodes():
    """A node that knows one of the others joins, is known to all and stays so; one that is taken out ends."""
    with peers() as cluster:
        started(cluster)
        with cluster.nodes[0].client() as client:
            for i in range(200):
                client("INCR", f"likes:{i % 5}")
        new = cluster.add_node()
        nobody = f"127.0.0.1:{holdfast.free_port()}"  # listed by mistake: what it loads says who is there
        cluster.peers[new] = [cluster.nodes[0].mesh, nobody]
        new.launch()
        new.wait_ready()
        keys = [f"likes:{i}" for i in range(5)]
        meet(cluster, keys, [b"40"] * 5)
        for node in cluster.nodes:
            wait_until(lambda n=node: members(n) == {m.name for m in cluster.nodes}, MEET_S, "all know all")
        known, second, third, _ = cluster.nodes
        # Their names it has from the data, where they are only from who knows it.
        wait_until(lambda: None not in new.behind("likes").values(), MEET_S, "the new one is connected to all")
        known.kill()  # the only one it was told of
        with new.client() as client:
            client("INCR", keys[0])
        wait_until(lambda: values(second, keys[:1]) == [b"41"], MEET_S, "the others hear the new one")
        new.restart()
        with second.client() as client:
            client("INCR", keys[0])
        wait_until(lambda: values(new, keys[:1]) == [b"42"], MEET_S, "and it them, after a start, too")
        known.launch()
        known.wait_ready()
        with second.client() as client:
            client("NODE", "REMOVE", third.name)
        third.wanted = False
        wait_until(lambda: not third.running, 20, "the one that was taken out ends")
        check("taken this node out" in third.log(), "and says why")
        left = {known.name, second.name, new.name}
        for node in (known, second, new):
            wait_until(lambda n=node: members(n) == left, MEET_S, "nobody counts it any more")
        with second.client() as client:
            client("INCR", keys[0])
        for node in (known, new):
            wait_until(lambda n=node: values(n, keys[:1]) == [b"43"], MEET_S, "they go on")
        third.wipe()  # under its name comes another
        third.launch()
        third.wait_ready()
        wait_until(lambda: values(third, keys[:1]) == [b"43"], MEET_S, "what was taken out comes anew")


def second_with_one_id():
    """A process under a running node's id, on a copy of its data or on none, is refused; the first is not disturbed."""
    with peers() as cluster:
        started(cluster)
        first, _, third = cluster.nodes
        with first.client() as client:
            client("INCR", "likes:n")
        meet(cluster, ["likes:n"], [b"1"])
        third.kill()
        copy = cluster.folder / "copy"
        shutil.copytree(third.data, copy)
        third.launch()
        third.wait_ready()
        for data in (copy, cluster.folder / "empty"):
            other = cluster.add_node()
            other.data, other.name = data, third.name
            other.launch()
            wait_until(lambda o=other: not o.running, 30, "the second ends")
            check(other.process.returncode == 1 and f"has the id '{third.name}'" in other.log(), other.log()[-500:])
            cluster.nodes.remove(other)
        cluster.check_alive()
        for node in cluster.nodes:
            with node.client() as client:
                client("INCR", "likes:n")
        meet(cluster, ["likes:n"], [b"4"])
        third.kill()  # its id is free now; but the copy is older than what it has written since
        other = cluster.add_node()
        other.data, other.name = copy, third.name
        cluster.nodes.remove(third)
        other.launch()
        wait_until(lambda: not other.running, 30, "what is older ends")
        check("are older than what others have" in other.log(), other.log()[-500:])
        other.wipe()
        other.launch()
        other.wait_ready()
        meet(cluster, ["likes:n"], [b"4"])


def over_tls():
    """Nodes that show each other certificates: replication and checkpoints, and nothing for who has none."""
    with peers() as cluster:
        authority = Authority(cluster.folder, "the cluster")
        for node in cluster.nodes:
            node.flags += mesh_flags(authority.issue(node.name))
        started(cluster)
        with cluster.nodes[0].client() as client:
            for i in range(500):
                client("SET", f"likes:{i}", "x" * 1000)
        keys = [f"likes:{i}" for i in range(500)]
        meet(cluster, keys, [b"x" * 1000] * 500)
        wiped = cluster.nodes[2]
        wiped.kill()
        wiped.wipe()
        stranger = cluster.add_node()
        stranger.launch()  # without a certificate
        wiped.launch()
        wiped.wait_ready()
        equal(values(wiped, keys), [b"x" * 1000] * 500, "what was wiped is there again")
        wait_until(lambda: "refusing a connection that is no node's: TLS" in cluster.nodes[0].log(), MEET_S, "the stranger is refused")
        equal(stranger.http("/readyz")[0], 503, "and gets nothing")
        with stranger.client() as client:
            equal(refusal(client, "GET", keys[0]).code, "UNAVAILABLE", "nor serves anything")
        stranger.kill()
        refused = subprocess.run([*stranger.command(), "--mesh-ca", authority.ca], capture_output=True, text=True, timeout=30, check=False)
        check(refused.returncode == 1 and "--mesh-key" in refused.stderr, refused.stderr[-300:])


def other_data_are_refused():
    """Data of a node on its own are none of a cluster without an engine, and the other way round."""
    with Server() as alone:
        with alone.client() as client:
            client("SET", "x", "1")
            client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
            client("INCR", "likes:1")
        for end in (alone.kill, alone.stop):  # with a checkpoint and without one
            end()
            refused = subprocess.run([*alone.command(), "--peers", "127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False)
            check(refused.returncode == 1 and "without --peers" in refused.stderr, f"{refused.returncode}: {refused.stderr[-300:]}")
            alone.start()
        alone.kill()
        shutil.rmtree(alone.data)
        with peers(1, flags=["--bootstrap"]) as cluster:
            node = cluster.nodes[0]
            cluster.peers[node] = ["127.0.0.1:1"]
            cluster.start()
            cluster.create_keyspace("likes", "GUARANTEE", "eventual")
            for end in (node.kill, node.stop):
                end()
                refused = subprocess.run([*Server.command(node), "--node", node.name], capture_output=True, text=True, timeout=30, check=False)
                check(refused.returncode == 1 and "with --peers" in refused.stderr, f"{refused.returncode}: {refused.stderr[-300:]}")
                node.launch()
                node.wait_ready()
        both = subprocess.run([*Server.command(alone), "--peers", "127.0.0.1:1", "--engine", "etcd://127.0.0.1:2"], capture_output=True,
                              text=True, timeout=30, check=False)
        check(both.returncode == 1 and "without an engine" in both.stderr, both.stderr[-300:])


CASES = {f.__name__: f for f in (declares_and_refuses, declared_twice, waits_to_hear_from_all, new_and_removed_nodes,
                                 second_with_one_id, over_tls, other_data_are_refused)} | eventual.CASES

if __name__ == "__main__":
    run_cases(CASES)
