#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Request ids over an unreliable network: rows 12 to 14 of the fault list, on a real server.

    ids_test.py [CASE …]
"""
import os
import random
import threading
import time
import uuid

import holdfast
from holdfast import Disconnected, Server, check, equal, run_cases, wait_until
from proxy import Proxy

GUARANTEES = ("strong", "eventual")
RETRIES = int(os.environ.get("HOLDFAST_RETRIES", "100000"))


def server_with(*settings):
    server = Server().start()
    with server.client() as client:
        for guarantee in GUARANTEES:
            client("KEYSPACE", "CREATE", guarantee, "GUARANTEE", guarantee, *settings)
    return server


def uuid7(ms):
    return str(uuid.UUID(int=(ms << 80) | (7 << 76) | (random.getrandbits(12) << 64) | (2 << 62) | random.getrandbits(62)))


def lost_replies_and_requests():
    """Operations through a proxy that cuts either way; each is sent until it has an answer."""
    with server_with() as server, Proxy(server.port, cut_replies=0.2, cut_requests=0.1, seed=3) as proxy:
        for guarantee in GUARANTEES:
            threads, failures, totals = [], [], []

            def work(number, guarantee=guarantee, failures=failures, totals=totals):
                try:
                    totals.append(retrying(proxy.port, guarantee, number))
                except Exception as error:
                    failures.append(error)
            for number in range(8):
                threads.append(threading.Thread(target=work, args=(number,)))
                threads[-1].start()
            for thread in threads:
                thread.join()
            if failures:
                raise failures[0]
            with server.client() as client:
                for number in range(8):
                    equal(int(client("GET", f"{guarantee}:c{number}")), 300, f"{guarantee}: increments of worker {number}")
        check(proxy.cuts > 200, f"only {proxy.cuts} cuts")
        print(f"   {proxy.cuts} cuts, 4800 increments, each once")


def retrying(port, guarantee, number):
    """300 increments, four in a pipeline; after a cut the whole pipeline goes out again."""
    done = 0
    tries = 0
    client = None
    while done < 300:
        commands = [("ONCE", f"w{number}-{done + i}", "INCR", f"{guarantee}:c{number}") for i in range(4)]
        tries += 1
        try:
            client = client or holdfast.Client(port)
            replies = client.pipeline(commands)
        except Disconnected:
            client = None
            continue
        equal(replies, [done + i + 1 for i in range(4)], f"{guarantee}: the first replies, whichever try got them")
        done += 4
    return tries


def many_retries():
    """A great number of retries: no effect, and the first reply byte for byte, over a restart too."""
    count = 1000
    with server_with() as server:
        for guarantee in GUARANTEES:
            commands = []
            for i in range(count):
                commands.append(("ONCE", f"a{i}", "INCRBY", f"{guarantee}:n", i))
                commands.append(("ONCE", f"b{i}", "SADD", f"{guarantee}:s", i % 10))
                commands.append(("ONCE", f"c{i}", "SET", f"{guarantee}:t", i))
                commands.append(("ONCE", f"d{i}", "HSET", f"{guarantee}:h", f"f{i % 7}", i))
                commands.append(("ONCE", f"e{i}", "INCR", f"{guarantee}:t2") if i % 2 else
                                ("ONCE", f"e{i}", "INCR", f"{guarantee}:h"))  # WRONGTYPE, recorded as well
            wire = b"".join(map(holdfast.encode, commands))
            with server.client() as client:
                first = raw_replies(client, wire, len(commands))
                before = client.pipeline([("GET", f"{guarantee}:n"), ("GET", f"{guarantee}:t"), ("HGET", f"{guarantee}:h", "f3")])
            rounds = max(1, RETRIES // len(commands) // 2)
            for restarted in (False, True):
                if restarted:
                    server.restart()
                with server.client() as client:
                    for _ in range(rounds):
                        equal(raw_replies(client, wire, len(commands)) == first, True, f"{guarantee}: replies to retries")
                    equal(client.pipeline([("GET", f"{guarantee}:n"), ("GET", f"{guarantee}:t"),
                                           ("HGET", f"{guarantee}:h", "f3")]), before, "state after the retries")
                    equal(before[0], str(sum(range(count))).encode(), "the counter")
            print(f"   {guarantee}: {2 * rounds * len(commands)} retries")


def raw_replies(client, wire, count):
    client.send(wire)
    return [client.read_raw() for _ in range(count)]


def late_copy_after_a_newer_write():
    """The first try waits in the network; its retry lands, a newer write follows, then the first arrives."""
    with server_with() as server, Proxy(server.port) as proxy:
        for guarantee in GUARANTEES:
            key = f"{guarantee}:cart"
            late, direct = holdfast.Client(proxy.port), server.client()
            equal(late("PING"), "PONG")
            proxy.hold()
            late.send(holdfast.encode(("ONCE", "order-1", "SET", key, "one book")))
            check(proxy.held.wait(5), "the request waits in the proxy")
            equal(direct("ONCE", "order-1", "SET", key, "one book"), "OK")
            equal(direct("SET", key, "two books"), "OK")
            proxy.release()
            equal(late.read(), "OK", "the late copy gets the first reply")
            equal(direct("GET", key), b"two books", f"{guarantee}: the newer write stands")


def both_at_once():
    """The same id on many connections at one moment: one effect, all get its reply."""
    with server_with() as server:
        for guarantee in GUARANTEES:
            clients = [server.client() for _ in range(16)]
            for round_number in range(200):
                request = holdfast.encode(("ONCE", f"r{round_number}", "INCR", f"{guarantee}:n"))
                for client in clients:
                    client.send(request)
                replies = {client.read_raw() for client in clients}
                equal(replies, {b":%d\r\n" % (round_number + 1)}, f"{guarantee}: replies of 16 tries together")


def another_operation_under_the_id():
    with server_with() as server, server.client() as client:
        for guarantee in GUARANTEES:
            client("ONCE", "x", "INCR", f"{guarantee}:n")
            for other in (("INCR", f"{guarantee}:m"), ("INCRBY", f"{guarantee}:n", "1"), ("SET", f"{guarantee}:n", "1"),
                          ("DEL", f"{guarantee}:n"), ("INCRBY", f"{guarantee}:n", "2")):
                equal(client.error("ONCE", "x", *other), "IDREUSED", f"{guarantee}: {other}")
            equal(client("GET", f"{guarantee}:n"), b"1")
            equal(client("EXISTS", f"{guarantee}:m"), 0)


def whole_transactions():
    with server_with() as server, server.client() as client:
        for guarantee in GUARANTEES:
            transaction = [("MULTI",), ("INCRBY", f"{guarantee}:a", "-5"), ("INCRBY", f"{guarantee}:b", "5"), ("ONCE", "t1", "EXEC")]
            first = client.pipeline(transaction)[-1]
            equal(first, [-5, 5])
            equal(client.pipeline(transaction)[-1], first, "the retried transaction's reply")
            changed = [transaction[0], ("INCRBY", f"{guarantee}:a", "-6"), *transaction[2:]]
            error = client.pipeline(changed)[-1]
            equal(getattr(error, "code", error), "IDREUSED")
            equal(client("MGET", f"{guarantee}:a", f"{guarantee}:b"), [b"-5", b"5"])


def past_the_window():
    """UUIDv7s held in the network past RETAIN-IDS: never run late, whether their operation ran before or not."""
    with server_with("RETAIN-IDS", "2s") as server, Proxy(server.port) as proxy:
        for guarantee in GUARANTEES:
            late, direct = holdfast.Client(proxy.port), server.client()
            equal(late("PING"), "PONG")
            now = int(time.time() * 1000)
            retried, lost = uuid7(now), uuid7(now)
            proxy.hold()
            late.send(holdfast.encode(("ONCE", retried, "INCR", f"{guarantee}:n")) +
                      holdfast.encode(("ONCE", lost, "INCR", f"{guarantee}:n")))
            check(proxy.held.wait(5), "the requests wait in the proxy")
            equal(direct("ONCE", retried, "INCR", f"{guarantee}:n"), 1, "the retry runs")
            # The server's own answer says when the window has passed.
            wait_until(lambda c=direct, g=guarantee, t=now: is_expired(c, g, t), 20, "the window to pass")
            proxy.release()
            answer = late.read()
            check(answer == 1 or answer.code == "IDEXPIRED", f"{guarantee}: a copy past the window answered {answer}")
            answer = late.read()
            equal(getattr(answer, "code", answer), "IDEXPIRED", f"{guarantee}: past the window, and never heard of")
            equal(direct("GET", f"{guarantee}:n"), b"1", f"{guarantee}: applied once")
            equal(direct.error("ONCE", uuid7(now + 2 * 3600 * 1000), "INCR", f"{guarantee}:n"), "IDEXPIRED")


def is_expired(client, guarantee, ms):
    try:
        client("ONCE", uuid7(ms), "INCR", f"{guarantee}:other")
        return False
    except holdfast.ReplyError as error:
        equal(error.code, "IDEXPIRED")
        return True


def budget_of_ids():
    """At MAX-IDS-BYTES new ids get BUSY and nothing runs; those remembered still answer."""
    with server_with("MAX-IDS-BYTES", "100000") as server, server.client() as client:
        for guarantee in GUARANTEES:
            done = 0
            while True:
                replies = client.pipeline([("ONCE", f"i{done + i}", "INCR", f"{guarantee}:n") for i in range(100)])
                errors = [r for r in replies if isinstance(r, holdfast.ReplyError)]
                for error in errors:
                    equal(error.code, "BUSY", "over the budget")
                done += 100 - len(errors)
                if errors:
                    break
                check(done < 100_000, "100,000 ids within 100,000 bytes")
            equal(int(client("GET", f"{guarantee}:n")), done, f"{guarantee}: what was refused was not applied")
            equal(client("ONCE", "i0", "INCR", f"{guarantee}:n"), 1, "a remembered id answers")
            equal(client("INCR", f"{guarantee}:n"), done + 1, "without an id it goes on")
            print(f"   {guarantee}: {done} ids")


def outcome_and_void():
    with server_with() as server, server.client() as client:
        client("ONCE", "known", "INCR", "strong:n")
        equal(client("OUTCOME", "known", "strong") is not None, True)
        equal(client("OUTCOME", "never", "strong"), None, "nothing yet")
        client("VOID", "never", "strong")
        equal(client.error("ONCE", "never", "INCR", "strong:n"), "VOIDED")
        server.restart()
        with server.client() as after:
            equal(after.error("ONCE", "never", "INCR", "strong:n"), "VOIDED", "after a crash too")
            equal(after("GET", "strong:n"), b"1")
            equal(after.error("VOID", "never", "eventual"), "UNSUPPORTED")


def required_ids():
    with server_with("REQUIRE-ID") as server, server.client() as client:
        for guarantee in GUARANTEES:
            equal(client.error("INCR", f"{guarantee}:n"), "NOID")
            equal(client("ONCE", "a", "INCR", f"{guarantee}:n"), 1)
            equal(client("GET", f"{guarantee}:n"), b"1")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        lost_replies_and_requests, many_retries, late_copy_after_a_newer_write, both_at_once,
        another_operation_under_the_id, whole_transactions, past_the_window, budget_of_ids, outcome_and_void, required_ids)})
