#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tools of Redis ask of a server, where a real process or several matter: SHUTDOWN, SAVE, DEBUG RELOAD, WAIT, CLIENT
PAUSE, LATENCY, SORT over keyspaces.

Run all, or those named: server_commands_test.py [CASE …]
"""
import time

from cluster import Cluster
from cluster_eventual_test import NODE_FLAGS
from holdfast import Disconnected, ReplyError, Server, check, equal, run_cases, wait_until

DEBUG = ("--enable-debug-command", "yes")


def save_reload_and_shutdown():
    """A checkpoint when it is asked for, all that is written read from disk again, and an end that keeps everything."""
    with Server(flags=DEBUG) as server:
        with server.client() as client:
            client.pipeline([("SET", f"k{i}", f"value {i}") for i in range(2000)])
            client("ZADD", "z", "1.5", "a", "-2", "b")
            equal(client("SAVE"), "OK")
            check(client("LASTSAVE") >= time.time() - 60, "LASTSAVE is of now")
            digest = client("DEBUG", "DIGEST")
            equal(client("DEBUG", "RELOAD"), "OK")
            equal(client("DEBUG", "DIGEST"), digest, "after it was read again")
            equal(client("GET", "k1234"), b"value 1234")
            client("SET", "late", "1")
            try:
                raise AssertionError(f"SHUTDOWN answered {client('SHUTDOWN', 'NOSAVE')}")
            except Disconnected:
                pass
        wait_until(lambda: server.process.poll() is not None, 30, "the process ends")
        equal(server.process.returncode, 0)
        server.start()
        with server.client() as client:
            equal(client("GET", "late"), b"1")
            equal(client("ZRANGE", "z", "0", "-1"), [b"b", b"a"])


def debug_is_refused_unless_allowed():
    with Server() as server, server.client() as client:
        equal(client.error("DEBUG", "SLEEP", "0"), "ERR")
    with Server(flags=("--enable-debug-command", "local")) as server, server.client() as client:
        equal(client("DEBUG", "SLEEP", "0"), "OK")


def wait_counts_nodes():
    """WAIT returns when so many nodes have it on disk, or says at its end how many; a node that is away is not counted."""
    with Cluster(3, flags=NODE_FLAGS, etcd=0) as cluster:
        cluster.start()
        cluster.ready()
        first = cluster.nodes[0]
        with first.client() as client:
            client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
            equal(client("WAIT", "2", "10000"), 2, "of a connection that wrote nothing but the catalog")
            for i in range(20):
                client("INCR", f"likes:{i}")
                equal(client("WAIT", "2", "10000"), 2)
            cluster.nodes[2].kill()
            client("INCR", "likes:1")
            began = time.monotonic()
            equal(client("WAIT", "2", "700"), 1, "one is away")
            took = time.monotonic() - began
            check(0.6 < took < 5, f"it took {took:.2f} s")
            cluster.nodes[2].start()
            equal(client("WAIT", "2", "0"), 2, "it has come back")


def wait_alone():
    """Alone there is nobody to wait for."""
    with Server() as server:
        with server.client() as client:
            client("SET", "a", "1")
            equal(client("WAIT", "0", "0"), 0)
            began = time.monotonic()
            equal(client("WAIT", "1", "300"), 0)
            check(time.monotonic() - began >= 0.29, "it waited")


def pause_and_latency():
    """Writes wait while they are paused, reads do not; a turn that was long is told of."""
    with Server(flags=DEBUG) as server, server.client() as one, server.client() as other:
        one("CONFIG", "SET", "latency-monitor-threshold", "50")
        equal(one("CLIENT", "PAUSE", "600", "WRITE"), "OK")
        began = time.monotonic()
        equal(other("GET", "a"), None)
        check(time.monotonic() - began < 0.4, "a read does not wait")
        equal(other("SET", "a", "1"), "OK")
        check(time.monotonic() - began >= 0.5, "a write does")
        equal(one("DEBUG", "SLEEP", "0.12"), "OK")
        latest = {event[0]: event for event in one("LATENCY", "LATEST")}
        check(latest[b"turn"][2] >= 100 or latest[b"command"][2] >= 100, f"{latest}")
        check(b"turn" in one("LATENCY", "DOCTOR") or b"command" in one("LATENCY", "DOCTOR"), "the doctor says so")
        info = one("INFO", "everything").decode()
        for line in ("cmdstat_client|pause:calls=1", "cluster_enabled:0", "used_cpu_user:", "# Errorstats",
                     "latency_percentiles_usec_all:p50="):
            check(line in info, f"INFO everything has {line}")
        check("# Commandstats" not in one("INFO").decode(), "INFO alone has not")


def random_reads_differ():
    """However many come within a millisecond, of one connection or several."""
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        for prefix in ("", "likes:"):
            client("SADD", f"{prefix}s", *(f"m{i}" for i in range(100)))
            client("HSET", f"{prefix}h", *(word for i in range(100) for word in (f"f{i}", "v")))
            client("ZADD", f"{prefix}z", *(word for i in range(100) for word in (str(i), f"m{i}")))
            for read in (("SRANDMEMBER", f"{prefix}s"), ("HRANDFIELD", f"{prefix}h"), ("ZRANDMEMBER", f"{prefix}z")):
                check(len(set(client.pipeline([read] * 200))) > 50, read)
        seen = set()
        for _ in range(50):
            with server.client() as other:
                seen.add(other("SRANDMEMBER", "s"))
        check(len(seen) > 15, f"{len(seen)} of 50 connections")


def sort_keeps_to_its_keyspace():
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "other", "GUARANTEE", "strong")
        client("SADD", "s", "1", "2")
        client("MSET", "w_1", "2", "w_2", "1")
        client("SET", "other:1", "secret")
        equal(client("SORT", "s", "BY", "w_*"), [b"2", b"1"])
        for refused in (("SORT", "s", "GET", "other:*"), ("SORT_RO", "s", "BY", "other:w*->x"),
                        ("SORT", "s", "BY", "nosort", "STORE", "other:list")):
            equal(client.error(*refused), "CROSSKEYSPACE", str(refused))
        client("SADD", "names", "other:1")
        equal(client("SORT", "names", "ALPHA", "GET", "*"), [None], "a key of another keyspace is not there")
        equal(client("SORT", "names", "ALPHA", "GET", "#"), [b"other:1"], "the element is")
        error = client.pipeline([("MULTI",), ("SORT", "s", "GET", "other:*"), ("EXEC",)])[2]
        check(isinstance(error, ReplyError) and error.code == "CROSSKEYSPACE", f"{error}")


if __name__ == "__main__":
    run_cases({case.__name__: case for case in (save_reload_and_shutdown, debug_is_refused_unless_allowed, wait_counts_nodes,
                                                wait_alone, pause_and_latency, random_reads_differ,
                                                sort_keeps_to_its_keyspace)})
