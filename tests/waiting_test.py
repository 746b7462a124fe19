#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that wait for something to take: BLPOP and its kin, on one node and on several.

    waiting_test.py [CASE …]
"""
import json
import select
import threading
import time
import urllib.error
import urllib.request

from cluster import Cluster
from holdfast import Disconnected, ReplyError, Server, check, encode, equal, run_cases, wait_until


def ask(client, *command):
    """Sends, without waiting for the reply; the client is given back, to be read."""
    client.send(encode(command))
    return client


def blocked(client):
    lines = client("INFO", "clients").decode().splitlines()
    return int(dict(line.split(":") for line in lines if ":" in line)["blocked_clients"])


def wait_blocked(client, count):
    wait_until(lambda: blocked(client) == count, 10, f"{count} clients wait")


def says_nothing(client, seconds=0.2):
    ready, _, _ = select.select([client.socket], [], [], seconds)
    check(not ready, "it was answered")


def the_first_who_came_is_served_first():
    with Server() as server, server.client() as pusher:
        waiters = []
        for i in range(20):
            waiters.append(ask(server.client(), "BLPOP", "none", "queue", 0))
            wait_blocked(pusher, i + 1)
        for i in range(10):
            pusher("RPUSH", "queue", f"job {i}")
        equal(pusher("RPUSH", "queue", *[f"job {i}" for i in range(10, 20)]), 10, "all in one push")
        for i, waiter in enumerate(waiters):
            equal(waiter.read(), [b"queue", f"job {i}".encode()])
        equal(pusher("LLEN", "queue"), 0)
        equal(blocked(pusher), 0)


def a_transaction_serves_when_it_is_over():
    with Server() as server, server.client() as pusher:
        first, second, third = (server.client() for _ in range(3))
        for i, waiter in enumerate((first, second, third)):
            ask(waiter, "BRPOP", "queue", 0)
            wait_blocked(pusher, i + 1)
        pusher("MULTI")
        pusher("RPUSH", "queue", "a", "b", "c")
        pusher("DEL", "queue")
        pusher("RPUSH", "queue", "x")
        pusher("RPUSH", "queue", "y")
        pusher("EXEC")
        equal((first.read(), second.read()), ([b"queue", b"y"], [b"queue", b"x"]))
        says_nothing(third)
        # In a transaction nobody waits.
        equal(pusher.pipeline([("MULTI",), ("BLPOP", "none", 0), ("BLMOVE", "none", "n", "LEFT", "LEFT", 0), ("EXEC",)])[-1], [None, None])
        pusher("SET", "queue", "of another type by now")
        pusher("DEL", "queue")
        says_nothing(third)
        pusher("LPUSH", "queue", "z")
        equal(third.read(), [b"queue", b"z"])


def time_is_over():
    with Server() as server, server.client() as client:
        for command in (("BLPOP", "none", 0.2), ("BRPOP", "none", "no", "0.2"), ("BLMOVE", "none", "to", "LEFT", "RIGHT", 0.2),
                        ("BRPOPLPUSH", "none", "to", 0.2), ("BLMPOP", 0.2, 1, "none", "LEFT"), ("BZPOPMIN", "none", 0.2),
                        ("BZPOPMAX", "none", 0.2), ("BZMPOP", 0.2, 2, "none", "no", "MAX")):
            for once in ((), ("ONCE", "id-" + command[0])):
                began = time.monotonic()
                equal(client.raw(*once, *command), b"*-1\r\n", f"{command}")
                check(0.2 <= time.monotonic() - began < 1.0, f"{command}: after {time.monotonic() - began} s")
        # Under a request id that it came to nothing is remembered: a late copy does not take.
        client("RPUSH", "none", "late")
        equal(client("ONCE", "id-BLPOP", "BLPOP", "none", 0.2), None)
        equal(client("LRANGE", "none", 0, -1), [b"late"])
        for wrong, told in (((-1,), "negative"), (("x",), "not a float"), ((), "wrong number")):
            check(told in client.raw("BLPOP", "none", *wrong).decode(), wrong)
        # Longer than a request may take.
        with Server(flags=["--request-timeout", "500ms"]) as other, other.client() as patient:
            began = time.monotonic()
            equal(patient("BLPOP", "none", 1.5), None)
            check(time.monotonic() - began >= 1.5, "it waited")


def all_of_them_take():
    with Server() as server, server.client() as pusher, server.client() as waiter:
        def given(push, *command):
            ask(waiter, *command)
            wait_blocked(pusher, 1)
            pusher(*push)
            return waiter.read()
        equal(given(("RPUSH", "l", "a", "b", "c", "d"), "BLPOP", "l", 0), [b"l", b"a"])
        equal(pusher("LRANGE", "l", 0, -1), [b"b", b"c", b"d"])
        pusher("DEL", "l")
        equal(given(("RPUSH", "l", "a", "b", "c", "d"), "BLMPOP", 0, 2, "n", "l", "RIGHT", "COUNT", 3), [b"l", [b"d", b"c", b"b"]])
        pusher("DEL", "l")
        equal(given(("RPUSH", "l", "a", "b"), "BLMOVE", "l", "to", "RIGHT", "LEFT", 0), b"b")
        pusher("DEL", "l")
        equal(given(("RPUSH", "l", "a", "c"), "BRPOPLPUSH", "l", "to", 0), b"c")
        equal(pusher("LRANGE", "to", 0, -1), [b"c", b"b"])
        equal(given(("ZADD", "z", 1, "a", 2, "b", 3, "c"), "BZPOPMIN", "z", 0), [b"z", b"a", b"1"])
        pusher("DEL", "z")
        equal(given(("ZADD", "z", 1, "a", 2, "b"), "BZPOPMAX", "z", 0), [b"z", b"b", b"2"])
        pusher("DEL", "z")
        equal(given(("ZADD", "z", 1, "a", 2, "b"), "BZMPOP", 0, 1, "z", "MIN", "COUNT", 5), [b"z", [[b"a", b"1"], [b"b", b"2"]]])
        # What one moves on another may be waiting for.
        with server.client() as last:
            ask(last, "BLPOP", "second", 0)
            wait_blocked(pusher, 1)
            ask(waiter, "BLMOVE", "first", "second", "LEFT", "LEFT", 0)
            wait_blocked(pusher, 2)
            pusher("RPUSH", "first", "x")
            equal(waiter.read(), b"x")
            equal(last.read(), [b"second", b"x"])
        # A rename and a copy bring items, too.
        pusher("RPUSH", "elsewhere", "r")
        equal(given(("RENAME", "elsewhere", "here"), "BLPOP", "here", 0), [b"here", b"r"])


def keys_of_other_types():
    with Server() as server, server.client() as pusher, server.client() as waiter:
        pusher("SET", "s", "text")
        check("WRONGTYPE" in str(waiter.error("BLPOP", "none", "s", 0)), "it is told at once")
        ask(waiter, "BLPOP", "k", "l", 0)
        wait_blocked(pusher, 1)
        pusher("SET", "k", "text")
        pusher("ZADD", "l", 1, "m")
        says_nothing(waiter)
        pusher("DEL", "l")
        pusher("RPUSH", "l", "item")
        equal(waiter.read(), [b"l", b"item"], "what has become another type is passed over")
        # The destination is of another type when there is something: that is told, and nothing is taken.
        ask(waiter, "BLMOVE", "l", "k", "LEFT", "LEFT", 0)
        wait_blocked(pusher, 1)
        pusher("RPUSH", "l", "again")
        error = waiter.read()
        check(isinstance(error, ReplyError) and "WRONGTYPE" in str(error), error)
        equal(pusher("LLEN", "l"), 1)
        # Both kinds wait for one key: each takes its own.
        with server.client() as other:
            ask(waiter, "BZPOPMIN", "both", 0)
            wait_blocked(pusher, 1)
            ask(other, "BLPOP", "both", 0)
            wait_blocked(pusher, 2)
            pusher("RPUSH", "both", "item")
            equal(other.read(), [b"both", b"item"])
            pusher("ZADD", "both", 1, "member")
            equal(waiter.read(), [b"both", b"member", b"1"])


def who_has_gone_takes_nothing():
    with Server() as server, server.client() as pusher:
        gone = ask(server.client(), "BLPOP", "queue", 0)
        wait_blocked(pusher, 1)
        stays = ask(server.client(), "BLPOP", "queue", 0)
        wait_blocked(pusher, 2)
        gone.close()
        wait_blocked(pusher, 1)
        # Likewise with commands behind it, which wait.
        gone = server.client()
        gone.send(encode(("BLPOP", "queue", 0)) + encode(("SET", "behind", "1")) * 3)
        wait_blocked(pusher, 2)
        gone.close()
        wait_blocked(pusher, 1)
        equal(pusher("EXISTS", "behind"), 0)
        killed = server.client()
        number = killed("CLIENT", "ID")
        ask(killed, "BLPOP", "queue", 0)
        wait_blocked(pusher, 2)
        check(" flags=b " in pusher("CLIENT", "LIST", "ID", number).decode(), "CLIENT LIST tells")
        equal(pusher("CLIENT", "KILL", "ID", number), 1)
        wait_blocked(pusher, 1)
        pusher("RPUSH", "queue", "a", "b")
        equal(stays.read(), [b"queue", b"a"])
        equal(pusher("LRANGE", "queue", 0, -1), [b"b"])


def commands_behind_it_wait():
    with Server() as server, server.client() as pusher, server.client() as waiter:
        for many in (1, 400):
            for i in range(many):
                pusher("DEL", f"n{i}")
            waiter.send(encode(("SET", "before", many)) + encode(("BLPOP", "queue", 0)))
            wait_blocked(pusher, 1)
            waiter.send(b"".join(encode(("SET", f"n{i}", "x" * 300)) for i in range(many)) + encode(("GET", "n0")))
            time.sleep(0.2)
            equal(pusher("EXISTS", "n0"), 0)
            pusher("RPUSH", "queue", "item")
            equal([waiter.read() for _ in range(2)], ["OK", [b"queue", b"item"]])
            equal([waiter.read() for _ in range(many)], ["OK"] * many)
            equal(waiter.read(), b"x" * 300)


def unblock():
    with Server() as server, server.client() as admin, server.client() as waiter:
        number = waiter("CLIENT", "ID")
        equal(admin("CLIENT", "UNBLOCK", number), 0)
        for once in ((), ("ONCE", "by-timeout")):
            ask(waiter, *once, "BLPOP", "none", 0)
            wait_blocked(admin, 1)
            equal(admin("CLIENT", "UNBLOCK", number), 1)
            equal(waiter.read(), None)
        for once in ((), ("ONCE", "by-error")):
            ask(waiter, *once, "BLPOP", "none", 0)
            wait_blocked(admin, 1)
            equal(admin("CLIENT", "UNBLOCK", number, "ERROR"), 1)
            equal(str(waiter.read()), "UNBLOCKED client unblocked via CLIENT UNBLOCK")
        admin("RPUSH", "none", "a")
        equal(admin("ONCE", "by-timeout", "BLPOP", "none", 0), None, "it was answered for good")
        check("UNBLOCKED" in str(admin.error("ONCE", "by-error", "BLPOP", "none", 0)), "and so was this")
        equal(admin("LLEN", "none"), 1)


def what_becomes_of_keyspaces():
    with Server() as server, server.client() as admin, server.client() as waiter:
        admin("KEYSPACE", "CREATE", "jobs", "GUARANTEE", "strong")
        admin("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        for command in (("LPUSH", "likes:q", "x"), ("BLPOP", "likes:q", 0), ("LRANGE", "likes:q", 0, -1), ("BZPOPMIN", "likes:z", 0)):
            check(str(waiter.error(*command)).startswith("UNSUPPORTED"), command)
        check("CROSSKEYSPACE" in str(waiter.error("BLPOP", "jobs:q", "queue", 0)), "keys of two keyspaces")
        check("CROSSKEYSPACE" in str(waiter.error("BLMPOP", 0, 2, "jobs:q", "queue", "LEFT")), "keys of two keyspaces")
        ask(waiter, "BLPOP", "jobs:q", 0)
        wait_blocked(admin, 1)
        admin("KEYSPACE", "DROP", "jobs")
        error = waiter.read()
        check(isinstance(error, ReplyError) and str(error).startswith("UNAVAILABLE"), error)
        ask(waiter, "BLPOP", "jobs:q", 0)
        wait_blocked(admin, 1)
        admin("KEYSPACE", "CREATE", "jobs", "GUARANTEE", "strong")
        error = waiter.read()
        check(isinstance(error, ReplyError) and str(error).startswith("UNAVAILABLE"), error)
        # Over HTTP nothing waits, and in a transaction neither.
        def post(path, body):
            request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=10) as reply:
                    return reply.status, reply.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
        status, body = post("/v1/command", ["BLPOP", "jobs:q", "0"])
        check(status == 400 and b"UNSUPPORTED" in body, (status, body))
        status, body = post("/v1/multi-exec", [["BLPOP", "jobs:q", "0"], ["LPUSH", "jobs:q", "x"]])
        check(status == 200 and b"null" in body, (status, body))


def a_stop_is_told():
    server = Server()
    with server, server.client() as waiter, server.client() as admin:
        ask(waiter, "BLPOP", "queue", 0)
        wait_blocked(admin, 1)
        began = time.monotonic()
        server.stop()
        check(time.monotonic() - began < 4, "it does not wait for who waits")
        error = waiter.read()
        check(isinstance(error, ReplyError) and str(error).startswith("UNAVAILABLE"), error)


def a_retry_after_a_kill_takes_once():
    """Jobs are taken under request ids while the node is killed again and again: each job once."""
    jobs = 300
    with Server() as server:
        taken, problems = {}, []
        done = threading.Event()

        def work(worker):
            attempt, number = None, 0
            while not done.is_set():
                attempt = attempt or f"{worker}-{number}"
                try:
                    with server.client(timeout=5) as client:
                        while not done.is_set():
                            got = client("ONCE", attempt, "BLPOP", "queue", 0.3)
                            if got is not None:
                                if got[1] in taken:
                                    problems.append((got[1], attempt, taken[got[1]]))
                                taken[got[1]] = attempt
                            number += 1
                            attempt = f"{worker}-{number}"
                except (Disconnected, OSError):
                    time.sleep(0.02)
                except ReplyError as error:
                    if error.code not in ("UNAVAILABLE", "UNKNOWN", "BUSY"):
                        problems.append(error)
                        return

        workers = [threading.Thread(target=work, args=(w,)) for w in range(8)]
        for worker in workers:
            worker.start()
        for i in range(jobs):
            if i % 60 == 30:
                server.kill()
                server.start()
            while True:
                try:
                    with server.client(timeout=5) as client:
                        client("ONCE", f"push-{i}", "RPUSH", "queue", f"job {i}")
                    break
                except (Disconnected, OSError):
                    time.sleep(0.02)
            time.sleep(0.003)
        try:
            wait_until(lambda: len(taken) == jobs, 30, "all jobs are taken")
        finally:
            done.set()
            for worker in workers:
                worker.join()
        check(not problems, f"taken twice: {problems[:5]}")


def two_nodes_pop_one_queue():
    """Each element once; and who waits at a node that is killed tries again at another."""
    with Cluster().start() as cluster:
        first, second, third = cluster.nodes
        taken, lock = [], threading.Lock()
        done = threading.Event()

        def work(node, name):
            number = 0
            while not done.is_set():
                try:
                    with node.client(timeout=10) as client:
                        while not done.is_set():
                            got = client("ONCE", f"{name}-{number}", "BLPOP", "queue", 1)
                            number += 1
                            if got is not None:
                                with lock:
                                    taken.append(got[1])
                except (Disconnected, OSError, ReplyError):
                    time.sleep(0.05)

        workers = [threading.Thread(target=work, args=(node, f"{node.name}-{w}")) for node in (first, second) for w in range(4)]
        for worker in workers:
            worker.start()
        with third.client() as pusher:
            wait_until(lambda: all(blocked(node.client()) == 4 for node in (first, second)), 20, "all wait")
            for i in range(200):
                pusher("RPUSH", "queue", i)
            wait_until(lambda: len(taken) == 200, 20, "all are taken")
            first.kill()
            for i in range(200, 400):
                pusher("ONCE", f"push-{i}", "RPUSH", "queue", i)
            first.start()
            wait_until(lambda: len(taken) >= 400, 30, "all are taken")
            done.set()
            for worker in workers:
                worker.join()
            equal(sorted(taken, key=int), [str(i).encode() for i in range(400)])
            equal(pusher("LLEN", "queue"), 0)
            # An id that waits at two nodes: what is taken under it at one is told at both.
            with first.client() as here, second.client() as there:
                ask(here, "ONCE", "both", "BLPOP", "queue", 0)
                wait_blocked(first.client(), 1)
                ask(there, "ONCE", "both", "BLPOP", "queue", 0)
                wait_blocked(second.client(), 1)
                pusher("RPUSH", "queue", "one")
                equal((here.read(), there.read()), ([b"queue", b"one"],) * 2)


def thousands_wait():
    with Server(flags=["--connections-max", "3000"]) as server, server.client() as pusher:
        clients = [ask(server.client(), "BLPOP", f"queue{i % 50}", 0) for i in range(2000)]
        wait_blocked(pusher, 2000)
        began = time.monotonic()
        for i in range(2000):
            pusher("SET", f"k{i}", i)
        with_them = time.monotonic() - began
        for i in range(50):
            pusher("RPUSH", f"queue{i}", *range(40))
        for i, client in enumerate(clients):
            equal(client.read()[0], f"queue{i % 50}".encode())
        began = time.monotonic()
        for i in range(2000):
            pusher("SET", f"k{i}", i)
        print(f"   2,000 SETs: {with_them:.3f} s beside 2,000 that wait, {time.monotonic() - began:.3f} s beside none")
        for client in clients:
            client.close()


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (the_first_who_came_is_served_first, a_transaction_serves_when_it_is_over, time_is_over, all_of_them_take,
               keys_of_other_types, who_has_gone_takes_nothing, commands_behind_it_wait, unblock, what_becomes_of_keyspaces,
               a_stop_is_told, thousands_wait, a_retry_after_a_kill_takes_once, two_nodes_pop_one_queue)})
