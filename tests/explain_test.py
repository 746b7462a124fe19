#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""EXPLAIN over whole processes: why a key has its value, what each node says, and who may ask.

    explain_test.py [CASE …]
"""
import json
import signal
import time
import urllib.parse

from cluster import Cluster
from cluster_eventual_test import MEET_S, NODE_FLAGS, meet
from holdfast import ReplyError, Server, check, equal, run_cases, wait_until
from services_test import shop


def as_told(reply):
    """A RESP3 reply's maps, texts and lists as JSON would have them."""
    if isinstance(reply, dict):
        return {as_told(k): as_told(v) for k, v in reply.items()}
    if isinstance(reply, (list, tuple)):
        return [as_told(r) for r in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


def explain(node, key, *words):
    with node.client(protocol=3) as client:
        return as_told(client("EXPLAIN", key, *words))


def by_name(told, field, name):
    return {one[name]: one for one in told[field]}


def origins(told):
    return by_name(told, "origins", "origin")


def replicas(told):
    return by_name(told, "replicas", "node")


def peers(count):
    return Cluster(count, flags=NODE_FLAGS, etcd=0)


def all_answer(node):
    return all(r["answered"] for r in explain(node, "likes:none")["replicas"])


def refusal(client, *command):
    try:
        raise AssertionError(f"{command} answered {client(*command)}")
    except ReplyError as error:
        return str(error)


def write(node, *command):
    with node.client() as client:
        return client(*command)


def two_nodes():
    """Who wrote what is told while it may still matter; what all have is folded, and both say the same."""
    with peers(2) as cluster:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        first, second = cluster.nodes
        second.kill()
        write(first, "ONCE", "anna:1", "INCRBY", "likes:1", "5")
        write(first, "INCRBY", "likes:1", "2")
        told = explain(first, "likes:1", "ID", "anna:1")
        equal(told["value"], "7")
        equal(told["type"], "string")
        effects = origins(told)["node1"]["effects"]
        equal([(e["what"], e["id"], e["counts"]) for e in effects], [("add 2", None, True), ("add 5", "anna:1", True)])
        equal(origins(told)["node1"]["sum"], 7)
        check(explain(first, "likes:1")["ids"][0]["id"].startswith("hash:"), "an id that was not named is its hash")
        equal(replicas(told)["node2"]["answered"], False, "who is away")
        check(replicas(told)["node2"]["why"], "why is told")

        second.launch()
        second.wait_ready()
        meet(cluster, ["likes:1"], [b"7"])
        wait_until(lambda: all_answer(first) and all_answer(second), MEET_S, "all are connected")
        for node in (first, second):  # each hears by itself that the other has it
            wait_until(lambda n=node: not origins(explain(n, "likes:1"))["node1"]["effects"], MEET_S, "folded")
        told = explain(second, "likes:1")
        equal(told["stable"]["sum"], 7)
        equal(told["ids"], [])
        equal({n: (r["answered"], r["value"]) for n, r in replicas(told).items()},
              {"node1": (True, "7"), "node2": (True, "7")})
        equal(len({r["digest"] for r in replicas(told).values()}), 1, "digests")

        # Types other than counters, over HTTP as well.
        write(first, "HSET", "likes:h", "name", "anna", "n", "1")
        write(first, "SADD", "likes:s", "x", "y")
        write(first, "ZADD", "likes:z", "2", "y", "1.5", "x")
        write(first, "EXPIRE", "likes:s", "1000")
        meet(cluster, ["likes:1"], [b"7"])
        for key, value, size in (("likes:h", "n: 1, name: anna", 2), ("likes:s", "x, y", 2), ("likes:z", "x: 1.5, y: 2", 2)):
            def says(key=key, value=value, size=size):
                status, body = second.http("/v1/explain/" + urllib.parse.quote(key, safe=""))
                equal(status, 200, body)
                told = json.loads(body)
                return all(r["answered"] and r["value"] == value and r["size"] == size for r in told["replicas"])
            wait_until(says, MEET_S, f"both say {value}")
        check(explain(second, "likes:s")["expires-at-ms"], "when it goes")
        equal(explain(second, "likes:none")["type"], "none")


def a_retry_at_two_nodes_counts_once():
    """One id tried at two nodes that had not heard of each other: one try counts, the other is told as suppressed."""
    with peers(3) as cluster:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        first, second, third = cluster.nodes
        third.kill()  # so nothing that follows is what every node has
        second.kill()
        write(first, "ONCE", "anna:42", "INCRBY", "likes:42", "1")
        first.kill()
        second.launch()
        second.wait_ready()
        write(second, "ONCE", "anna:42", "INCRBY", "likes:42", "1")
        write(second, "INCRBY", "likes:42", "10")
        first.launch()
        first.wait_ready()
        for node in (first, second):
            wait_until(lambda n=node: explain(n, "likes:42")["value"] == "11", MEET_S, "merged")
        for node, other in ((first, "node2"), (second, "node1")):
            wait_until(lambda n=node, o=other: replicas(explain(n, "likes:42"))[o]["answered"], MEET_S, "connected")
            told = explain(node, "likes:42", "ID", "anna:42")
            equal(told["ids"], [{"id": "anna:42", "merged-from": ["node1", "node2"] if node is first else ["node2", "node1"],
                                 "counted-from": "node1", "suppressed": 1, "answered-differently": False}])
            equal({name: o["sum"] for name, o in origins(told).items() if o["effects"]}, {"node1": 1, "node2": 10})
            said = replicas(told)
            equal({n: said[n]["value"] for n in ("node1", "node2")}, {"node1": "11", "node2": "11"})
            equal(said["node3"]["answered"], False)
            check(said["node3"]["why"] != "it is not known where it is", "the trouble with its address is told")
        third.launch()
        third.wait_ready()
        meet(cluster, ["likes:42"], [b"11"])
        wait_until(lambda: explain(third, "likes:42")["ids"] == [], MEET_S, "once every node has it, no longer told apart")


def one_that_is_silent_is_waited_for_a_second():
    """A node that hangs is told as such after a second; nobody waits for it longer, and it harms no order of replies."""
    with peers(3) as cluster:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        first, _, third = cluster.nodes
        write(first, "SET", "likes:a", "x")
        meet(cluster, ["likes:a"], [b"x"])
        wait_until(lambda: all_answer(first), MEET_S, "all are connected")
        third.process.send_signal(signal.SIGSTOP)
        try:
            with first.client(protocol=3) as client:
                began = time.monotonic()
                told, ping, value = client.pipeline([("EXPLAIN", "likes:a"), ("PING",), ("GET", "likes:a")])
                took = time.monotonic() - began
            said = replicas(as_told(told))
            equal((ping, value), ("PONG", b"x"), "what follows on the connection")
            equal(said["node2"]["answered"], True)
            equal(said["node3"]["answered"], False)
            equal(said["node3"]["why"], "no answer in a second")
            check(0.9 < took < 2.5, f"it took {took:.2f} s")
            wait_until(lambda: "nothing was heard" in replicas(explain(first, "likes:a"))["node3"]["why"], MEET_S,
                       "once the connection is given up it is told at once")
        finally:
            third.process.send_signal(signal.SIGCONT)
        wait_until(lambda: replicas(explain(first, "likes:a"))["node3"]["answered"], MEET_S, "it is back")
        # A node that stops answers those who wait.
        third.process.send_signal(signal.SIGSTOP)
        try:
            with first.client() as client:
                client.send(b"EXPLAIN likes:a\r\n")
                time.sleep(0.2)  # it has come, and has most of its second before it
                first.process.send_signal(signal.SIGTERM)
                reply = client.read()
                check(not isinstance(reply, ReplyError), reply)
        finally:
            third.process.send_signal(signal.SIGCONT)


def strong_keys():
    """A strong key's version, where the log is, and that there is one order."""
    with Server() as server, server.client(protocol=3) as client:
        client("SET", "motd", "Open until six")
        told = as_told(client("EXPLAIN", "motd"))
        equal(told["guarantee"], "strong")
        equal(told["value"], "Open until six")
        equal(told["version"], client("VERSION", "motd"))
        check(told["position"] >= 1, told)
        check("one order" in told["note"], told)
        client("SET", "motd", "Closed")
        check(as_told(client("EXPLAIN", "motd"))["position"] > told["position"], "the log has gone on")
        equal(as_told(client("LOCAL", "EXPLAIN", "motd"))["value"], "Closed")
        replies = client.pipeline([("SET", "motd", "Open"), ("EXPLAIN", "motd")])
        equal(as_told(replies[1])["value"], "Open", "a read sees the writes before it")
        status, body = server.http("/v1/explain/motd")
        equal((status, json.loads(body)["value"]), (200, "Open"))


def is_a_read_and_nothing_else():
    """No part of transactions and functions; an id with it is not recorded; wrong words are refused."""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        client("KEYSPACE", "CREATE", "careful", "GUARANTEE", "eventual", "REQUIRE-ID", "yes")
        for key in ("likes:1", "strong-key"):
            client("MULTI")
            check("cannot be part" in refusal(client, "EXPLAIN", key), "not in MULTI")
            equal(client.error("EXEC"), "EXECABORT")
            client("ONCE", "id-1", "EXPLAIN", key)
            client("ONCE", "id-1", "INCR", key)  # it was not used by that
        script = "return redis.call('EXPLAIN', KEYS[1])"
        check("not allowed from script" in refusal(client, "EVAL", script, "1", "strong-key"), "not in functions")
        client("EXPLAIN", "careful:1")
        told = client("FRESH", "0", "EXPLAIN", "likes:1")
        check(b"origins" in told, "alone everything is fresh")
        for words in (("EXPLAIN",), ("EXPLAIN", "likes:1", "ID"), ("EXPLAIN", "likes:1", "NAMES", "x"),
                      ("EXPLAIN", "likes:1", "ID", "two words"), ("EXPLAIN", "likes:1", "ID", *map(str, range(101)))):
            equal(client.error(*words), "ERR", words)
        equal(client("COMMAND", "GETKEYS", "EXPLAIN", "likes:1", "ID", "x"), [b"likes:1"])


def who_may_read_may_ask():
    """The owner alone is told of its keys, at any port."""
    with shop() as world:
        for keyspace in ("strong", "eventual"):
            key = f"{keyspace}:hidden-key"
            check(b"hidden-value" in world.owner("EXPLAIN", key), "the owner")
            for stranger in (world.other, world.root):
                equal(stranger.error("EXPLAIN", key), "NOPERM")
            with world.server.client() as nobody:
                equal(nobody.error("EXPLAIN", key), "NOAUTH")
            status, body = world.server.http("/v1/explain/" + key)
            equal(status, 401, body)
        told = world.owner("EXPLAIN", "eventual:hidden-key", "ID", "known-id")
        check(b"replicas" in told, told)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        two_nodes, a_retry_at_two_nodes_counts_once, one_that_is_silent_is_waited_for_a_second, strong_keys,
        is_a_read_and_nothing_else, who_may_read_may_ask)})
