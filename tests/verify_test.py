#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`holdfast verify` as a user runs it: on clusters of its own, on one that runs, and on one that loses data.

    verify_test.py [CASE …]
"""
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import holdfast
from holdfast import Server, check, equal, run_cases, wait_until

RIGHT, VIOLATION, WRONG_USAGE = 0, 1, 64


def verify(*arguments, seconds=240):
    return subprocess.run([str(holdfast.BINARY), "verify", *map(str, arguments)],
                          capture_output=True, text=True, timeout=seconds, check=False)


def verdict_of(done):
    check(done.stdout.startswith("{"), f"exit code {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def own_cluster(flags, strong, faults=1):
    """Faults and load on a cluster that it starts; what it wrote is judged the same again."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        done = verify("--duration", "10s", "--out", out, "--json", *flags)
        told = verdict_of(done)
        equal(done.returncode, RIGHT, json.dumps(told, indent=1))
        equal(told["verdict"], "ok")
        check(told["faults"] >= faults, f"{told['faults']} faults only")
        check(told["eventual_reads"] > 0, "no eventual keyspace was read")
        equal(told["components"] > 0, strong, "strong keyspaces checked")
        check("<html" in (out / "report.html").read_text(), "no report")
        check(not (out / "cluster").exists(), "the cluster's data stayed")
        equal(verify("--check", out / "history.jsonl").returncode, RIGHT, "the history, checked again")
        print(f"   {told['operations']} operations, {told['faults']} faults")


def over_etcd():
    own_cluster([], strong=True)


def without_an_engine():
    own_cluster(["--etcd", "none"], strong=False)


def one_node():
    own_cluster(["--etcd", "none", "--nodes", "1"], strong=True)


def a_cluster_that_runs():
    with Server() as server, server.client() as client, tempfile.TemporaryDirectory() as folder:
        client("KEYSPACE", "CREATE", "mine", "GUARANTEE", "eventual", "REQUIRE-ID", "yes")
        client("ONCE", "a", "SET", "mine:kept", "v")
        before = client("KEYSPACE", "LIST")
        keys = client("DBSIZE")
        for flags in ([], ["--keyspace", "mine"]):
            done = verify("--resp", server.address, "--duration", "3s", "--out", folder, "--json", *flags)
            equal(done.returncode, RIGHT, done.stdout + done.stderr)
            equal(client("KEYSPACE", "LIST"), before, f"keyspaces after verify {flags}")
            equal(client("DBSIZE"), keys, f"keys after verify {flags}")
        equal(client("GET", "mine:kept"), b"v")


def a_cluster_where_services_sign_in():
    with Server() as server, server.client() as client, tempfile.TemporaryDirectory() as folder:
        root = client("SERVICE", "CREATE", "root", "ADMIN").decode()
        client("AUTH", "root", root)
        owner = client("SERVICE", "CREATE", "owner").decode()
        client("KEYSPACE", "CREATE", "mine", "GUARANTEE", "strong", "OWNER", "owner")
        common = ["--resp", server.address, "--duration", "3s", "--out", folder, "--json", "--patience", "5s"]
        for name, token, flags, code in (("root", root, [], RIGHT), ("owner", owner, ["--keyspace", "mine"], RIGHT),
                                         ("owner", root, ["--keyspace", "mine"], 2)):
            os.environ["HOLDFAST_TOKEN"] = token
            done = verify(*common, "--service", name, *flags)
            equal(done.returncode, code, f"as {name}: {done.stdout}{done.stderr}")
        del os.environ["HOLDFAST_TOKEN"]
        equal(verify(*common, "--service", "root").returncode, WRONG_USAGE, "without a token")


class NodeThatForgets:
    """A node in the hands of scripts, one of which ends it and takes its data away."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = holdfast.free_port()
        data, pid = self.folder / "data", self.folder / "pid"
        self.begin = (f"setsid {holdfast.BINARY} serve --data {data} --resp 127.0.0.1:{self.port} "
                      f"--http 127.0.0.1:{holdfast.free_port()} >>{self.folder}/log 2>&1 & echo $! >{pid}")
        self.forget = f"kill -9 $(cat {pid}); rm -rf {data}"

    def __enter__(self):
        subprocess.run(["sh", "-c", self.begin], check=True)
        wait_until(self.answers, 30, "the node answers")
        return self

    def __exit__(self, *_):
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)

    def answers(self):
        try:
            with holdfast.Client(self.port) as client:
                return client("PING") == "PONG"
        except holdfast.Disconnected:
            return False


def lost_data_are_found():
    with tempfile.TemporaryDirectory() as folder, NodeThatForgets(folder) as node:
        out = Path(folder) / "out"
        done = verify("--resp", f"127.0.0.1:{node.port}", "--duration", "6s", "--out", out, "--json",
                      "--break", node.forget, "--mend", node.begin)
        told = verdict_of(done)
        equal(done.returncode, VIOLATION, done.stdout)
        checks = {violation["check"] for violation in told["violations"]}
        check("linearizable" in checks or "exactly once" in checks, f"of strong data: {checks}")
        check(checks & {"causal", "lost"}, f"of eventual data: {checks}")
        equal(verify("--check", out / "history.jsonl").returncode, VIOLATION, "the history, checked again")
        smallest = out / "smallest.jsonl"
        equal(verify("--check", smallest).returncode, VIOLATION, "the smallest history")
        sizes = [len(f.read_text().splitlines()) for f in (smallest, out / "history.jsonl")]
        check(sizes[0] < sizes[1] / 10, f"the smallest history has {sizes[0]} lines of {sizes[1]}")
        print(f"   {sorted(checks)}; {sizes[0]} lines of {sizes[1]} show it")


def a_node_that_does_not_come_back():
    with tempfile.TemporaryDirectory() as folder, NodeThatForgets(folder) as node:
        done = verify("--resp", f"127.0.0.1:{node.port}", "--duration", "5s", "--out", folder, "--json",
                      "--break", f"kill -STOP $(cat {folder}/pid)", "--mend", "true", "--patience", "4s")
        equal(done.returncode, VIOLATION, done.stdout + done.stderr)
        checks = {violation["check"] for violation in verdict_of(done)["violations"]}
        check("recovery" in checks, f"{checks}")


def wrong_usage():
    for flags in (["--nosuch"], ["--duration", "soon"], ["--nodes", "0"], ["--keyspace", "x"], ["--break", "true"],
                  ["--resp", "nowhere"], ["--check", "/nosuch"]):
        equal(verify(*flags).returncode, WRONG_USAGE, f"{flags}")
    refused = verify("--resp", f"127.0.0.1:{holdfast.free_port()}", "--keyspace", "x", "--patience", "2s")
    check(refused.returncode == 2 and "knows the keyspace" in refused.stderr, f"nobody there: {refused}")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (over_etcd, without_an_engine, one_node, a_cluster_that_runs, a_cluster_where_services_sign_in, lost_data_are_found,
                                       a_node_that_does_not_come_back, wrong_usage)})
