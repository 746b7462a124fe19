#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console, as a person meets it: real nodes, and a browser.

    console_test.py [CASE …]
"""
import shutil
import signal
import subprocess
import sys

import holdfast
from browser import SECONDS, drive
from cluster import Cluster
from holdfast import Server, check, run_cases, skip
from node_packages import node_and_npm


def one_node(script, case):
    def test():
        with Server() as server:
            drive(script, case, [server.http_port], {
                "kill": lambda _: server.kill(),
                "stop": lambda _: check(server.stop() == 0, "it ends well"),
                "start": lambda _: server.start(),
                "pause": lambda _: server.process.send_signal(signal.SIGSTOP),
                "resume": lambda _: server.process.send_signal(signal.SIGCONT),
            })
    test.__name__ = case
    return test


def actions_of(cluster):
    def start(number):
        cluster.nodes[number].start()

    def etcd_away():
        for member in cluster.etcd.members[:2]:
            member.kill()

    def etcd_back():
        for member in cluster.etcd.members[:2]:
            cluster.etcd.launch(member)
        cluster.etcd.wait_healthy()

    return {
        "kill": lambda number: cluster.nodes[number].kill(),
        "start": start,
        "pause": lambda number: cluster.nodes[number].pause(),
        "resume": lambda number: cluster.nodes[number].resume(),
        "etcd-away": etcd_away,
        "etcd-back": etcd_back,
    }


def three_nodes_with_etcd():
    node_and_npm()
    if not shutil.which("etcd"):
        skip("etcd is not installed")
    with Cluster().start() as cluster:
        drive("cluster.mjs", "three_nodes_with_etcd", [n.http_port for n in cluster.nodes], actions_of(cluster))


def three_nodes_without_an_engine():
    node_and_npm()
    with Cluster(etcd=0).start() as cluster:
        drive("cluster.mjs", "three_nodes_without_an_engine", [n.http_port for n in cluster.nodes], actions_of(cluster))


def what_it_decides():
    """The unit tests of what the page computes, run by node's own runner where the build has its packages."""
    node, _ = node_and_npm()
    work = holdfast.BUILD / "console" / "work"
    check((work / "node_modules").exists(), f"no packages in {work}: run ./dev build")
    shutil.copytree(holdfast.ROOT / "console" / "test", work / "test", dirs_exist_ok=True)
    done = subprocess.run([node, "test/run.mjs"], cwd=work, timeout=SECONDS, check=False)
    check(done.returncode == 0, f"ended with {done.returncode}")


ONE_NODE = {
    "one_node.mjs": ("keyspaces", "data", "a_lost_answer_is_retried_under_its_id", "slow_and_settings",
                     "the_node_goes_and_comes_back"),
    "services_and_workflows.mjs": ("services", "workflows"),
    "everywhere.mjs": ("every_page_in_light_and_dark_wide_and_narrow", "by_keys_alone", "weight_and_strictness"),
}
CASES = {
    "what_it_decides": what_it_decides,
    **{case: one_node(script, case) for script, cases in ONE_NODE.items() for case in cases},
    "three_nodes_with_etcd": three_nodes_with_etcd,
    "three_nodes_without_an_engine": three_nodes_without_an_engine,
}

if __name__ == "__main__":
    run_cases(CASES, sys.argv[1:])
