#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts the power under the server at random moments: what was not synced is there or not, by chance.

The server runs with a library before libc (power_cut_shim.c) that writes down what is done to its files and what is
synced. It is killed, its folder is put into a state in which a disk may then be (power_cut.py), and it is started again
under another boot id. Four keyspaces, strong and eventual with either durability; two clients on each
(power_cut_client.py). Nothing acknowledged or shown under `always` may be gone; under `everysec` a suffix of a
client's writes, of no more than the last second; ids have one effect; and no start may find damage.

    power_cut_test.py [--cuts 20] [--seed N] [--lie PART-OF-PATH] [--keep] [layer | cuts | lying_disk]

The seed decides what is written and what a cut takes, but not when things happen: the same seed is not the same run.
With --keep, a failure leaves the folder, its last four states after a cut, and what was done to the files before each.
"""
import argparse
import contextlib
import copy
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import holdfast
from holdfast import check, equal, run_cases
from power_cut import Disk
from power_cut_client import Books, Lost, Watcher

SHIM = holdfast.BUILD / "tests" / "libpower_cut_shim.so"
KEYSPACES = [(f"{guarantee[0]}{durability}", guarantee, durability)
             for guarantee in ("strong", "eventual") for durability in ("always", "everysec")]
SYNC_US_MAX = 20_000
# everysec: the sync begins a second after the oldest write that it covers, takes its time, and a write that came while
# one was under way waits for the next. The rest is for a machine that is busy with other things.
EVERYSEC_BOUND_S = 1.0 + 2 * SYNC_US_MAX / 1e6 + 0.5
# Most lives with many of them, so that cuts fall into them; some with none, which sync the logs, too.
CHECKPOINTS = [("300ms", "--checkpoint-log-size", "256kb"), ("300ms", "--checkpoint-log-size", "256kb"),
               ("1h", "--checkpoint-log-size", "1gb")]
# What a start may say after a power cut; any other warning fails the test.
EXPECTED = re.compile(r"cut off at offset|bytes long, made \d+ long again|the end of the origin log may be lost|"
                      r"a power cut took what was not yet on disk")


def make_folder():
    # No sync reaches the kernel here, so nothing is gained by a real disk.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="holdfast-power-", dir=place))


def shim_environment(folder, journal, **more):
    return ["env", f"LD_PRELOAD={SHIM}", f"SHIM_FOLDER={folder}", f"SHIM_JOURNAL={journal}",
            *(f"{k}={v}" for k, v in more.items())]


class Machine(holdfast.Server):
    """A server on a disk that forgets."""

    def __init__(self, chance, lie=None, how=None):
        self.place = make_folder()
        self.chance, self.lie, self.how = chance, lie, how
        (self.place / "disk").mkdir()
        super().__init__(data=self.place / "disk" / "data")
        # Both kinds of keyspaces share their logs, so where `always` is written nothing waits for a second.
        self.only_everysec = False
        self.disk = Disk(self.place / "disk")
        self.journal = self.place / "journal"
        self.cut_times = []
        self.log_read = 0
        self.cut_tails = self.incarnations = self.checkpoints = 0

    def __exit__(self, *error):
        keep = arguments.keep and error[0] is not None
        if keep:
            shutil.copy(self.log_path, self.place)
            print(f"   kept: {self.place}", flush=True)
        super().__exit__(*error)
        if not keep:
            shutil.rmtree(self.place, ignore_errors=True)

    def command(self):
        boot_id = self.place / "boot_id"
        boot_id.write_text(f"{uuid.UUID(int=self.chance.getrandbits(128))}\n")
        self.only_everysec = self.chance.random() < 0.4
        self.flags = ["--checkpoint-interval", *self.chance.choice(CHECKPOINTS)]
        more = {"SHIM_BOOT_ID": boot_id, "SHIM_SYNC_US": self.chance.choice((0, 300, 3000, SYNC_US_MAX))}
        if self.lie and self.cut_times:
            more["SHIM_LIE"] = self.lie
        return [*shim_environment(self.disk.folder, self.journal, **more), *super().command()]

    def power_cut(self):
        at = time.monotonic()
        self.kill()
        self.cut_times.append(at)
        self.disk.follow(self.journal)
        self.disk.compare()
        self.disk.cut(self.chance, self.how)
        if arguments.keep:
            self.keep(f"{len(self.cut_times) % 4}")
        self.journal.unlink(missing_ok=True)

    def keep(self, name):
        shutil.rmtree(self.place / f"after-{name}", ignore_errors=True)
        shutil.copytree(self.disk.folder, self.place / f"after-{name}")
        if self.journal.exists():
            self.journal.rename(self.place / f"journal-{name}")

    def read_log(self):
        """Counts what the log tells since the last call; nothing may be in it that tells of damage."""
        text = self.log()
        text = text[:text.rfind("\n") + 1]
        new, self.log_read = text[self.log_read:], len(text)
        self.cut_tails += new.count("cut off at offset")
        self.incarnations += new.count("the end of the origin log may be lost")
        self.checkpoints += new.count(" info checkpoint of")
        strange = [line for line in new.splitlines() if not re.search(r"Z info ", line) and not EXPECTED.search(line)]
        check(not strange, f"the server's log after a power cut: {strange[:5]}")


def run(cuts, seed, lie=None, how=None):
    chance = random.Random(seed)
    started = time.monotonic()
    print(f"   seed {seed}, {cuts} cuts", flush=True)
    with Machine(chance, lie, how) as machine:
        with machine.client() as client:
            for name, guarantee, durability in KEYSPACES:
                client("KEYSPACE", "CREATE", name, "GUARANTEE", guarantee, "DURABILITY", durability)
        stopping = threading.Event()
        books = [Books(machine, name, durability, n, seed, stopping, EVERYSEC_BOUND_S)
                 for name, _, durability in KEYSPACES for n in (1, 2)]
        watcher = Watcher(machine, books, stopping)
        for thread in [*books, watcher]:
            thread.start()
        done = told = 0
        try:
            while done < cuts and not stopping.wait(chance.choice((0.1, 0.4, 1.2, 3.0)) * chance.random()):
                machine.power_cut()
                done += 1
                machine.launch()
                while chance.random() < 0.2 and done < cuts:  # and again while it starts
                    time.sleep(chance.random() * 0.1)
                    machine.power_cut()
                    done += 1
                    machine.launch()
                machine.wait_ready()
                machine.read_log()
                if done // 50 > told:
                    told = done // 50
                    print(f"   {done} cuts, {time.monotonic() - started:.0f} s", flush=True)
            stopping.wait(0.5)
        finally:
            stopping.set()
            for thread in [*books, watcher]:
                thread.join()
        for failure in [b.failure for b in books if b.failure]:
            raise failure
        check_at_rest(machine, books)
        report(machine, books, watcher.reads, done, time.monotonic() - started)


def check_at_rest(machine, books):
    for graceful in (False, True):
        if graceful:
            equal(machine.stop(), 0, "graceful stop")
        machine.power_cut()
        machine.start()
        with machine.client() as client:
            for book in books:
                if graceful:
                    equal(len(book.history), book.how_far(book.look(client)), f"{book.name}: after a graceful stop")
                book.settle(client, len(machine.cut_times))
        machine.read_log()


def report(machine, books, reads, cuts, took):
    disk = machine.disk
    acknowledged = sum(b.acknowledged for b in books)
    lost = sum(b.lost for b in books)
    age = max(b.lost_age_s for b in books)
    resent, replayed = sum(b.resent for b in books), sum(b.replayed for b in books)
    print(f"   {cuts} cuts in {took:.0f} s: {acknowledged} writes acknowledged, {reads} reads, {lost} of the writes "
          f"(everysec) taken, the oldest {age:.2f} s before its cut; {resent} sent again by id, {replayed} replayed; "
          f"{disk.syncs} syncs, {machine.checkpoints} checkpoints, {disk.lost_pieces} pieces, {disk.lost_names} "
          f"names taken, {machine.cut_tails} tails cut off, {machine.incarnations} incarnations, "
          f"{disk.unfinished} kills within a call", flush=True)
    check(acknowledged > 100 * cuts, "too little was acknowledged to prove anything")
    check(lost > 0 and machine.cut_tails > 0, "the disk never forgot anything that mattered")
    # How many depends on how fast the machine is. (How often a kill falls into a call, too; that no more than that
    # one differs is checked at each.)
    check(machine.checkpoints > cuts / 20, "too few checkpoints")


def cuts():
    run(arguments.cuts, arguments.seed, arguments.lie)


def lying_disk():
    """The test of the test: where syncs do nothing from the second start on, it must be seen."""
    for lie in ("/log/", "/origin/", "/table/"):
        print(f"   of {lie}: {lied_to(lie, arguments.seed)}", flush=True)
    # There the server itself finds that something is gone, mostly. Not where the end of a log goes and nothing else.
    for lie in ("/log/", "/origin/"):
        outcomes = [lied_to(lie, arguments.seed + attempt, "first") for attempt in range(3)]
        print(f"   of {lie}, only the end of a file lost: {'; '.join(outcomes)}", flush=True)
        check(any(o.startswith("Lost") for o in outcomes), f"{lie}: the clients never saw that something is gone")


def lied_to(lie, seed, how=None):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run(20, seed, lie, how)
    except (AssertionError, holdfast.ReplyError) as seen:
        refused = re.search("error cannot start: .*", str(seen))
        return f"{type(seen).__name__}: {refused.group() if refused else seen}"
    raise AssertionError(f"syncs of {lie} that did nothing were not noticed in 20 cuts, seed {seed}")


# -- The layer itself, by a process whose every step is known

STEPS = """
import os, sys, threading, time
folder = sys.argv[1]
def path(name): return os.path.join(folder, name)
def made(name): return os.open(path(name), os.O_RDWR | os.O_CREAT, 0o600)
def sync_folder(): d = os.open(folder, os.O_RDONLY); os.fsync(d); os.close(d)
kept = made("kept"); os.write(kept, b"a" * 1024); os.fsync(kept)
grown = made("grown"); os.write(grown, b"a" * 1024); os.fdatasync(grown); os.ftruncate(grown, 512)
during = made("during"); os.write(during, b"a" * 512)
sync = threading.Thread(target=os.fsync, args=[during]); sync.start()
time.sleep(0.05)
os.pwrite(during, b"b" * 512, 512)
sync.join()
through = os.open(path("through"), os.O_WRONLY | os.O_CREAT | os.O_DSYNC, 0o600)
os.writev(through, [b"a" * 256, b"b" * 256])
ahead = made("ahead"); os.posix_fallocate(ahead, 0, 4096); os.fsync(ahead)
made("renamed"); made("removed")
sync_folder()
os.pwrite(kept, b"b" * 1024, 0)
os.rename(path("renamed"), path("new name")); os.remove(path("removed"))
os.link(path("kept"), path("linked")); made("never synced")
os.mkdir(path("below")); os.fsync(os.open(path("below"), os.O_RDONLY))
print("done", flush=True)
time.sleep(60)
"""


def layer():
    place = make_folder()
    try:
        folder = place / "disk"
        folder.mkdir()
        disk = Disk(folder)
        child = subprocess.Popen([*shim_environment(folder, place / "journal", SHIM_SYNC_US=200_000),
                                  sys.executable, "-c", STEPS, str(folder)], stdout=subprocess.PIPE, text=True)
        equal(child.stdout.readline(), "done\n", "the child")
        child.kill()
        child.communicate()
        disk.follow(place / "journal")
        disk.compare()
        equal(disk.unfinished, 0, "what is done to files is followed")
        outcomes = set()
        for seed in range(300):
            after = copy.deepcopy(disk)
            after.cut(random.Random(seed))
            outcomes.add(outcome({p.name: p.read_bytes() if p.is_file() else None for p in folder.iterdir()}))
    finally:
        shutil.rmtree(place)
    print(f"   {len(outcomes)} outcomes of 300 cuts")
    # Up to five changes of names, and four sectors, each there or not.
    check(len(outcomes) > 40, "too few outcomes")


def outcome(held):
    check(held["kept"][:512] in (b"a" * 512, b"b" * 512) and held["kept"][512:] in (b"a" * 512, b"b" * 512), "kept")
    check(held["grown"] in (b"a" * 512, b"a" * 1024), "grown")
    check(held["during"] in (b"a" * 512, b"a" * 512 + b"b" * 512), "during")
    equal((held["through"], held["ahead"]), (b"a" * 256 + b"b" * 256, bytes(4096)), "synced")
    # The changes of names come in their order, up to some point.
    happened = ["renamed" not in held, "removed" not in held, "linked" in held, "never synced" in held, "below" in held]
    equal(happened, sorted(happened, reverse=True), "the order of what was done to names")
    equal("new name" in held, "renamed" not in held, "a rename is whole")
    equal(held.get("linked", held["kept"]), held["kept"], "two names of one file")
    return (sum(happened), held["kept"], held["grown"], held["during"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="*")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--lie")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    run_cases({f.__name__: f for f in (layer, cuts, lying_disk)}, arguments.case)
