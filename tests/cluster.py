#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Holdfast cluster of our own: nodes over an etcd cluster, or without one, on loopback or in network namespaces.

    cluster.py [--data FOLDER] [--nodes 3]     what ./dev cluster runs: starts one on fixed ports, until Ctrl-C
"""
import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import holdfast
from cluster_etcd import EtcdCluster, Process
from cluster_network import Loopback, Namespaces
from holdfast import Disconnected, ReplyError, Server, check, wait_until


class Node(Process, Server):
    """A node of a cluster. Its data folder outlives it; wipe() takes that away."""

    def __init__(self, cluster, number, place, ports=None):  # (Server's own constructor makes a folder for each)
        check(holdfast.BINARY.exists(), f"no {holdfast.BINARY}: run ./dev build")
        self.cluster, self.name, self.place = cluster, f"node{number}", place
        self.host = place.address
        self.data = cluster.folder / self.name
        self.log_path = cluster.folder / f"{self.name}.log"
        self.port, self.http_port, self.mesh_port = ports or (holdfast.free_port() for _ in range(3))
        self.flags = list(cluster.flags)
        self.ready_seconds = 60
        self.clock = None  # "OFFSET_S RATE", as clock_shim.c has it; None: the machine's
        self.lives = 0  # how often it was started
        self.wiped = False

    def command(self):
        anywhere = [] if self.host == "127.0.0.1" else ["--trust-network"]
        return [*super().command(), "--mesh", self.mesh, "--node", self.name, *self.cluster.engine_of(self),
                "--cluster", self.cluster.name, *anywhere]

    @property
    def mesh(self):
        return f"{self.host}:{self.mesh_port}"

    def launch(self):
        self.spawn(self.place, [*under_clock(self.clock), *self.command()], self.log_path)
        self.lives += 1
        return self

    def stop(self, seconds=60):
        self.wanted = False
        return super().stop(seconds)

    def behind(self, keyspace):
        """How far it says it may be behind each other node, in ms, by their names; None: it does not know."""
        with self.client(timeout=60) as client:
            info = client("KEYSPACE", "INFO", keyspace)
        told = dict(zip(info[::2], info[1::2]))[b"behind-ms"]
        return dict(zip(told[::2], told[1::2]))

    def wipe(self):
        check(not self.running, f"{self.name} must be dead to lose its data")
        shutil.rmtree(self.data, ignore_errors=True)
        self.wiped = True


def under_clock(clock):
    """A command's prefix that shows it another wall clock than the machine's."""
    if clock is None:
        return []
    return ["env", f"LD_PRELOAD={holdfast.BUILD / 'tests' / 'libclock_shim.so'}", f"SHIM_CLOCK={clock}"]


class Cluster:
    """Nodes over etcd members; call start(). A context manager: everything it started ends with it.

    Without etcd members each node is told of those of which the cluster has known when it was added, and of those
    it begins with.
    """

    def __init__(self, nodes=3, namespaces=False, folder=None, flags=(), name="test", ports=None, etcd_ports=None, etcd=3):
        self.temporary = None if folder else tempfile.mkdtemp(prefix="holdfast-cluster-")
        self.folder = Path(folder or self.temporary)
        self.network = Namespaces() if namespaces else Loopback()
        self.name = name
        self.flags = [str(f) for f in flags]
        self.etcd = EtcdCluster(self.folder / "etcd", self.network, members=etcd, ports=etcd_ports)
        self.nodes = []
        self.made = 0
        self.ports = ports
        self.peers = {}  # without etcd: what each node is told of the others
        for _ in range(nodes):
            self.add_node()
        for node in self.nodes:
            self.peers[node] = [other.mesh for other in self.nodes if other is not node]

    def engine_of(self, node):
        if self.etcd.members:
            return ["--engine", f"etcd://{self.etcd.endpoints}"]
        return ["--peers", ",".join(self.peers[node])]

    def add_node(self):
        """Another node, not yet started."""
        self.made += 1
        node = Node(self, self.made, self.network.host(), self.ports[self.made - 1] if self.ports else None)
        self.peers[node] = [other.mesh for other in self.nodes]
        self.nodes.append(node)
        return node

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and not issubclass(kind, (SystemExit, KeyboardInterrupt)):
            self.print_logs()
        self.close()

    def print_logs(self):
        for node in self.nodes:
            print(f"--- {node.name}'s last log lines ---\n{node.log()[-3000:]}", file=sys.stderr)

    def close(self):
        for node in self.nodes:
            node.kill()
        self.etcd.close()
        self.network.close()
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def start(self):
        self.etcd.start()
        for node in self.nodes:
            node.launch()
        self.ready()
        return self

    def stop(self):
        """Ends all as an operator would: nodes by SIGTERM, then etcd; whether all ended well."""
        codes = [node.stop() for node in self.nodes if node.running]
        for member in self.etcd.members:
            member.kill(signal.SIGTERM)
        return not any(codes)

    def ready(self):
        """Waits until every node that was not ended is ready."""
        for node in self.nodes:
            if node.wanted:
                node.wait_ready()

    def check_alive(self):
        """No process has ended by itself."""
        for process in [*self.nodes, *self.etcd.members]:
            check(process.running or not process.wanted, f"{process.name} ended by itself with "
                  f"{process.process and process.process.returncode}:\n{process.log()[-3000:]}")

    def client(self, **options):
        """A client of any node that works. (The money watcher takes a cluster for a server.)"""
        return random.choice([n for n in self.nodes if n.working] or self.nodes).client(**options)

    def insist(self, *command, seconds=30):
        """Runs a command at any node until one answers with other than a refusal that may pass; its reply."""
        end = time.monotonic() + seconds
        while True:
            try:
                with self.client(timeout=8) as client:
                    return client(*command)
            except (Disconnected, ReplyError) as error:
                if isinstance(error, ReplyError) and error.code not in ("UNAVAILABLE", "UNKNOWN", "BUSY"):
                    raise
                if time.monotonic() > end:
                    raise AssertionError(f"{command[:3]}: {error}, for {seconds} s") from error
                time.sleep(0.05)

    def create_keyspace(self, name, *options):
        with contextlib.suppress(ReplyError):  # an UNKNOWN before made it
            self.insist("KEYSPACE", "CREATE", name, *(options or ("GUARANTEE", "strong")))

        def known(node):
            with node.client(timeout=8) as client:
                return name.encode() in client("KEYSPACE", "LIST")
        for node in self.nodes:
            if node.working:
                wait_until(lambda n=node: known(n), 30, f"{node.name} knows the keyspace {name}")

    @property
    def node_hosts(self):
        return [n.place for n in self.nodes]

    @property
    def etcd_hosts(self):
        return [m.place for m in self.etcd.members]


# -- ./dev cluster

ETCD_PORTS = [(12379 + i, 12479 + i) for i in range(3)]
HINTS = """
Three nodes over three etcd members. In another terminal:

{clients}

  redis-cli -p {first} INCRBY visits 1
  redis-cli -p {second} ONCE order-17 INCRBY visits 1
  redis-cli -p {third} ONCE order-17 INCRBY visits 1      # a retry elsewhere: counted once
  redis-cli -p {first} NODE LIST

or without redis-cli:  printf 'INCRBY visits 1\\r\\n' | nc -q1 127.0.0.1 {first}

Break it, and go on at another node:
{kills}
What was killed comes back by itself after {pause} seconds. Ctrl-C stops all; the data stays in
{folder}.
"""
HINTS_WITHOUT_ETCD = """
Three nodes without an engine: eventual keyspaces only. In another terminal:

{clients}

  redis-cli -p {first} KEYSPACE CREATE likes GUARANTEE eventual
  redis-cli -p {second} ONCE anna:42 INCRBY likes:42 1
  redis-cli -p {third} ONCE anna:42 INCRBY likes:42 1      # a retry elsewhere: counted once
  redis-cli -p {first} NODE LIST

Break it: any one of them goes on alone.
{kills}
What was killed comes back by itself after {pause} seconds. Ctrl-C stops all; the data stays in
{folder}.
"""
PAUSE_SECONDS = 10


def node_ports(count):
    return [(7379 + 100 * i, 7380 + 100 * i, 7381 + 100 * i) for i in range(count)]


def print_hints(cluster):
    hints = HINTS if cluster.etcd.members else HINTS_WITHOUT_ETCD
    print(hints.format(
        clients="\n".join(f"  {n.name}: redis-cli -p {n.port}    http://127.0.0.1:{n.http_port}/" for n in cluster.nodes),
        first=cluster.nodes[0].port, second=cluster.nodes[1 % len(cluster.nodes)].port, third=cluster.nodes[-1].port,
        kills="".join(f"  kill -9 {p.process.pid:<8} # {p.name}\n" for p in [*cluster.nodes, *cluster.etcd.members]),
        pause=PAUSE_SECONDS, folder=cluster.folder), flush=True)


def keep_alive(cluster, stopping):
    """Starts again, after a while, what the user killed."""
    died = {}
    while not stopping.wait(0.2):
        for process in [*cluster.nodes, *cluster.etcd.members]:
            if process.running:
                died.pop(process, None)
            elif process not in died:
                died[process] = time.monotonic()
                print(f"{process.name} is gone (log: {process.log_path}); starts again in {PAUSE_SECONDS} s", flush=True)
            elif time.monotonic() - died[process] > PAUSE_SECONDS:
                process.launch() if isinstance(process, Node) else cluster.etcd.launch(process)
                print(f"{process.name} started again: process {process.process.pid}", flush=True)
                del died[process]


def main():
    parser = argparse.ArgumentParser(prog="./dev cluster", description="Three etcd members and three nodes on loopback, until Ctrl-C.")
    parser.add_argument("--data", help="the folder of all their data (default: data/cluster, or data/peers)")
    parser.add_argument("--without-etcd", action="store_true", help="nodes that need no engine: eventual keyspaces only")
    parser.add_argument("--nodes", type=int, default=3, choices=range(1, 10))
    arguments = parser.parse_args()
    stopping = threading.Event()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: stopping.set())
    folder = Path(arguments.data or ("data/peers" if arguments.without_etcd else "data/cluster")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(arguments.nodes, folder=folder, name="local", ports=node_ports(arguments.nodes),
                      etcd_ports=ETCD_PORTS, etcd=0 if arguments.without_etcd else 3)
    try:
        cluster.start()
        print_hints(cluster)
        keep_alive(cluster, stopping)
        print("stopping", flush=True)
        return 0 if cluster.stop() else 1
    except AssertionError as error:
        print(f"{error}\nThe logs are in {folder} and {folder}/etcd.", file=sys.stderr)
        return 1
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
