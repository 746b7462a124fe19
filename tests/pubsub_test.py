#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publish and subscribe over whole processes: on one node, across three, with slow subscribers, and events of keys.

    pubsub_test.py [CASE …]
"""
import threading
import time

from cluster import Cluster
from cluster_eventual_test import NODE_FLAGS
from functions_test import library
from holdfast import Client, Disconnected, Server, check, equal, run_cases, wait_until
from services_test import Shop


class Listener(Client):
    """A connection that has subscribed, and what it hears."""

    def __init__(self, server, *command, names=1, sign_in=()):
        super().__init__(server.port, host=server.host)
        if sign_in:
            self("AUTH", *sign_in)
        if command:
            self.subscribe(*command, names=names)

    def subscribe(self, *command, names=1):
        self(*command)
        for _ in range(names - 1):
            self.read()

    def hear(self, count, seconds=10):
        """The next so many messages, each channel and text."""
        self.socket.settimeout(seconds)
        heard = []
        for _ in range(count):
            message = self.read()
            heard.append(tuple(part.decode() for part in message[-2:]))
        return heard

    def hears_nothing(self, seconds=0.2):
        self.socket.settimeout(seconds)
        try:
            raise AssertionError(f"heard {self.read()}")
        except Disconnected as error:
            check("timed out" in str(error), f"cut off: {error}")


def one_node():
    """A message reaches channels and patterns, once each, in order; also of a transaction and a function."""
    with Server() as server, server.client() as client:
        listener = Listener(server, "SUBSCRIBE", "news", "more", names=2)
        listener.subscribe("PSUBSCRIBE", "n*")
        equal(client("PUBLISH", "news", "1"), 2)
        equal(listener.hear(2), [("news", "1"), ("news", "1")])
        equal(client("PUBLISH", "nothing", "2"), 1)
        equal(client("PUBLISH", "else", "3"), 0)
        listener.hear(1)
        for number in range(1000):
            client.send(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nmore\r\n$%d\r\n%d\r\n" % (len(str(number)), number))
        equal([client.read() for _ in range(1000)], [1] * 1000)
        equal(listener.hear(1000), [("more", str(n)) for n in range(1000)])
        equal(client.pipeline([("MULTI",), ("SET", "k", "v"), ("PUBLISH", "more", "done"), ("EXEC",)])[-1], ["OK", 0])
        equal(listener.hear(1), [("more", "done")])
        client("WATCH", "k")
        with server.client() as other:
            other("SET", "k", "w")
        equal(client.pipeline([("MULTI",), ("SET", "k", "x"), ("PUBLISH", "more", "no"), ("EXEC",)])[-1], None)
        equal(client.error("EVAL", "redis.call('PUBLISH', 'more', 'no') return redis.error_reply('MY no')", "0"), "MY")
        equal(client("EVAL", "redis.call('SET', KEYS[1], 'y') return redis.call('PUBLISH', 'more', 'yes')", "1", "k"), 0)
        equal(listener.hear(1), [("more", "yes")])
        for _ in range(3):
            equal(client("ONCE", "an-id", "PUBLISH", "more", "once"), 0)
        equal(listener.hear(1), [("more", "once")])
        listener.hears_nothing()


def eventual_keyspaces():
    """The same where operations merge: a message waits for the disk with its transaction's reply, a retry tells nothing."""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        client("FUNCTION", "LOAD", library("likes", f="redis.call('INCRBY', keys[1], 1) redis.call('PUBLISH', 'likes:told', args[1]) "
                                                     "if args[1] == 'no' then return redis.error_reply('MY no') end return 1"))
        listener = Listener(server, "SUBSCRIBE", "likes:told")
        for _ in range(2):
            equal(client("ONCE", "a", "FCALL", "likes.f", "1", "likes:k", "yes"), 1)
        equal(client.error("FCALL", "likes.f", "1", "likes:k", "no"), "MY")
        equal(client.pipeline([("MULTI",), ("INCRBY", "likes:k", "1"), ("PUBLISH", "likes:told", "2"), ("EXEC",)])[-1], [2, 0])
        equal(client("ONCE", "b", "PUBLISH", "likes:told", "3"), 0)
        equal(client("ONCE", "b", "PUBLISH", "likes:told", "3"), 0)
        equal(client("PUBLISH", "likes:told", "4"), 1)
        equal(listener.hear(4), [("likes:told", "yes"), ("likes:told", "2"), ("likes:told", "3"), ("likes:told", "4")])
        listener.hears_nothing()


def whose_channels_are():
    """Nobody publishes or listens on channels of a keyspace that is another's, nor hears them by patterns."""
    with Server() as server:
        shop = Shop(server)
        for keyspace in ("strong", "eventual"):
            channel = f"{keyspace}:news"
            equal(shop.other.error("PUBLISH", channel, "x"), "NOPERM")
            equal(shop.other.error("SUBSCRIBE", channel), "NOPERM")
            equal(shop.other.error("SSUBSCRIBE", channel), "NOPERM")
            equal(shop.other.error("SUBSCRIBE", f"__keyspace@0__:{keyspace}:hidden-key"), "NOPERM")
            replies = shop.other.pipeline([("MULTI",), ("SET", "k", "v"), ("PUBLISH", channel, "x"), ("EXEC",)])
            equal(replies[-1].code, "NOPERM")
            equal(shop.other.error("ONCE", f"id-{keyspace}", "PUBLISH", channel, "x"), "NOPERM")
        shop.root("CONFIG", "SET", "notify-keyspace-events", "KEA")
        other = Listener(server, "PSUBSCRIBE", "*", sign_in=("other", shop.tokens["other"]))
        owner = Listener(server, "PSUBSCRIBE", "*", sign_in=("owner", shop.tokens["owner"]))
        for keyspace in ("strong", "eventual"):
            equal(shop.owner("PUBLISH", f"{keyspace}:news", "secret"), 1)
            shop.owner("SET", f"{keyspace}:k", "v")
        shop.other("SET", "plain", "v")
        heard = owner.hear(8)
        check(("strong:news", "secret") in heard and ("__keyevent@0__:set", "eventual:k") in heard, heard)
        equal(other.hear(2), [("__keyspace@0__:plain", "set"), ("__keyevent@0__:set", "plain")])
        equal(shop.other("PUBSUB", "NUMPAT"), 1, "patterns that differ")
        quiet = Listener(server, "SUBSCRIBE", "strong:news", sign_in=("owner", shop.tokens["owner"]))
        equal(shop.other("PUBSUB", "CHANNELS"), [])
        equal(shop.other("PUBSUB", "NUMSUB", "strong:news"), [b"strong:news", 0])
        quiet.close()


def key_events():
    """Events in both kinds of keyspaces; a retry, and a function that fails, tell nothing; expiry without any request."""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        listener = Listener(server, "PSUBSCRIBE", "__keyevent@0__:*")
        client("SET", "k", "off")
        equal(client("CONFIG", "SET", "notify-keyspace-events", "EA"), "OK")
        equal(client("CONFIG", "GET", "notify-keyspace-events"), [b"notify-keyspace-events", b"AE"])

        def told(*pairs):
            equal([(event.split(":")[1], key) for event, key in listener.hear(len(pairs))], list(pairs))

        client("SET", "k", "v", "EX", "100")
        told(("set", "k"), ("expire", "k"))
        for _ in range(2):
            client("ONCE", "a", "INCRBY", "n", "1")
        told(("incrby", "n"))
        equal(client.error("EVAL", "redis.call('SET', KEYS[1], '1') return redis.error_reply('MY no')", "1", "k"), "MY")
        client("EVAL", "redis.call('SADD', KEYS[1], 'a') redis.call('SREM', KEYS[1], 'a') return 1", "1", "s")
        told(("sadd", "s"), ("srem", "s"), ("del", "s"))
        client("RENAME", "k", "l")
        told(("rename_from", "k"), ("rename_to", "l"))
        client("SADD", "likes:s", "a", "b", "c")
        client("INCRBY", "likes:n", "1")
        client("DEL", "likes:n")
        told(("sadd", "likes:s"), ("incrby", "likes:n"), ("del", "likes:n"))
        client("SET", "soon", "v", "PX", "300")
        told(("set", "soon"), ("expire", "soon"))
        began = time.monotonic()
        told(("expired", "soon"))
        check(0.1 < time.monotonic() - began < 2, f"expired after {time.monotonic() - began:.2f} s")
        client("SET", "likes:soon", "v", "PX", "300")
        told(("set", "likes:soon"), ("expire", "likes:soon"), ("expired", "likes:soon"))
        equal(client("CONFIG", "SET", "notify-keyspace-events", ""), "OK")
        client("SET", "k", "v")
        listener.hears_nothing()


def three_nodes():
    """What is published on one node reaches subscribers of all; each node tells its own what happens to keys."""
    with Cluster(3, flags=NODE_FLAGS) as cluster:
        cluster.start()
        cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        across(cluster)
        first = cluster.nodes[0]
        for node in cluster.nodes:
            with node.client() as client:
                client("CONFIG", "SET", "notify-keyspace-events", "EA")
        listeners = [Listener(node, "PSUBSCRIBE", "__keyevent@0__:*") for node in cluster.nodes]
        with first.client() as client:
            client("ONCE", "a", "SET", "k", "1")
            client("ONCE", "a", "SET", "k", "1")
            client("HSET", "h", "f", "1")
        for listener in listeners:
            equal(listener.hear(2), [("__keyevent@0__:set", "k"), ("__keyevent@0__:hset", "h")])
        with first.client() as client:
            client("SADD", "likes:s", "a")
        for listener in listeners:
            equal(listener.hear(1), [("__keyevent@0__:sadd", "likes:s")])
            listener.hears_nothing()


def three_peers():
    """The same where there is no engine."""
    with Cluster(3, flags=NODE_FLAGS, etcd=0) as cluster:
        cluster.start()
        across(cluster)


def across(cluster):
    first, second, third = cluster.nodes
    listeners = [Listener(node, "SUBSCRIBE", "news") for node in cluster.nodes]
    with first.client() as client:
        def reach_all():
            client("PUBLISH", "news", "?")
            for listener in listeners:
                listener.socket.settimeout(0.2)
                try:
                    listener.read()
                except Disconnected:
                    return False
            return True
        wait_until(reach_all, 30, "a message reaches all nodes")
        equal(client("PUBLISH", "news", "last of these"), 1)  # this node's
        for listener in listeners:
            while listener.hear(1) != [("news", "last of these")]:
                pass
        for number in range(2000):
            client.send(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%d\r\n" % (len(str(number)), number))
        for _ in range(2000):
            client.read()
        large = "x" * 1_000_000
        client("PUBLISH", "news", large)
    for listener in listeners:
        equal(listener.hear(2001), [("news", str(n)) for n in range(2000)] + [("news", large)])
    # Who goes and comes again hears what is published then.
    third.kill()
    third.start()
    again = Listener(third, "SUBSCRIBE", "news")
    with second.client() as client:
        def reach():
            client("PUBLISH", "news", "again")
            again.socket.settimeout(0.2)
            try:
                return again.read()[-1] == b"again"
            except Disconnected:
                return False
        wait_until(reach, 30, "a message reaches the node that came again")


def a_slow_subscriber():
    """Is cut off, holds up nobody, and what it did not read takes no memory for long."""
    with Server() as server, server.client() as client:
        slow = Listener(server, "SUBSCRIBE", "news")
        quick = Listener(server, "SUBSCRIBE", "news")
        text = b"x" * 100_000
        for number in range(1000):
            client("PUBLISH", "news", text)
            quick.hear(1)
        equal(client("PUBLISH", "news", "end"), 1)
        equal(quick.hear(1), [("news", "end")])
        check("too slowly" in server.log(), "a log line says so")
        slow.close()


def a_million_messages():
    """To 50 subscribers, beside other traffic: all arrive, in order, and memory does not grow."""
    count, subscribers, batch = 1_000_000, 50, 2000
    with Server() as server, server.client() as client:
        counts = [0] * subscribers
        wrong = []

        def listen(number):
            listener = Listener(server, "SUBSCRIBE", "news")
            ready.release()
            listener.socket.settimeout(60)
            size = len(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$8\r\n00000000\r\n")
            left = b""
            while counts[number] < count:
                try:
                    left += listener.socket.recv(1 << 20)
                except OSError as error:
                    wrong.append(error)
                    return
                whole = len(left) // size
                if whole == 0:
                    continue
                last = int(left[whole * size - 10:whole * size - 2])
                counts[number] += whole
                if last != counts[number] - 1:
                    wrong.append((number, last, counts[number]))
                    return
                left = left[whole * size:]

        ready = threading.Semaphore(0)
        threads = [threading.Thread(target=listen, args=(number,), daemon=True) for number in range(subscribers)]
        for thread in threads:
            thread.start()
        for _ in threads:
            ready.acquire()
        before = server.memory_kib()
        highest = before
        began = time.monotonic()
        with server.client() as other:
            for at in range(0, count, batch):
                client.send(b"".join(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$8\r\n%08d\r\n" % n
                                     for n in range(at, at + batch)))
                for _ in range(batch):
                    equal(client.read(), subscribers)
                other("INCRBY", "n", "1")
                if at % (batch * 10) == 0:
                    highest = max(highest, server.memory_kib())
                # As fast as this process can read, not faster.
                wait_until(lambda: wrong or min(counts) >= at - 20 * batch, 60, "subscribers keep up")
                check(not wrong, wrong)
        for thread in threads:
            thread.join(120)
        took = time.monotonic() - began
        check(not wrong, wrong)
        equal(counts, [count] * subscribers)
        print(f"{count} messages to {subscribers} subscribers in {took:.0f} s, {count * subscribers / took:,.0f} a second; "
              f"memory {before // 1024} MiB before, {highest // 1024} MiB at most")
        check(highest - before < 200 * 1024, f"memory grew from {before} to {highest} KiB")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (one_node, eventual_keyspaces, whose_channels_are, key_events, three_nodes,
                                       three_peers, a_slow_subscriber, a_million_messages)})
