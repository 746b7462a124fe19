#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the server at random moments, some hundreds of times, under a mixed load.

Four keyspaces, strong and eventual with either durability; two workers on each. What a worker was
told and what it then finds must agree: nothing acknowledged is lost, nothing is applied twice, what
had a request id is exact. The workers own their keys, so each knows what it must find.

    crash_test.py [--kills 300] [--seed N]
"""
import argparse
import random
import sys
import threading
import time

import holdfast
from holdfast import Disconnected, check, equal

KEYSPACES = [(f"{guarantee[0]}{durability}", guarantee, durability)
             for guarantee in ("strong", "eventual") for durability in ("always", "everysec")]
TRY_AGAIN = {"UNAVAILABLE", "BUSY", "UNKNOWN"}


def refusal(raw):
    """The error's text where it asks for another try."""
    text = raw[1:].decode(errors="replace") if raw[:1] == b"-" else ""
    return text if text.split(" ", 1)[0] in TRY_AGAIN else None


class Worker(threading.Thread):
    """Sends batches, keeps the books, and after every lost connection compares."""

    def __init__(self, server, keyspace, number, seed, stopping):
        super().__init__(name=f"{keyspace}-{number}")
        self.server, self.stopping = server, stopping
        self.random = random.Random(f"{seed}/{keyspace}/{number}")
        self.prefix = f"{keyspace}:w{number}"
        self.failure = None
        self.sent = self.acknowledged = self.resent = self.reconnects = self.doubts = 0
        # A counter without ids: its value, exact whenever nothing is in doubt.
        self.plain = 0
        # Counters with ids: what they must be when every id has been settled.
        self.once = 0
        self.once_hash = 0
        self.pending = {}    # id: (command, adds) not yet acknowledged
        self.remembered = {}  # id: (command, reply bytes), some of the acknowledged ones
        self.ids = 0
        # A register: the value acknowledged last, and those sent since.
        self.register, self.register_doubts = None, []
        self.members, self.member_doubts = set(), set()
        self.next_member = 0

    def key(self, name):
        return f"{self.prefix}:{name}"

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    with self.server.client(timeout=20) as client:
                        self.reconnects += 1
                        self.settle(client)
                        while not self.stopping.is_set():
                            self.batch(client)
                except Disconnected:
                    time.sleep(0.005)
        except Exception as error:
            self.failure = error
            self.stopping.set()

    # -- One batch: a pipeline of random operations

    def batch(self, client):
        operations = [self.operation() for _ in range(self.random.randint(1, 24))]
        for kind, command, extra in operations:
            self.expect(kind, command, extra)
        self.sent += len(operations)
        client.send(b"".join(holdfast.encode(command) for _, command, _ in operations))
        # What has no reply when the connection breaks stays in the doubts that expect() noted.
        refused = None
        for kind, command, extra in operations:
            raw = client.read_raw()
            # After a refusal the rest is read (all must be over before settle() looks) and left in doubt.
            refused = refused or refusal(raw)
            if not refused:
                self.took(kind, command, extra, raw)
        if refused:
            raise Disconnected(refused)

    def operation(self):
        pick = self.random.random()
        if pick < 0.25:
            return "plain", ("INCR", self.key("plain")), None
        if pick < 0.50:
            by = self.random.randint(1, 5)
            return "once", self.with_id("INCRBY", self.key("once"), by), ("once", by)
        if pick < 0.62:
            by = self.random.randint(1, 5)
            return "once", self.with_id("HINCRBY", self.key("hash"), "f", by), ("once_hash", by)
        if pick < 0.75:
            value = f"{self.random.randrange(10**9)}" + "x" * self.random.choice((0, 10, 300))
            return "register", ("SET", self.key("register"), value), value
        if pick < 0.88:
            self.next_member += 1
            member = f"m{self.next_member}"
            return "member", ("SADD", self.key("set"), member), member
        if pick < 0.94 and self.remembered:
            id, (command, reply) = self.random.choice(list(self.remembered.items()))
            return "replay", command, reply
        return "read", ("GET", self.key("plain")), None

    def with_id(self, *command):
        self.ids += 1
        return ("ONCE", f"{self.name}-{self.ids}", *command)

    def expect(self, kind, command, extra):
        if kind == "once":
            self.pending[command[1]] = (command, extra)
        elif kind == "plain":
            self.doubts += 1
        elif kind == "register":
            self.register_doubts.append(extra)
        elif kind == "member":
            self.member_doubts.add(extra)

    def took(self, kind, command, extra, raw):
        check(raw[:1] != b"-", f"{self.name}: {command} answered {raw!r}")
        self.acknowledged += 1
        if kind == "plain":
            self.doubts -= 1
            self.plain += 1
            equal(int(raw[1:-2]), self.plain, f"{self.name}: INCR's reply")
        elif kind == "once":
            del self.pending[command[1]]
            self.credit(command, extra, raw)
        elif kind == "register":
            self.register = extra
            self.register_doubts = self.register_doubts[self.register_doubts.index(extra) + 1:]
        elif kind == "member":
            self.members.add(extra)
            self.member_doubts.discard(extra)
        elif kind == "replay":
            equal(raw, extra, f"{self.name}: the reply to a retry of {command}")
        elif kind == "read":
            text = raw.split(b"\r\n")[1] if raw[:2] != b"$-" else b"0"
            equal(int(text), self.plain, f"{self.name}: GET behind INCRs")

    def credit(self, command, extra, raw):
        counter, by = extra
        setattr(self, counter, getattr(self, counter) + by)
        if len(self.remembered) > 500:
            self.remembered.pop(next(iter(self.remembered)))
        self.remembered[command[1]] = (command, raw)

    # -- After a lost connection

    def settle(self, client):
        # Every id that has no answer is sent again, under the same id, until it has one.
        for id, (command, extra) in list(self.pending.items()):
            client.send(holdfast.encode(command))
            raw = client.read_raw()
            if refusal(raw):
                raise Disconnected(refusal(raw))
            check(raw[:1] != b"-", f"{self.name}: retry of {command} answered {raw!r}")
            del self.pending[id]
            self.resent += 1
            self.credit(command, extra, raw)
        found = int(client("GET", self.key("plain")) or 0)
        check(self.plain <= found <= self.plain + self.doubts,
              f"{self.name}: {self.plain} acknowledged, {self.doubts} in doubt, but the counter says {found}")
        self.plain, self.doubts = found, 0
        equal(int(client("GET", self.key("once")) or 0), self.once, f"{self.name}: counter with ids")
        equal(int(client("HGET", self.key("hash"), "f") or 0), self.once_hash, f"{self.name}: field with ids")
        value = client("GET", self.key("register"))
        value = value.decode() if value is not None else None
        check(value == self.register or value in self.register_doubts,
              f"{self.name}: register is {value!r}, acknowledged was {self.register!r}")
        self.register, self.register_doubts = value, []
        members = {m.decode() for m in client("SMEMBERS", self.key("set"))}
        lost = self.members - members
        check(not lost, f"{self.name}: acknowledged members lost: {sorted(lost)[:5]}")
        strange = members - self.members - self.member_doubts
        check(not strange, f"{self.name}: members nobody added: {sorted(strange)[:5]}")
        self.members, self.member_doubts = members, set()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--flag", action="append", default=[])
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.kills} kills", flush=True)
    chance = random.Random(arguments.seed)
    started = time.monotonic()
    # Checkpoints often, so that kills fall into them too.
    flags = ["--checkpoint-interval", "300ms", "--checkpoint-log-size", "256kb", *arguments.flag]
    with holdfast.Server(flags=flags) as server:
        with server.client() as client:
            for name, guarantee, durability in KEYSPACES:
                client("KEYSPACE", "CREATE", name, "GUARANTEE", guarantee, "DURABILITY", durability)
        stopping = threading.Event()
        workers = [Worker(server, name, n, arguments.seed, stopping) for name, _, _ in KEYSPACES for n in (1, 2)]
        for worker in workers:
            worker.start()
        downtime = 0.0
        for kill in range(arguments.kills):
            if stopping.wait(chance.choice((0.0, 0.02, 0.1, 0.3)) * chance.random()):
                break
            server.kill()
            began = time.monotonic()
            server.launch()
            if chance.random() < 0.1:  # killed again while it starts
                time.sleep(chance.random() * 0.05)
                server.kill()
                server.launch()
            server.wait_ready()
            downtime += time.monotonic() - began
            if kill % 50 == 49:
                print(f"  {kill + 1} kills, {time.monotonic() - started:.0f} s", flush=True)
        stopping.wait(0.5)
        stopping.set()
        for worker in workers:
            worker.join()
        failures = [w for w in workers if w.failure]
        for worker in failures:
            print(f"FAILED {worker.name}: {worker.failure!r}", flush=True)
        check(not failures, f"{len(failures)} workers found a difference")
        # And once more at rest: after a graceful stop, and after one last kill.
        for end in (server.stop, server.kill):
            end()
            server.start()
            with server.client() as client:
                for worker in workers:
                    worker.settle(client)
        sent, acknowledged = sum(w.sent for w in workers), sum(w.acknowledged for w in workers)
        print(f"{arguments.kills} kills in {time.monotonic() - started:.0f} s: {sent} operations sent, {acknowledged} "
              f"acknowledged, {sum(w.resent for w in workers)} sent again by id, mean restart "
              f"{1000 * downtime / max(1, arguments.kills):.0f} ms; nothing lost, nothing twice", flush=True)
        check(acknowledged > 20 * arguments.kills, "too little was acknowledged to prove anything")


if __name__ == "__main__":
    sys.exit(main())
