# SPDX-License-Identifier: Apache-2.0
"""Clients of a cluster that write down what they do and are told, for `holdfast check` (docs/history.md).

Every client has one operation outstanding. It tries at a random node; refused for now, unknown, cut off or
unanswered, it tries the same operation under the same request id at another. Counters, registers and
transfers between accounts are strong and go into the history. Beside them LOCAL reads, which must never
go back, and increments in an eventual keyspace, which must always succeed.
"""
import contextlib
import json
import random
import subprocess
import threading
import time
from collections import Counter

import holdfast
from holdfast import Client, Disconnected, ReplyError, check, encode, wait_until

REQUEST_TIMEOUT_S = 2  # of the nodes under test: give them workload.NODE_FLAGS
NODE_FLAGS = ["--request-timeout", f"{REQUEST_TIMEOUT_S}s"]
# A node that works must have answered by then, whatever is broken behind it.
# (The machine that runs nodes, engine and clients at once is allowed its part.)
ANSWER_WITHIN_S = REQUEST_TIMEOUT_S + 3
# Half of the clients wait for that, and so see that it holds. The others go
# elsewhere soon, while their first try may still be under way.
HASTY_S = 0.3
AVOID_S = 2.0  # a node that did not answer is left alone for so long
GIVE_UP_S = 20.0
TRY_AGAIN = {"UNAVAILABLE", "BUSY", "UNKNOWN", "EXECABORT"}
# New keys now and then: short histories of a key are checked fast.
GENERATION_S = 4.0
KEYS = 5
ACCOUNTS = 4


def plain(reply):
    """A reply as the history has it."""
    if isinstance(reply, bytes):
        return reply.decode()
    return [plain(r) for r in reply] if isinstance(reply, list) else reply


class OneClient(threading.Thread):
    def __init__(self, workload, number):
        super().__init__(name=f"client {number}", daemon=True)
        self.workload, self.number = workload, number
        self.random = random.Random(f"{workload.seed}/{number}")
        self.patience_s = HASTY_S if number % 2 else ANSWER_WITHIN_S
        self.lines = []      # tries of strong operations, as in docs/history.md
        self.successes = []  # (start, end) of answered strong operations, in ns
        self.counts = Counter()
        self.failure = None
        self.connections = {}  # node: Client
        self.avoid = {}        # node: until when
        self.local_seen = {}   # (node, key): the counter's value in a LOCAL read
        self.serial = 0
        self.likes, self.likes_unknown = Counter(), Counter()  # by node

    def run(self):
        try:
            while not self.workload.stopping.is_set():
                self.operation()
                if self.workload.think_s:
                    time.sleep(self.random.random() * 2 * self.workload.think_s)
        except Exception as error:
            self.failure = error
            self.workload.failed.set()
        finally:
            for connection in self.connections.values():
                connection.close()

    # -- What to do

    def operation(self):
        # (kind, weight): each a method below.
        pick = self.random.choices((self.count, self.register, self.transfer, self.read_counter, self.read_register,
                                    self.read_accounts, self.read_locally, self.like),
                                   (22, 18, 18, 10, 14, 8, 5, 5))[0]
        pick(int((time.monotonic() - self.workload.started) / GENERATION_S))

    def count(self, generation):
        self.write([["INCRBY", self.counter(generation), str(self.random.randint(1, 5))]])

    def register(self, generation):
        key = f"regs:{generation}-{self.random.randrange(KEYS)}"
        if self.random.random() < 0.2:
            self.write([["DEL", key]])
        else:
            self.write([["SET", key, f"v{self.number}.{self.serial}"]])

    def transfer(self, generation):
        a, b = self.random.sample(self.accounts(generation), 2)
        amount = str(self.random.randint(1, 9))
        self.write([["DECRBY", a, amount], ["INCRBY", b, amount]])

    def read_counter(self, generation):
        self.read([["GET", self.counter(generation)]])

    def read_register(self, generation):
        self.read([["GET", f"regs:{generation}-{self.random.randrange(KEYS)}"]])

    def read_accounts(self, generation):
        if self.random.random() < 0.5:
            balances = self.read([["MGET", *self.accounts(generation)]])
        else:
            balances = self.read([["GET", account] for account in self.accounts(generation)])
        if balances is not None:
            total = sum(int(b or 0) for b in balances)
            check(total == 0, f"the accounts of {generation} sum to {total} at one moment: {balances}")

    def read_locally(self, generation):
        """A LOCAL read may be stale, needs nothing but its node, and never goes back on one connection."""
        key = self.counter(generation)
        node = self.pick_node(None)
        with self.trying(node) as connection:
            if connection is None:
                return
            value = int(connection("LOCAL", "GET", key) or 0)
            self.counts["LOCAL read"] += 1
            seen = self.local_seen.get((connection, key), 0)
            check(value >= seen, f"LOCAL GET {key} at {node.name} went back from {seen} to {value}")
            self.local_seen[(connection, key)] = value

    def like(self, _):
        """An eventual increment needs nobody but its node. (Without an id: this one asks what is lost, not what is twice.)"""
        node = self.pick_node(None)
        with self.trying(node) as connection:
            if connection is None:
                return
            self.likes_unknown[node] += 1
            connection("INCR", f"likes:{node.name}")
            self.likes_unknown[node] -= 1
            self.likes[node] += 1
            self.counts["eventual write"] += 1

    def counter(self, generation):
        return f"counts:{generation}-{self.random.randrange(KEYS)}"

    @staticmethod
    def accounts(generation):
        return [f"bank:{generation}-{i}" for i in range(ACCOUNTS)]

    # -- How

    def write(self, commands):
        self.serial += 1
        # Some without an id: those can be tried once only.
        id = None if self.random.random() < 0.1 else f"{self.workload.run}-{self.number}-{self.serial}"
        began = time.monotonic_ns()
        end = time.monotonic() + GIVE_UP_S
        node, tries = None, 0
        while True:
            node = self.pick_node(node)
            settled, _ = self.attempt(node, commands, id)
            if settled:
                self.successes.append((began, time.monotonic_ns()))
                self.counts["write"] += 1
                break
            if id is None or time.monotonic() > end:
                self.counts["write given up"] += 1
                return
            if self.wait_before_retry(tries):
                return
            tries += 1
        if id and self.random.random() < 0.1:  # a late copy elsewhere: must be answered the same
            self.attempt(self.pick_node(node), commands, id)
            self.counts["late copy"] += 1

    def read(self, commands):
        began = time.monotonic_ns()
        end = time.monotonic() + GIVE_UP_S
        node, tries = None, 0
        while not self.workload.stopping.is_set() and time.monotonic() < end:
            node = self.pick_node(node)
            settled, reply = self.attempt(node, commands, None)
            if settled:
                self.successes.append((began, time.monotonic_ns()))
                self.counts["read"] += 1
                return reply[0] if commands[0][0] == "MGET" and isinstance(reply[0], list) else reply
            self.wait_before_retry(tries)
            tries += 1
        return None

    def wait_before_retry(self, tries):
        """Longer each time; true when the clients are to stop."""
        return self.workload.stopping.wait(min(1.0, 0.002 * 2 ** tries) * self.random.random())

    def attempt(self, node, commands, id):
        """One try at one node, written down. (True, reply) when it was answered for good."""
        connection = self.connect(node)
        if connection is None:
            return False, None
        many = len(commands) > 1
        once = ["ONCE", id] if id else []
        sent = [["MULTI"], *commands, [*once, "EXEC"]] if many else [[*once, *commands[0]]]
        line = {"client": self.number, "node": node.name, "multi" if many else "command": commands if many else commands[0]}
        if id:
            line["id"] = id
        self.lines.append(line)
        line["start"] = time.monotonic_ns()
        try:
            connection.send(b"".join(encode(c) for c in sent))
            replies = [connection.read() for _ in sent]
        except Disconnected as error:
            self.lost(node, line["start"], error)
            return False, None
        line["end"] = time.monotonic_ns()
        reply = replies[-1]
        if isinstance(reply, ReplyError):
            line["error"] = str(reply)
            self.counts[reply.code] += 1
            check(reply.code in TRY_AGAIN, f"{commands} under {id} at {node.name}: {reply}")
            return False, None
        line["reply"] = plain(reply)
        return True, reply if isinstance(reply, list) else [reply]

    @contextlib.contextmanager
    def trying(self, node):
        """For what is not in the history: a connection, or None; losing it or a refusal ends the block."""
        start = time.monotonic_ns()
        try:
            yield self.connect(node)
        except Disconnected as error:
            self.lost(node, start, error)
        except ReplyError as error:
            raise AssertionError(f"{node.name} refused what needs nobody else: {error}") from error

    def pick_node(self, other_than):
        nodes = [n for n in self.workload.cluster.nodes if n is not other_than and n.lives] or self.workload.cluster.nodes
        now = time.monotonic()
        return self.random.choice([n for n in nodes if self.avoid.get(n, 0) < now] or nodes)

    def connect(self, node):
        if node not in self.connections:
            try:
                self.connections[node] = Client(node.port, host=node.host, timeout=self.patience_s)
            except Disconnected:
                self.avoid[node] = time.monotonic() + 0.1
                self.counts["not connected"] += 1
                time.sleep(0.002)
                return None
        return self.connections[node]

    def lost(self, node, start_ns, error):
        self.connections.pop(node).close()
        self.counts["lost"] += 1
        waited = (time.monotonic_ns() - start_ns) / 1e9
        if waited < self.patience_s * 0.9:
            return
        self.avoid[node] = time.monotonic() + AVOID_S
        self.counts["unanswered"] += 1
        if self.patience_s < ANSWER_WITHIN_S:
            return
        # Whatever is broken around it, a node that itself was left alone answers in time.
        undisturbed = node.working and time.monotonic() - node.disturbed > waited + 0.5
        check(not undisturbed, f"{node.name} did not answer within {waited:.1f} s: {error}")


class Workload:
    """Clients at work on a cluster until stop(); then judge()."""

    def __init__(self, cluster, clients=10, seed=None, think_s=0.0):
        self.cluster, self.think_s = cluster, think_s
        self.seed = seed if seed is not None else random.SystemRandom().randrange(10**9)
        self.run = f"{self.seed:x}.{time.time_ns():x}"  # no id of another run on the same data
        self.stopping, self.failed = threading.Event(), threading.Event()
        self.clients = [OneClient(self, i) for i in range(clients)]
        self.faults = []  # {"fault", "start", "end"}
        self.outages = []
        self.started = 0.0

    def start(self):
        for name in ("counts", "regs", "bank"):
            self.cluster.create_keyspace(name)
        self.cluster.create_keyspace("likes", "GUARANTEE", "eventual")
        self.started = time.monotonic()
        for client in self.clients:
            client.start()
        return self

    @contextlib.contextmanager
    def fault(self, name):
        """What happens inside, healing and recovery included, counts as a fault."""
        fault = {"fault": name, "start": time.monotonic_ns()}
        self.faults.append(fault)
        try:
            yield
        finally:
            fault["end"] = time.monotonic_ns()
        self.raise_failures()

    @contextlib.contextmanager
    def outage(self, name):
        """As a fault, where nothing strong can succeed. The checker is not told: it asks for successes during
        faults. Clients back off, so that the refusals do not outweigh what was answered before and after."""
        before = self.refused()
        self.outages.append(name)
        yield
        check(self.refused() > before, f"{name}: nobody noticed")
        self.raise_failures()

    def refused(self):
        return sum(c.counts[code] for c in self.clients for code in ("UNAVAILABLE", "UNKNOWN"))

    def work(self, seconds):
        """Lets the clients work for a while; their failures end it at once."""
        self.failed.wait(seconds)
        self.raise_failures()

    def raise_failures(self):
        self.cluster.check_alive()
        for client in self.clients:
            if client.failure:
                raise client.failure

    def stop(self):
        self.stopping.set()
        for client in self.clients:
            client.join(GIVE_UP_S + 2 * ANSWER_WITHIN_S)
            check(not client.is_alive(), f"{client.name} does not end")
        self.raise_failures()

    # -- Afterwards

    def finals(self):
        """What each node says at the end, by strong reads: a line of the history each."""
        keys = {}
        for client in self.clients:
            for line in client.lines:
                for command in line.get("multi") or [line["command"]]:
                    for key in command[1:] if command[0] == "MGET" else command[1:2]:
                        keys.setdefault(key.split(":")[0], set()).add(key)
        lines = []
        for node in self.cluster.nodes:
            if not node.working:
                continue
            final = {}
            with node.client() as client:
                for names in keys.values():
                    names = sorted(names)
                    for at in range(0, len(names), 500):
                        part = names[at:at + 500]
                        final.update(zip(part, plain(client("MGET", *part))))
            lines.append({"final": final, "node": node.name})
        return lines

    def check_likes(self):
        """All nodes come to have the same eventual increments: every one that was acknowledged (but by a node that
        was wiped, which may have lost some), and none that was never sent."""
        names = [f"likes:{n.name}" for n in self.cluster.nodes]
        working = [n for n in self.cluster.nodes if n.working]

        def seen_at(node):
            with node.client() as client:
                return [int(value or 0) for value in client("MGET", *names)]
        wait_until(lambda: len({tuple(seen_at(n)) for n in working}) == 1, 15, "all nodes have the same eventual increments")
        for node, found in zip(self.cluster.nodes, seen_at(working[0])):
            acknowledged, unknown = (sum(getattr(c, name)[node] for c in self.clients) for name in ("likes", "likes_unknown"))
            check((node.wiped or acknowledged <= found) and found <= acknowledged + unknown,
                  f"{node.name}: {acknowledged} eventual increments acknowledged, {unknown} unknown, {found} found")

    def some_counters(self, count):
        """Some counters with what they must at least be by now."""
        least = {}
        for client in self.clients:
            for line in list(client.lines):
                command = line.get("command")
                # An id's late copies have the first's reply, so the greatest reply seen is a bound.
                if command and command[0] == "INCRBY" and "reply" in line:
                    least[command[1]] = max(line["reply"], least.get(command[1], 0))
        names = random.Random(self.seed).sample(sorted(least), min(count, len(least)))
        return {name: least[name] for name in names}

    def write_history(self, path, finals):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w") as file:
            for line in [*self.faults, *(line for c in self.clients for line in list(c.lines)), *finals]:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def longest_gap_ms(self, start=None, end=None):
        """The longest time without any strong operation answered, between two moments in ns."""
        ends = sorted(e for c in self.clients for _, e in c.successes)
        start = start if start is not None else ends[0] if ends else 0
        end = end if end is not None else ends[-1] if ends else 0
        inside = [start, *(e for e in ends if start <= e <= end), end]
        return max((b - a for a, b in zip(inside, inside[1:])), default=0) / 1e6

    def answered_after_ms(self, moment):
        """How long after a moment (ns) the next strong operation was answered."""
        return min((e for c in self.clients for _, e in c.successes if e >= moment), default=float("inf")) / 1e6 - moment / 1e6

    def numbers(self):
        counts = sum((c.counts for c in self.clients), Counter())
        latencies = sorted((e - s) / 1e6 for c in self.clients for s, e in c.successes)
        tries = sum(len(c.lines) for c in self.clients)
        answered = sum("reply" in line for c in self.clients for line in c.lines)
        return {
            "faults": len(self.faults) + len(self.outages), "seconds": round(time.monotonic() - self.started, 1),
            "operations": len(latencies), "tries": tries, "success": round(answered / max(1, tries), 4),
            "p50_ms": round(latencies[len(latencies) // 2], 2) if latencies else None,
            "p99_ms": round(latencies[len(latencies) * 99 // 100], 1) if latencies else None,
            "longest_gap_ms": round(self.longest_gap_ms()),
            "fault_gaps_ms": [round(self.longest_gap_ms(f["start"], f["end"])) for f in self.faults],
            "counts": dict(sorted(counts.items())),
        }


def judge(path, seconds=300):
    """The checker's verdict on a history: (exit code, what it printed)."""
    done = subprocess.run([str(holdfast.BINARY), "check", str(path)], capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()
