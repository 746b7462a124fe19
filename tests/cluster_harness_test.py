#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster tests' own tools do what they claim: a fault that is not made would prove nothing.

Run all, or those named: cluster_harness_test.py [CASE …]
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cluster_network
from cluster_etcd import EtcdCluster, Process, Unanswered
from cluster_network import Namespaces, SmallDisk
from holdfast import check, equal, run_cases, skip, wait_until

# Sends datagrams to an address, and keeps what comes from there.
PEER = """
import select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 9999))
while True:
    s.sendto(b"x", (sys.argv[2], 9999))
    if select.select([s], [], [], 0.01)[0]:
        open(sys.argv[3], "ab").write(s.recv(16))
"""


def etcd_members():
    """Members are killed, paused and moved, and the others elect."""
    with EtcdCluster() as etcd:
        etcd.start()
        first = etcd.leader()
        moved = etcd.move_leader()
        check(first is not moved, "the lead moved")
        moved.kill()
        third = etcd.leader()
        check(third is not moved, "another leads after a kill")
        etcd.launch(moved)
        third.pause()
        wait_until(lambda: etcd.leader() is not third, 20, "another leads while one is paused")
        try:
            third.status()
            raise AssertionError("a paused member answered")
        except Unanswered:
            pass
        third.resume()
        etcd.wait_healthy()
        equal(len(etcd.db_sizes()), 3, "sizes")


class Peer(Process):
    def __init__(self, here, there, folder):
        self.count = Path(folder) / here.space
        self.spawn(here, [sys.executable, "-c", PEER, here.address, there.address, str(self.count)],
                   Path(folder) / f"{here.space}.log")

    def hears(self):
        """Whether anything came within a while from now."""
        before = self.heard()
        time.sleep(0.3)
        return self.heard() > before

    def heard(self):
        return self.count.stat().st_size if self.count.exists() else 0


def partitions():
    """Cut both ways, one way, healed: each direction by itself, seen by datagrams."""
    if reason := cluster_network.why_not():
        skip(reason)
    network = Namespaces()
    with tempfile.TemporaryDirectory() as folder:
        a, b = network.host(), network.host()
        one, other = Peer(a, b, folder), Peer(b, a, folder)
        wait_until(lambda: one.heard() and other.heard(), 10, "both hear each other")
        try:
            for act, heard in ((network.heal, (True, True)), (lambda: network.cut([a], [b]), (False, False)),
                               (network.heal, (True, True)), (lambda: network.cut_one_way([a], [b]), (True, False)),
                               (network.heal, (True, True)), (lambda: network.cut_one_way([b], [a]), (False, True)),
                               (network.heal, (True, True))):
                act()
                # What was on its way, or lay in a buffer, comes first.
                wait_until(lambda heard=heard: (one.hears(), other.hears()) == heard, 10, f"who hears whom: {heard}")
        finally:
            one.kill()
            other.kill()
            network.close()


def what_crashed_runs_left():
    """A run that is killed with its namespaces and a mounted disk: the next one finds and removes them."""
    if reason := cluster_network.why_not():
        skip(reason)
    with tempfile.TemporaryDirectory() as folder:
        code = ("import cluster_network as n, subprocess, os, signal\n"
                f"network = n.Namespaces(); host = network.host(); n.SmallDisk('{folder}/disk', 1)\n"
                "subprocess.Popen(host.command(['sleep', '1000']))\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n")
        crashed = subprocess.Popen([sys.executable, "-B", "-c", code], cwd=Path(__file__).parent)
        crashed.wait()
        left = f"hf{crashed.pid}"

        def remains():
            return [w for w in (left + "n1", left + "br", left + "disk") if w in subprocess.run(
                "ip netns list; ip -o link; cat /proc/mounts", shell=True, capture_output=True, text=True, check=True).stdout]
        equal(len(remains()), 3, "what the crash left")
        with SmallDisk(Path(folder) / "mine", 1) as _:
            pass
        equal(remains(), [], "after a sweep")


def small_disk():
    """A small disk can be filled to the last byte and freed."""
    if os.geteuid() != 0:
        skip("mounting needs root")
    with tempfile.TemporaryDirectory() as folder, SmallDisk(Path(folder) / "disk", 2) as disk:
        disk.fill()
        try:
            (disk.path / "more").write_bytes(b"x" * 5000)
            raise AssertionError("a full disk took more")
        except OSError:
            pass
        disk.free()
        (disk.path / "more").write_bytes(b"x" * 5000)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (etcd_members, partitions, what_crashed_runs_left, small_disk)})
