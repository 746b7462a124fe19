#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console, as a person meets it: real nodes, and Debian's chromium driven from tests/browser/.

    console_test.py [CASE …]

Pictures of every page go to the folder that HOLDFAST_SCREENSHOTS names, else to screenshots/ of the build.
"""
import json
import os
import shutil
import signal
import subprocess
import sys

import holdfast
from cluster import Cluster
from holdfast import Server, check, run_cases, skip

FOLDER = holdfast.ROOT / "tests" / "browser"
SCREENSHOTS = os.environ.get("HOLDFAST_SCREENSHOTS", str(holdfast.BUILD / "screenshots"))
BANK = holdfast.ROOT / "examples" / "bank" / "accounts.lua"
SECONDS = 300


def tools():
    """node and npm, or the case is skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        skip("node or npm is not installed")
    return node, npm


def installed(npm):
    lock, mark = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=FOLDER, capture_output=True,
                              text=True, timeout=300, check=False)
        check(done.returncode == 0, f"npm ci: {done.stderr[-2000:]}")


def drive(script, case, nodes, actions):
    """Runs a case of a script of tests/browser/. A line "@what" of it asks for an action here; "done" answers."""
    node, npm = tools()
    chromium = shutil.which("chromium")
    if not chromium:
        skip("chromium is not installed (./dev deps all), or cannot be on this machine")
    installed(npm)
    told = {"nodes": [n.http_port for n in nodes], "chromium": chromium, "screenshots": SCREENSHOTS}
    process = subprocess.Popen([node, script, case, json.dumps(told)], cwd=FOLDER, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env={**os.environ, "HOLDFAST_BANK": str(BANK)})
    try:
        for line in process.stdout:
            if not line.startswith("@"):
                print(line, end="", flush=True)
                continue
            what, *numbers = line[1:].split()
            actions[what](*map(int, numbers))
            process.stdin.write("done\n")
            process.stdin.flush()
        code = process.wait(SECONDS)
    finally:
        process.kill()
    check(code == 0, f"{script} {case} ended with {code}")


def one_node(script, case):
    def test():
        with Server() as server:
            drive(script, case, [server], {
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
    tools()
    if not shutil.which("etcd"):
        skip("etcd is not installed")
    with Cluster().start() as cluster:
        drive("cluster.mjs", "three_nodes_with_etcd", cluster.nodes, actions_of(cluster))


def three_nodes_without_an_engine():
    tools()
    with Cluster(etcd=0).start() as cluster:
        drive("cluster.mjs", "three_nodes_without_an_engine", cluster.nodes, actions_of(cluster))


def what_it_decides():
    """The unit tests of what the page computes, run by node's own runner where the build has its packages."""
    node, _ = tools()
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
