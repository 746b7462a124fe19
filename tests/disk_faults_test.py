#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the disk can do to a node: full, failing, damaged, cut, or shared with a second process.

Rows 3 to 6 and 16 of the fault list. Run all, or those named: disk_faults_test.py [CASE …]
"""
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import holdfast
from holdfast import Disconnected, ReplyError, Server, check, equal, run_cases, skip, wait_until

REFUSED = {"UNAVAILABLE", "BUSY"}


def make_keyspaces(client):
    for guarantee in ("strong", "eventual"):
        for durability in ("always", "everysec"):
            client("KEYSPACE", "CREATE", f"{guarantee}-{durability}", "GUARANTEE", guarantee, "DURABILITY", durability)


# -- Row 6: disk full

FULL_SIZE_MIB = 128


def disk_full():
    if os.geteuid() != 0:
        skip("mounting a small tmpfs needs root")
    folder = Path(tempfile.mkdtemp(prefix="holdfast-full-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FULL_SIZE_MIB}m", "none", str(folder)],
                      capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        skip("mounting a tmpfs is not allowed here")
    try:
        for guarantee in ("strong", "eventual"):
            fill_up(folder, guarantee)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def fill_up(folder, guarantee):
    data = folder / guarantee
    with Server(data=data, flags=["--checkpoint-interval", "2s"]) as server, server.client() as client:
        make_keyspaces(client)
        name = f"{guarantee}-always"
        client("SET", f"{name}:before", "here")
        filler = folder / "filler"
        take_all_space(filler)
        value = "v" * 100_000
        acknowledged, refused = [], 0
        # What room was made ahead is used up first; then every write is refused, none half done.
        for i in range(5000):
            try:
                client("SET", f"{name}:k{i}", value)
                acknowledged.append(i)
            except ReplyError as error:
                check(error.code in REFUSED, f"a full disk answered {error}")
                refused += 1
                if refused == 20:
                    break
        check(refused == 20, f"{len(acknowledged)} writes of 100 kB and still no full disk")
        equal(client("GET", f"{name}:before"), b"here", "a read on a full disk")
        equal(server.http("/healthz")[0], 200, "alive on a full disk")
        check(server.http("/readyz")[0] in (200, 503), "readyz answers on a full disk")
        filler.unlink()
        freed = time.monotonic()

        def writes_again():
            try:
                return client("SET", f"{name}:after", "here") == "OK"
            except ReplyError as error:
                check(error.code in REFUSED, f"after space returned: {error}")
                return False
        wait_until(writes_again, 5, "writes after space returned, without a restart")
        took = time.monotonic() - freed
        for restarted in (False, True):
            if restarted:
                server.restart()
                client = server.client()
            for i in acknowledged:
                equal(len(client("GET", f"{name}:k{i}") or b""), len(value), f"acknowledged write {i}")
            equal(client("GET", f"{name}:after"), b"here", "the write after")
        print(f"   {guarantee}: {len(acknowledged)} writes acknowledged, then refused; writes again {took:.2f} s after")
    shutil.rmtree(data)


def take_all_space(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass


# -- Row 5: an error from a write or a sync

def failing_calls():
    for guarantee in ("strong", "eventual"):
        for call in ("fdatasync", "pwrite64"):
            for at in (1, 3, 20):
                one_failing_call(guarantee, call, at)


def one_failing_call(guarantee, call, at):
    # Only the n-th call fails, later ones succeed: the trap is to believe them.
    key = f"{guarantee}-always:n"
    with Server() as server, server.client() as client:
        make_keyspaces(client)
        equal(client("INCR", key), 1)
        client("SET", f"{guarantee}-everysec:k", "v")
        injector = subprocess.Popen(["strace", "-f", "-p", str(server.process.pid), "-o", "/dev/null", "-e", f"trace={call}",
                                     "-e", f"inject={call}:error=EIO:when={at}"], stderr=subprocess.PIPE, text=True)
        try:
            if "attached" not in injector.stderr.readline():
                skip("strace may not trace here")
            acknowledged, unknown, refused_at = attempt(server, client, key)
        finally:
            injector.terminate()
            injector.communicate()
        check(refused_at is not None, f"the {at}th {call} failed and none of 400 writes was refused")
        if server.process.poll() is None:
            with server.client() as reader:
                equal(reader("GET", f"{guarantee}-everysec:k"), b"v", "reads stay")
                # Where a write is in doubt its keyspace may refuse: a value must not be shown that a crash could undo.
                try:
                    check(int(reader("GET", key)) >= acknowledged, "a read shows what was acknowledged")
                except ReplyError as error:
                    equal(error.code, "UNAVAILABLE", "a read of what is in doubt")
        server.restart()
        with server.client() as after:
            found = int(after("GET", key))
            check(acknowledged <= found <= acknowledged + unknown,
                  f"{acknowledged} acknowledged, {unknown} unknown, {found} found")
            check(after("INCR", key) == found + 1, "writes after a restart on a good disk")
        print(f"   {guarantee}, {call} {at}: write {refused_at} refused, {acknowledged} acknowledged, {unknown} unknown, {found} found")


def attempt(server, client, key):
    """Increments until some are refused: the last value acknowledged, how many are unknown, the first refused."""
    acknowledged, unknown, refused_at = 1, 0, None
    for i in range(400):
        try:
            value = client("INCR", key)
            check(refused_at is None, f"write {i} was acknowledged after write {refused_at} was refused")
            acknowledged = value
        except (ReplyError, Disconnected) as error:
            code = getattr(error, "code", "UNKNOWN")
            check(code in REFUSED | {"UNKNOWN"}, f"a failing disk answered {error}")
            unknown += code == "UNKNOWN"
            refused_at = i if refused_at is None else refused_at
            if i > refused_at + 5:
                break
            if isinstance(error, Disconnected):
                if server.process.poll() is not None:
                    break  # to end is a way to stop writes at once
                client = server.client()
    return acknowledged, unknown, refused_at


# -- Rows 3 and 4: damaged files

class Written:
    """A folder written by a server, and what it must answer."""

    def __init__(self, folder, clean):
        self.folder = folder
        self.answers = {}
        with Server(data=folder, flags=["--checkpoint-interval", "200ms"]) as server, server.client() as client:
            make_keyspaces(client)
            for part in range(4):  # several checkpoints, and a log after the last
                for guarantee in ("strong", "eventual"):
                    for durability in ("always", "everysec"):
                        self.write(client, f"{guarantee}-{durability}", part)
                time.sleep(0.25 if part < 3 else 0)
            if clean:
                equal(server.stop(), 0, "graceful stop")

    def write(self, client, name, part):
        commands = []
        for i in range(60):
            n = part * 60 + i
            commands.append(("SET", f"{name}:s{n}", f"value-{n}" * (1 + n % 7)))
            commands.append(("ONCE", f"id-{n}", "INCRBY", f"{name}:c", n))
            commands.append(("HSET", f"{name}:h", f"f{n}", n))
            commands.append(("SADD", f"{name}:set", f"m{n}"))
            self.answers[("GET", f"{name}:s{n}")] = (f"value-{n}" * (1 + n % 7)).encode()
            self.answers[("HGET", f"{name}:h", f"f{n}")] = str(n).encode()
            self.answers[("SISMEMBER", f"{name}:set", f"m{n}")] = 1
        for command, reply in zip(commands, client.pipeline(commands)):
            check(not isinstance(reply, ReplyError), f"{command}: {reply}")
            if command[0] == "ONCE":
                self.answers[command] = reply  # a retry: the same reply, and no second effect
        self.answers[("GET", f"{name}:c")] = str(sum(range((part + 1) * 60))).encode()

    def copy(self):
        to = Path(tempfile.mkdtemp(prefix="holdfast-damaged-")) / "data"
        shutil.copytree(self.folder, to, symlinks=True)
        return to

    def wrong(self, client):
        """Answers that differ from what was acknowledged, errors aside."""
        questions = list(self.answers)
        replies = client.pipeline(questions)
        return [(q, r, self.answers[q]) for q, r in zip(questions, replies)
                if not isinstance(r, ReplyError) and r != self.answers[q]]


def start_damaged(data):
    """Starts on a damaged folder: the server, or None with its log where it refused."""
    server = Server(data=data)
    server.launch()

    def settled():
        return server.process.poll() is not None or server.http("/readyz")[0] == 200
    wait_until(settled, 20, "start or refusal on a damaged folder")
    return server


def flipped_bits(flips=int(os.environ.get("HOLDFAST_FLIPS", "120"))):
    base = Path(tempfile.mkdtemp(prefix="holdfast-flips-"))
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    refused = served = 0
    try:
        written = Written(base / "data", clean=True)
        files = sorted(p for p in written.folder.rglob("*") if p.is_file() and p.stat().st_size > 0)
        print(f"   seed {seed}; {len(files)} files: {', '.join(sorted({kind(p) for p in files}))}")
        for _ in range(flips):
            # Each kind of file gets its share, however many bytes it has.
            chosen = chance.choice(sorted({kind(p) for p in files}))
            path = chance.choice([p for p in files if kind(p) == chosen])
            copy = written.copy()
            where = flip(copy / path.relative_to(written.folder), chance)
            server = start_damaged(copy)
            try:
                if server.process.poll() is not None:
                    refused += 1
                    check(server.process.returncode > 0, f"{path.name} at {where}: ended by a signal\n{server.log()[-2000:]}")
                else:
                    served += 1
                    with server.client() as client:
                        wrong = written.wrong(client)
                    check(not wrong, f"bit {where} of {path.name} flipped, and {len(wrong)} answers are wrong: {wrong[:3]}"
                          f"\n{server.log()[-2000:]}")
            finally:
                server.kill()
                shutil.rmtree(server.folder, ignore_errors=True)
                shutil.rmtree(copy.parent, ignore_errors=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f"   {flips} flips: {refused} refused to start, {served} served, every answer right or an error")


def kind(path):
    return re.sub(r"[0-9a-f]{6,}|\d+", "N", path.name)


def flip(path, chance):
    data = bytearray(path.read_bytes())
    # Half of the flips among bytes that are not zero: logs are filled with zeros ahead.
    at = chance.randrange(len(data))
    if chance.random() < 0.8:
        used = [m.start() for m in re.finditer(rb"[^\0]", bytes(data))]
        at = chance.choice(used) if used else at
    data[at] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return at


def cut_tails():
    """Logs cut short as by a torn write: all start, and what is left is a prefix of what was written."""
    chance = random.Random(7)
    base = Path(tempfile.mkdtemp(prefix="holdfast-cuts-"))
    try:
        with Server(data=base / "data", flags=["--checkpoint-interval", "1h"]) as server, server.client() as client:
            make_keyspaces(client)
            # The kill lets no checkpoint be written: all is in the logs.
            for i in range(300):
                for guarantee in ("strong", "eventual"):
                    client("SET", f"{guarantee}-always:k{i}", f"value {i}")
            server.kill()
        logs = sorted(p for p in (base / "data").rglob("*") if p.is_file() and p.stat().st_size >= 1 << 16 and b"value 299" in p.read_bytes())
        check(logs, "no log file with the last writes was found")
        for path in logs:
            content = path.read_bytes()
            end = content.rindex(b"value 299") + 9
            for cut in [end - 1, end - 9, *(end - chance.randrange(1, 4096) for _ in range(10))]:
                copy = Path(tempfile.mkdtemp(prefix="holdfast-cut-")) / "data"
                shutil.copytree(base / "data", copy)
                target = copy / path.relative_to(base / "data")
                if cut % 2:
                    os.truncate(target, cut)
                else:  # the same, with the zeros that a file's extension leaves
                    target.write_bytes(content[:cut] + bytes(len(content) - cut))
                with Server(data=copy) as server, server.client() as client:
                    for guarantee in ("strong", "eventual"):
                        there = [client("EXISTS", f"{guarantee}-always:k{i}") for i in range(300)]
                        kept = sum(there)
                        check(there == [1] * kept + [0] * (300 - kept), f"cut at {cut}: a hole in {guarantee}")
                        mine = f"{guarantee}-always:k".encode()
                        whole = len(set(re.findall(re.escape(mine) + rb"\d+", content[:cut])))
                        check(mine not in content or kept >= whole - 2, f"cut at {cut}: {kept} kept of {whole}")
                    check(client("SET", "strong-always:again", "x") == "OK", "writes after a cut")
                shutil.rmtree(copy.parent)
        print(f"   {len(logs)} logs, each cut at 12 places")
    finally:
        shutil.rmtree(base, ignore_errors=True)


# -- Row 16: one folder, two processes

def second_process():
    with Server() as first, first.client() as client:
        client("SET", "a", "1")
        second = Server(data=first.data)
        try:
            second.launch()
            code = second.process.wait(20)
            check(code not in (0, None) and code > 0, f"a second process on the same folder ended with {code}")
            check(str(first.data) in second.log(), f"the refusal names the folder: {second.log()}")
        finally:
            second.kill()
            shutil.rmtree(second.folder, ignore_errors=True)
        equal(client("GET", "a"), b"1", "the first goes on")
        first.kill()
        first.start()  # a lock does not outlive its process


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (disk_full, failing_calls, flipped_bits, cut_tails, second_process)})
