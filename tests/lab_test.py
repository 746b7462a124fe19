#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`holdfast lab` as a user runs it: scenes played as scripts, and its page. What is counted is checked, never how fast.

    lab_test.py [CASE …]
"""
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import jsonschema

import browser
import holdfast
import node_packages
from holdfast import check, equal, run_cases, wait_until

HELD, NOT_PLAYED, WRONG_USAGE = 0, 2, 64
SECONDS = 300  # for what takes some twenty


def lab(scenario, *flags):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.json"
        file.write_text(scenario if isinstance(scenario, str) else json.dumps(scenario))
        return subprocess.run([str(holdfast.BINARY), "lab", "--headless", "--scenario", str(file), *map(str, flags)],
                              capture_output=True, text=True, timeout=SECONDS, check=False)


def play(scenario, *flags):
    done = lab(scenario, *flags)
    check(done.stdout.startswith("{"), f"exit code {done.returncode}: {done.stdout}{done.stderr}")
    told = json.loads(done.stdout)
    equal(done.returncode, HELD, json.dumps(told, indent=1))
    check(told["held"], told["verdict"])
    print(f"   {told['verdict']}")
    return told


def while_broken(told, what):
    """The phase in which that was so."""
    return next(phase for phase in told["phases"] if what in phase["broken"])


def equal_in_the_end(told, scene):
    """All nodes count what was acknowledged, and what is unknown or not; how many that are."""
    load = told["loads"][scene]
    counted = {node["counted"] for node in load["nodes"].values()}
    equal(len(load["nodes"]), 3, "nodes")
    equal(len(counted), 1, f"nodes differ: {load['nodes']}")
    writes = load["writes"]
    check(writes["acknowledged"] <= counted.pop() <= writes["acknowledged"] + writes["unknown"], f"{load}")
    equal(writes["sent"], writes["acknowledged"] + writes["refused"] + writes["unknown"], "every write is accounted for")
    return load


CUT_AND_HEALED = {"rate": 150, "seconds": 9,
                  "actions": [{"at": "2s", "cut": "node3"}, {"at": "6s", "heal": "node3"}]}


def likes_cut_and_healed():
    told = play({"scene": "likes", **CUT_AND_HEALED})
    load = equal_in_the_end(told, "likes")
    equal(len(set(load["digests"])), 1, "digests")
    cut = while_broken(told, "node3 is cut off")["loads"]["likes"]["nodes"]
    for node in cut.values():
        check(node["accepted"] > 0, f"an eventual keyspace always answers: {cut}")
    equal(cut["node3"]["refused"], 0, "refused by the node that is cut off")
    check(cut["node3"]["behind"] > 0, "who is cut off shows less than the others acknowledged")
    healed = next(phase for phase in told["phases"] if "heal node3" in phase["actions"])
    check(healed["loads"]["likes"]["caught_up_ms"] is not None, "the nodes met again")


def accounts_cut_off():
    if not holdfast.shutil.which("etcd"):
        holdfast.skip("etcd is not installed")
    told = play({"scene": "both", **CUT_AND_HEALED})
    load = equal_in_the_end(told, "accounts")
    equal((load["stale_reads"], load["wrong_sums"]), (0, 0), "strong reads and sums")
    equal_in_the_end(told, "likes")
    cut = while_broken(told, "node3 is cut off")["loads"]
    strong = cut["accounts"]["nodes"]
    check(strong["node3"]["refused"] + strong["node3"]["unknown"] > 0, f"nobody was refused: {strong}")
    check(strong["node3"]["codes"].keys() <= {"UNAVAILABLE", "UNKNOWN", "NOANSWER"}, f"{strong['node3']['codes']}")
    for node in ("node1", "node2"):
        check(strong[node]["accepted"] > 0, f"the majority goes on: {strong}")
    check(cut["likes"]["nodes"]["node3"]["accepted"] > 0, "the same node takes likes")


def retry_counts_double_only_without_ids():
    told = play({"scene": "retry", "rate": 90, "seconds": 10, "actions": [
        {"at": "1s", "lose_replies": "clients", "share": 0.3}, {"at": "3s", "cut": "mesh"},
        {"at": "7s", "heal": "mesh"}, {"at": "8s", "heal": "clients"}]})
    load = equal_in_the_end(told, "retry")
    plain = load["writes_without_ids"]
    check(load["writes"]["tries"] > load["writes"]["sent"], "nothing was tried twice")
    for node in load["nodes"].values():
        equal(node["counted"], load["writes"]["sent"], "with ids")
        check(node["counted_without_ids"] > plain["sent"], f"without ids nothing was counted twice: {load}")


EVERYTHING = {"rate": 60, "seconds": 14, "things": 5, "actions": [
    {"at": "1s", "delay": "node1-node2", "by": "200ms", "jitter": "50ms"},
    {"at": "1s", "cut": "node1>node3"},
    {"at": "4s", "heal": "all"},
    {"at": "4s", "lose": ["node1-node2", "node2-node3"], "share": 0.2},
    {"at": 6, "heal": "mesh"},
    {"at": "6s", "pause": "node2"},
    {"at": "8s", "resume": "node2"},
    {"at": "9s", "kill": "node3"},
    {"at": "11s", "start": "node3"}]}


def links_and_processes():
    """Every kind of action does what it says to real processes, and all is well in the end."""
    told = play({"scene": "likes", **EVERYTHING}, "--etcd", "none")
    equal_in_the_end(told, "likes")
    slow = while_broken(told, "node1-node2 is slower by 200 to 250 ms each way")
    nodes = slow["loads"]["likes"]["nodes"]
    check(nodes["node2"]["behind_ms"] > 100, f"what comes later is known later: {nodes}")
    check(nodes["node3"]["behind"] > 0, f"what node1 sends does not arrive: {nodes}")
    paused = while_broken(told, "node2 is paused")["loads"]["likes"]["nodes"]["node2"]
    check(paused["unknown"] > 0, f"a node that stands still does not answer: {paused}")
    while_broken(told, "node3 is killed")


def without_etcd():
    refused = lab({"scene": "accounts"}, "--etcd", "none")
    equal(refused.returncode, NOT_PLAYED, refused.stdout + refused.stderr)
    check("install etcd" in refused.stderr, refused.stderr)
    told = play({"scene": "likes", **CUT_AND_HEALED}, "--etcd", "none")
    equal_in_the_end(told, "likes")
    check("without an engine" in told["cluster"], told["cluster"])
    alone = play({"scene": "accounts", "rate": 60, "seconds": 2}, "--etcd", "none", "--nodes", 1)
    check(alone["loads"]["accounts"]["writes"]["acknowledged"] > 0, "one node is strong by itself")


def likes_of_a_file():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "likes.csv"
        file.write_text("who,film\n" + "".join(f"{who},{film}\n" for who in range(40) for film in ("brazil", "ran")))
        told = play({"scene": "likes", "rate": 60, "seconds": 4}, "--etcd", "none", "--likes", file, "--post", "film", "--id", "who")
        equal_in_the_end(told, "likes")
        wrong = lab({"scene": "likes"}, "--etcd", "none", "--likes", file)
        equal(wrong.returncode, WRONG_USAGE, wrong.stderr)
        check("no column 'post'" in wrong.stderr and "who, film" in wrong.stderr, wrong.stderr)


def scenario_errors():
    schema = json.loads((holdfast.ROOT / "docs" / "formats" / "lab-scenario.schema.json").read_text())
    jsonschema.validate({"scene": "likes", **CUT_AND_HEALED}, schema)
    jsonschema.validate({"scene": "retry", **EVERYTHING}, schema)
    for scenario, complaint in (
            ("{", "no JSON"),
            ({"scene": "lykes"}, "scene: is none of likes"),
            ({"scene": "likes", "second": 3}, "second: is not known here"),
            ({"scene": "likes", "actions": [{"at": "1s", "cut": "node1", "heal": "node1"}]}, "actions[0].heal: is one action too many"),
            ({"scene": "likes", "actions": [{"at": "1s", "lose": "mesh", "share": 2}]}, "actions[0].share: is no number"),
            ({"scene": "likes", "actions": [{"at": "1s", "cut": "node9"}]}, "actions[0].cut: no link 'node9'"),
            ({"scene": "likes", "actions": [{"at": "99s", "kill": "node1"}]}, "actions[0].at: is no time up to 12s")):
        done = lab(scenario)
        if isinstance(scenario, dict) and "node9" not in complaint and "up to 12s" not in complaint:
            check(list(jsonschema.Draft202012Validator(schema).iter_errors(scenario)), f"the schema allows {scenario}")
        equal(done.returncode, WRONG_USAGE, f"{scenario}: {done.stdout}{done.stderr}")
        check(complaint in done.stderr, f"{scenario}: {done.stderr}")
    for flags in (["--headless"], ["--scenario", "/nosuch"], ["--nodes", "0"], ["--likes", "/nosuch"], ["--nosuch"],
                  ["--data", "/etc"]):
        done = subprocess.run([str(holdfast.BINARY), "lab", *flags], capture_output=True, text=True, timeout=60, check=False)
        equal(done.returncode, WRONG_USAGE, f"{flags}: {done.stdout}{done.stderr}")


def what_is_ended_leaves_nothing():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.json"
        file.write_text(json.dumps({"scene": "likes", "seconds": 600}))
        process = subprocess.Popen([str(holdfast.BINARY), "lab", "--headless", "--scenario", str(file), "--etcd", "none"],
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder})
        wait_until(lambda: list(Path(folder).glob("holdfast-lab-*/node*")), 60, "nodes are started")
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        equal(process.returncode, NOT_PLAYED, said)
        equal(list(Path(folder).glob("holdfast-lab-*")), [], "its folder")


class Page:
    """A lab with its page, spoken to as a browser would."""

    def __init__(self, *flags):
        self.process = subprocess.Popen([str(holdfast.BINARY), "lab", "--port", "0", *flags], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        check(match, f"no address: {line!r}")
        self.port = int(match.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        self.process.kill()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, **{"Content_Type": "application/json", **headers})

    def events(self, count):
        """The first so many server-sent events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/events")
            answer = connection.getresponse()
            equal(answer.headers["Content-Type"], "text/event-stream")
            events = []
            while len(events) < count:
                line = answer.readline().decode()
                check(line, "the stream ended")
                if line.startswith("data: "):
                    events.append(json.loads(line[len("data: "):]))
            return events
        finally:
            connection.close()

    def live(self):
        return json.loads(self.ask("GET", "/live.json")[1])


def the_page():
    with Page("--etcd", "none") as page:
        status, html = page.ask("GET", "/")
        equal(status, 200)
        check("Holdfast lab" in html and "@SCRIPT@" not in html, html[:200])
        check(not re.search(r"""(src|href)=["']?(https?:)?//""", html), "it asks others for something")
        equal(page.live()["nodes"], ["node1", "node2", "node3"])
        events = page.events(4)
        check(events[0]["all"] and len(events[3]["links"]) == len(events[0]["links"]) == 6, f"{events}")
        check(sum(link["bytes"][0] for link in events[3]["links"]) > 0, "nodes talk by links that are seen")
        own = f"http://127.0.0.1:{page.port}"
        # Another page in the same browser, or a name that leads here, changes nothing.
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"},
                        {"Host": f"evil.example:{page.port}"}):
            equal(page.post("/act", {"kill": "node1"}, **headers)[0], 403, f"{headers}")
        equal(page.post("/act", {"kill": "node1"}, Content_Type="text/plain")[0], 415)
        equal(page.ask("GET", "/events", Origin="http://evil.example")[0], 403)
        equal(page.ask("GET", "/nosuch")[0], 404)
        equal(page.ask("DELETE", "/")[0], 405)
        equal(page.live()["processes"]["node1"], "running")
        status, why = page.post("/act", {"kill": "node9"}, Origin=own)
        check(status == 400 and "no process 'node9'" in why, why)
        equal(page.post("/act", {"cut": "node1-node2"}, Origin=own)[0], 200)
        equal(page.live()["broken"], ["node1-node2 is cut"])
        equal(page.post("/act", {"heal": "all"}, Origin=own)[0], 200)
        equal(page.post("/play", {"scene": "likes", "seconds": 300, "rate": 60, "actions": []}, Origin=own)[0], 200)
        equal(page.post("/play", {"scene": "likes"}, Origin=own)[0], 400, "one scene at a time")
        wait_until(lambda: len(page.live()["slots"]) > 4, 60, "something is measured")
        equal(page.post("/act", {"pause": "node2"}, Origin=own)[0], 200)
        wait_until(lambda: "node2 is paused" in page.live()["run"]["sentence"], 60, "it is said")
        equal(page.post("/end", {}, Origin=own)[0], 200)
        result = wait_until(lambda: page.live()["result"], 120, "a verdict")
        check(result["held"], result["verdict"])
        equal(page.live()["processes"]["node2"], "running", "all is mended at the end")


def in_a_browser(case, *flags):
    def test():
        node_packages.node_and_npm()
        with Page(*flags) as page:
            browser.drive("lab.mjs", case, [page.port])
    test.__name__ = case
    return test


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (likes_cut_and_healed, accounts_cut_off, retry_counts_double_only_without_ids,
                                       links_and_processes, without_etcd, likes_of_a_file, scenario_errors, what_is_ended_leaves_nothing, the_page,
                                       in_a_browser("every_scene"), in_a_browser("broken_by_hand", "--etcd", "none"),
                                       in_a_browser("narrow_and_dark", "--etcd", "none"))})
