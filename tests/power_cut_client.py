# SPDX-License-Identifier: Apache-2.0
"""A client that knows what it must find after a power cut: what it wrote, in order, up to some point.

It owns its keys and sends one write after the other, so what a cut takes from it must be a suffix. Every value it
leaves is one that no other of its writes leaves; so each key tells how far it came, and all must agree.
"""
import random
import threading
import time

import holdfast
from holdfast import Disconnected, check, equal

TRY_AGAIN = {"UNAVAILABLE", "BUSY"}


class Write:
    def __init__(self, slot, command, value, reply, id=None):
        self.slot, self.command, self.value, self.reply, self.id = slot, command, value, reply, id
        self.acknowledged_at = None


class Lost(AssertionError):
    """Something acknowledged is gone that should be there."""


class Books(threading.Thread):
    def __init__(self, server, keyspace, durability, number, seed, stopping, everysec_bound):
        super().__init__(name=f"{keyspace}-{number}")
        self.server, self.stopping = server, stopping
        self.always, self.everysec_bound = durability == "always", everysec_bound
        self.random = random.Random(f"{seed}/{keyspace}/{number}")
        self.prefix = f"{keyspace}:w{number}"
        self.failure = None
        # What each key held when the process had last started, and what was done since.
        self.values = {"plain": 0, "once": 0, "hash": 0, "set": 0, "one": "", "two": ""}
        self.base = dict(self.values)
        self.history = []
        self.to_resend = []  # of what had an id and was lost, in order
        self.written = 0
        self.sums = {"once": 0, "hash": 0}  # of all increments with an id that were ever sent
        self.acknowledged = self.lost = self.resent = self.replayed = 0
        self.cuts_seen = 0
        self.watched = 0  # the greatest value of `plain` that another client has read
        self.lost_age_s = 0.0

    def key(self, name):
        return f"{self.prefix}:{name}"

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    cuts = len(self.server.cut_times)  # before this process began
                    with self.server.client(timeout=20) as client:
                        self.settle(client, cuts)
                        while not self.stopping.is_set():
                            if self.always and self.server.only_everysec:
                                time.sleep(0.01)
                                client("PING")
                                continue
                            self.send(client, [self.write() for _ in range(self.random.randint(1, 24))])
                except Disconnected:
                    time.sleep(0.005)
        except Exception as error:
            self.failure = error
            self.stopping.set()

    # -- Writing

    def write(self):
        self.written += 1
        n, by = self.written, self.random.randint(1, 5)
        slot = self.random.choice(("plain", "once", "once", "hash", "set", "one", "two"))
        if slot == "plain":
            return self.counter(slot, ("INCR", self.key("plain")), 1)
        if slot in self.sums:
            self.sums[slot] += by
            command = ("INCRBY", self.key("once"), by) if slot == "once" else ("HINCRBY", self.key("hash"), "f", by)
            id = f"{self.name}-{n}"
            return self.counter(slot, ("ONCE", id, *command), by, id)
        if slot == "set":
            self.values["set"] += 1
            return Write(slot, ("SADD", self.key("set"), f"m{self.values['set']}"), self.values["set"], b":1\r\n")
        value = f"{n}" + "x" * self.random.choice((0, 10, 700))
        self.values[slot] = value
        names = [self.key("one")] if slot == "one" else [self.key("two"), self.key("too")]
        command = ("SET", names[0], value) if slot == "one" else ("MSET", names[0], value, names[1], value)
        return Write(slot, command, value, b"+OK\r\n")

    def counter(self, slot, command, by, id=None):
        self.values[slot] += by
        return Write(slot, command, self.values[slot], b":%d\r\n" % self.values[slot], id)

    def send(self, client, writes):
        self.history += writes
        client.send(b"".join(holdfast.encode(w.command) for w in writes))
        for write in writes:
            raw = client.read_raw()
            equal(raw, write.reply, f"{self.name}: the reply to {write.command}")
            write.acknowledged_at = time.monotonic()
            self.acknowledged += 1

    # -- After a start

    def settle(self, client, cuts):
        found = self.look(client)
        kept = self.how_far(found)
        if found["plain"] < self.watched:
            raise Lost(f"{self.name}: another client has read {self.watched}, now it is {found['plain']}")
        lost = self.history[kept:]
        self.judge([w for w in lost if w.acknowledged_at is not None], kept)
        survived = self.history[:kept]
        # From here on this is what is on disk; nothing may take it any more.
        self.base, self.values = found, dict(found)
        self.history = []
        self.to_resend = [w for w in lost if w.id] + self.to_resend
        self.cuts_seen = cuts
        # Everything with an id again: what survived changes nothing and has its reply, what was lost takes place now.
        again = [w for w in survived if w.id]
        client.send(b"".join(holdfast.encode(w.command) for w in again))
        for write in again:
            equal(client.read_raw(), write.reply, f"{self.name}: the reply to a retry of {write.command}")
            self.replayed += 1
        while self.to_resend:
            batch = self.to_resend[:24]
            for write in batch:
                by = int(write.command[-1])
                write.acknowledged_at = None
                equal(self.values[write.slot] + by, write.value, f"{self.name}: the order of what is sent again")
                self.values[write.slot] += by
            del self.to_resend[:24]
            self.send(client, batch)
            self.resent += len(batch)
        for slot, total in self.sums.items():
            equal(self.values[slot], total, f"{self.name}: {slot}, when every id has been answered")
            equal(self.look(client)[slot], total, f"{self.name}: {slot}, as it is read")

    def look(self, client):
        one = client.pipeline([("GET", self.key("plain")), ("GET", self.key("once")), ("HGET", self.key("hash"), "f"),
                               ("SMEMBERS", self.key("set")), ("GET", self.key("one")),
                               ("MGET", self.key("two"), self.key("too"))])
        for reply in one:
            if isinstance(reply, holdfast.ReplyError):
                if reply.code in TRY_AGAIN:
                    raise Disconnected(str(reply))
                raise reply
        plain, once, field, members, register, (two, too) = one
        equal(two, too, f"{self.name}: what one MSET wrote")
        equal(set(members), {b"m%d" % (i + 1) for i in range(len(members))}, f"{self.name}: a set with a hole")
        return {"plain": int(plain or 0), "once": int(once or 0), "hash": int(field or 0), "set": len(members),
                "one": (register or b"").decode(), "two": (two or b"").decode()}

    def how_far(self, found):
        """How many of the writes are there: all keys must tell the same."""
        least, most = 0, len(self.history)
        for slot, value in found.items():
            places = [i for i, w in enumerate(self.history) if w.slot == slot]
            held = [self.base[slot]] + [self.history[i].value for i in places]
            if value not in held:
                raise Lost(f"{self.name}: {slot} is {value!r:.40}; was {held[0]!r:.40} at the last start, then "
                           f"{len(places)} writes up to {held[-1]!r:.40}")
            at = held.index(value)
            if at > 0:
                least = max(least, places[at - 1] + 1)
            if at < len(places):
                most = min(most, places[at])
        check(least <= most,
              f"{self.name}: no suffix is gone: write {least - 1} is there, and write {most} is not: {found}")
        return least

    def judge(self, gone, kept):
        if not gone:
            return
        self.lost += len(gone)
        cuts = self.server.cut_times[self.cuts_seen:]
        if self.always or not cuts:
            raise Lost(f"{self.name}: {len(gone)} acknowledged writes are gone, from {str(gone[0].command):.60} on; "
                       f"{kept} of {len(self.history)} are there")
        # Since the last look only the process that the first of the cuts ended has answered; some of that is read late.
        age = max(0.0, cuts[0] - gone[0].acknowledged_at)
        self.lost_age_s = max(self.lost_age_s, age)
        if age > self.everysec_bound:
            raise Lost(f"{self.name}: {len(gone)} writes are gone, the first acknowledged {age:.2f} s before the cut, "
                       f"from {str(gone[0].command):.60} on; {kept} of {len(self.history)} are there")


class Watcher(threading.Thread):
    """Reads what others write under `always`: what it was shown, no cut may take."""

    def __init__(self, server, books, stopping):
        super().__init__(name="watcher")
        self.server, self.stopping = server, stopping
        self.books = [b for b in books if b.always]
        self.reads = 0

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.server.client(timeout=20) as client:
                    while not self.stopping.is_set():
                        for book in self.books:
                            book.watched = max(book.watched, int(client("GET", book.key("plain")) or 0))
                            self.reads += 1
            except (Disconnected, holdfast.ReplyError):
                time.sleep(0.005)
