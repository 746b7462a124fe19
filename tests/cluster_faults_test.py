#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults on a cluster under clients whose history must be linearizable: rows 1, 7, 8, 9 and 11 of the fault list.

Three nodes over three etcd members; ten clients write with ids and retry anywhere (cluster_workload.py).
Each case breaks something, lets it work broken, mends it, and again; at the end every node is read and
`holdfast check` judges all that clients were told. A case fails, too, when its fault hit nothing.

    cluster_faults_test.py [--rounds 2 | --seconds N] [--clients 10] [--seed N] [--results FILE] [CASE …]
"""
import argparse
import contextlib
import json
import random
import sys
import time
import traceback
from pathlib import Path

import cluster_network
import cluster_workload
import holdfast
from cluster import Cluster
from cluster_network import SmallDisk
from cluster_workload import REQUEST_TIMEOUT_S, Workload
from holdfast import check, wait_until

HISTORIES = holdfast.BUILD / "histories"
REFUSALS = ("UNAVAILABLE", "UNKNOWN")
# Checkpoints often, so that the log is trimmed under the clients and the faults fall into both.
FLAGS = [*cluster_workload.NODE_FLAGS, "--checkpoint-interval", "2s"]

# Writes must resume within a second of etcd's own election; the rest is for a
# machine that runs all of it at once.
RESUME_MS = 3000


class Stage:
    """What a case works with: the cluster, its clients, and a source of chance."""

    def __init__(self, cluster, workload, chance):
        self.cluster, self.workload, self.chance = cluster, workload, chance
        self.round = 0
        self.disk = None  # the first member's, where the case fills it
        self.elections = []  # when etcd had a new leader, in ns

    @contextlib.contextmanager
    def fault(self, name):
        with self.workload.fault(name):
            yield

    def node(self):
        return self.chance.choice(self.cluster.nodes)

    def member(self):
        """The leader every other time: that is the harder loss."""
        return self.cluster.etcd.leader() if self.round % 2 == 0 else self.chance.choice(self.cluster.etcd.followers())

    def await_election(self):
        """Until etcd has a leader again: from then on writes must go on."""
        self.cluster.etcd.leader()
        self.elections.append(time.monotonic_ns())

    def broken(self, least, most):
        """Time for the clients to meet what is broken."""
        self.workload.work(self.chance.uniform(least, most))

    def mended(self, mend):
        """Runs `mend`, and waits until every node and member works."""
        mend()
        self.cluster.etcd.wait_healthy()
        self.cluster.ready()


# -- One round of each case

def kill_node(stage):
    node = stage.node()
    with stage.fault(f"kill -9 {node.name}"):
        node.kill()
        stage.broken(0.2, 1.0)
        stage.mended(node.launch)


def pause_node(stage):
    node = stage.node()
    with stage.fault(f"SIGSTOP {node.name}"):
        node.pause()
        stage.broken(0.5, 4.0)
        stage.mended(node.resume)


def kill_etcd_member(stage):
    member = stage.member()
    with stage.fault(f"kill -9 {member.name}"):
        member.kill()
        stage.await_election()
        stage.broken(0.5, 2.5)
        stage.mended(lambda: stage.cluster.etcd.launch(member))


def pause_etcd_member(stage):
    member = stage.member()
    with stage.fault(f"SIGSTOP {member.name}"):
        member.pause()
        stage.await_election()
        stage.broken(1.0, 4.0)
        stage.mended(member.resume)


def etcd_leader_moved(stage):
    for _ in range(3):
        with stage.fault("lead moved"):
            stage.cluster.etcd.move_leader(stage.chance.choice(stage.cluster.etcd.followers()))
            stage.broken(0.1, 0.5)


def partition_minority(stage):
    """One etcd member and one node on the small side; sometimes the cut comes and goes."""
    member, node = stage.member(), stage.node()
    small = [member.place, node.place]
    large = [h for h in stage.cluster.node_hosts + stage.cluster.etcd_hosts if h not in small]
    flaps = stage.chance.choice((1, 1, 5))
    with stage.fault(f"{member.name} and {node.name} cut off" + (", flapping" if flaps > 1 else "")):
        for _ in range(flaps):
            stage.cluster.network.cut(small, large)
            stage.broken(2.5 / flaps, 5.0 / flaps)
            stage.cluster.network.heal()
            if flaps > 1:
                stage.broken(0.05, 0.4)
        stage.mended(lambda: None)


def partition_majority_side(stage):
    """One node is cut off from all of etcd, the others go on: it must refuse in time, and serve what it can."""
    node = stage.node()
    with stage.fault(f"{node.name} cut off from etcd"):
        stage.cluster.network.cut([node.place], stage.cluster.etcd_hosts)
        stage.broken(0.5, 1.5)
        must_refuse(node)
        stage.broken(0.5, 2.0)
        stage.mended(stage.cluster.network.heal)


def one_way_partition(stage):
    """Packets in one direction vanish: of a node to etcd or back, of a member to the rest or back."""
    member, node = stage.member(), stage.node()
    others = [h for h in stage.cluster.etcd_hosts if h is not member.place]
    name, senders, receivers = (
        (f"{node.name} to etcd", [node.place], stage.cluster.etcd_hosts),
        (f"etcd to {node.name}", stage.cluster.etcd_hosts, [node.place]),
        (f"{member.name} to all", [member.place], others + stage.cluster.node_hosts),
        (f"all to {member.name}", others + stage.cluster.node_hosts, [member.place]),
    )[stage.round % 4]
    with stage.fault(f"lost: {name}"):
        stage.cluster.network.cut_one_way(senders, receivers)
        stage.broken(2.5, 5.0)
        stage.mended(stage.cluster.network.heal)


def wipe_node_rejoins_under_load(stage):
    node = stage.node()
    least = stage.workload.some_counters(20)
    with stage.fault(f"{node.name} wiped"):
        node.kill()
        stage.broken(0.2, 3.0)
        node.wipe()
        stage.mended(node.launch)
    # It has everything, by itself.
    for name, value in least.items():
        with node.client() as client:
            check(int(client("LOCAL", "GET", name) or 0) >= value, f"{name} at {node.name} lacks what was acknowledged before")


def etcd_majority_stopped(stage):
    """Two of three members away: nothing strong works, everything is answered in time, and all goes on by itself."""
    members = stage.chance.sample(stage.cluster.etcd.members, 2)
    kill = stage.round % 2
    with stage.workload.outage("two members " + ("killed" if kill else "stopped")):
        for member in members:
            member.kill() if kill else member.pause()
        stage.broken(2.0, 4.0)
        must_refuse(stage.node())
        for member in members:
            stage.cluster.etcd.launch(member) if kill else member.resume()
        stage.mended(lambda: None)
    stage.broken(2.0, 3.0)


def cut_off(stage):
    """No etcd at all: strong is refused in time, LOCAL reads and eventual keyspaces work, /readyz tells."""
    with stage.workload.outage("no etcd"):
        for member in stage.cluster.etcd.members:
            member.kill()
        stage.broken(1.0, 2.0)
        for node in stage.cluster.nodes:
            must_refuse(node)
        if stage.round % 2 == 0:  # a node that starts now has its own state, and says that it is cut off
            node = stage.node()
            node.kill()
            node.launch()
            wait_until(lambda: node.http("/healthz")[0] == 200, 30, f"{node.name} starts without etcd")
            must_refuse(node)
        stage.mended(lambda: [stage.cluster.etcd.launch(m) for m in stage.cluster.etcd.members])
    stage.broken(2.0, 3.0)


def nodes_join_and_leave(stage):
    """A change every two seconds: a new node joins, or one of those leaves for good."""
    cluster = stage.cluster
    extra = cluster.nodes[3:]
    with stage.fault("a node " + ("leaves" if extra else "joins")):
        began = time.monotonic()
        if extra:
            node = extra[0]
            node.stop()
            cluster.nodes.remove(node)
            cluster.insist("NODE", "REMOVE", node.name)
            node.wipe()
        else:
            node = cluster.add_node()
            node.launch()
            node.wait_ready()
        stage.workload.work(max(0.0, 2 - (time.monotonic() - began)))


def must_refuse(node):
    """A node without etcd: what it cannot know it refuses within the deadline, what is its own it serves."""
    with node.client(timeout=REQUEST_TIMEOUT_S * 3) as client:
        for command in (("INCR", "counts:probe"), ("GET", "counts:probe")):
            began = time.monotonic()
            code = client.error(*command)
            took = time.monotonic() - began
            check(code in REFUSALS, f"{command} at {node.name} without etcd: {code}")
            check(command[0] != "GET" or code == "UNAVAILABLE", f"a read that was not answered is not {code}")
            check(took < REQUEST_TIMEOUT_S + 1, f"{command} at {node.name} without etcd took {took:.1f} s")
        client("LOCAL", "GET", "counts:probe")
        client("INCR", "likes:probe")
    status, told = node.http("/readyz")
    check(status == 503 and "etcd" in told, f"/readyz of {node.name} without etcd: {status} {told!r}")


def etcd_disk_full(stage):
    """The disk of one member is full; it ends or stalls, the others go on, and it comes back when there is room."""
    member, disk = stage.cluster.etcd.members[0], stage.disk
    if stage.round % 2 == 0 and stage.cluster.etcd.leader() is not member:
        stage.cluster.etcd.move_leader(member)
    with stage.fault(f"no space for {member.name}"):
        disk.fill()
        # Large values, so that the database grows past its free pages soon.
        end, told = time.monotonic() + 30, len(member.log())
        member.wanted = False  # it may end by itself
        while member.running and "no space left" not in member.log()[told:]:
            check(time.monotonic() < end, f"{member.name} took 30 s of large values with a full disk and said nothing")
            with contextlib.suppress(AssertionError):
                stage.cluster.insist("SET", f"fill:{stage.chance.randrange(50)}", "x" * 200_000, seconds=1)
        stage.broken(0.5, 2.0)
        member.kill()
        disk.free()
        stage.mended(lambda: stage.cluster.etcd.launch(member))


CASES = {f.__name__: f for f in (
    kill_node, pause_node, kill_etcd_member, pause_etcd_member, etcd_leader_moved, partition_minority, partition_majority_side,
    one_way_partition, etcd_disk_full, wipe_node_rejoins_under_load, etcd_majority_stopped, cut_off, nodes_join_and_leave)}
IN_NAMESPACES = {"partition_minority", "partition_majority_side", "one_way_partition"}


# -- Running them

def run_case(name, arguments, row):
    """Fills in the case's figures and verdict; raises on what the clients, the case or the checker found."""
    if name in (*IN_NAMESPACES, "etcd_disk_full") and (reason := cluster_network.why_not()):
        holdfast.skip(reason)
    history = HISTORIES / f"{name}.jsonl"
    with contextlib.ExitStack() as ending:
        cluster = ending.enter_context(Cluster(namespaces=name in IN_NAMESPACES, flags=FLAGS))
        workload = Workload(cluster, arguments.clients, seed=arguments.seed, think_s=arguments.think_ms / 1000)
        stage = Stage(cluster, workload, random.Random(f"{arguments.seed}/{name}"))
        if name == "etcd_disk_full":
            # Before etcd starts. Seven log segments of 64 MiB and the database must fit.
            stage.disk = ending.enter_context(SmallDisk(cluster.etcd.members[0].data, 768))
        cluster.start()
        workload.start()
        try:
            play(stage, CASES[name], arguments)
            workload.stop()
            cluster.ready()
            finals = workload.finals()
            workload.check_likes()
        except BaseException:
            workload.write_history(history, [])  # as far as it came, to be looked at
            raise
        finally:
            row.update(workload.numbers())
            row["after_election_ms"] = [round(workload.answered_after_ms(e)) for e in stage.elections]
    slow = [ms for ms in row["after_election_ms"] if ms > RESUME_MS]
    check(not slow, f"no write within {RESUME_MS} ms of etcd's election, but after {slow}")
    workload.write_history(history, finals)
    code, row["checker"] = cluster_workload.judge(history)
    row["verdict"] = {0: "linearizable", 1: "VIOLATION", 2: "INVALID"}.get(code, f"checker ended with {code}")
    check(code == 0, f"{row['verdict']} ({history}):\n{row['checker']}")


def play(stage, case, arguments):
    stage.workload.work(1.0)
    end = time.monotonic() + (arguments.seconds or 0)
    while stage.round < arguments.rounds if arguments.seconds is None else time.monotonic() < end:
        case(stage)
        stage.round += 1
        stage.workload.work(stage.chance.uniform(0.5, 1.5))


def table(rows):
    titles = ("case", "faults", "seconds", "operations", "success", "p50 ms", "p99 ms", "longest pause ms", "verdict")
    lines = [titles, *((r["case"], *(str(r.get(k, "")) for k in (
        "faults", "seconds", "operations", "success", "p50_ms", "p99_ms", "longest_gap_ms", "verdict"))) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=2, help="faults of each case")
    parser.add_argument("--seconds", type=float, help="rounds of each case until then, instead")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--think-ms", type=float, default=2.0, help="what a client waits between operations, on average")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--results", type=Path, help="append a JSON line for each case to this file")
    arguments = parser.parse_args()
    for name in arguments.cases:
        if name not in CASES:
            parser.error(f"no case {name}")
    rows = []
    for name in arguments.cases or CASES:
        print(f"== {name}, seed {arguments.seed}", flush=True)
        row = {"case": name, "seed": arguments.seed}
        try:
            run_case(name, arguments, row)
        except SystemExit as leave:
            if leave.code != holdfast.SKIPPED:
                raise
            row["verdict"] = "skipped"
        except Exception as error:  # every case runs, whatever happened to the one before
            traceback.print_exc()
            row.update(verdict=f"FAILED: {error}".splitlines()[0], failed=True)
        print("   " + json.dumps(row.get("counts", {})), flush=True)
        rows.append(row)
        if arguments.results:
            with open(arguments.results, "a") as file:
                file.write(json.dumps(row) + "\n")
    print(table(rows), flush=True)
    if any(r.get("failed") for r in rows):
        return 1
    return holdfast.SKIPPED if all(r["verdict"] == "skipped" for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
