#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The binary as an operator meets it: help, version, configuration, logs, health and metrics.

    serve_test.py [CASE …]
"""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import holdfast
from holdfast import Server, check, equal, run_cases


def run(*arguments):
    return subprocess.run([str(holdfast.BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def help_and_version():
    version = run("--version")
    equal(version.returncode, 0)
    check(re.fullmatch(r"holdfast \d+\.\d+\.\d+\n", version.stdout), version.stdout)
    for words, told in ((["--help"], ("serve", "load")), (["serve", "--help"], ("--data", "--resp", "--http", "--config")),
                        (["load", "--help"], ("--command", "--id", "--repeat", "--retry"))):
        shown = run(*words)
        equal(shown.returncode, 0, f"{words}")
        for word in told:
            check(word in shown.stdout, f"{words} says nothing of {word}")
    for wrong in (["nosuch"], ["serve", "--nosuch"], ["serve", "--request-timeout", "soon"], ["serve", "--memory-limit", "much"], []):
        check(run(*wrong).returncode > 0, f"{wrong} was taken")


def configuration_file():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "holdfast.toml"
        file.write_text('request-timeout = "3s"\nconnections-max = 7\nlog-format = "json"\n')
        with Server(flags=["--config", file]) as server, server.client() as client:
            equal(client("CONFIG", "GET", "maxclients"), [b"maxclients", b"7"])
        with Server(flags=["--config", file, "--connections-max", "9"]) as server, server.client() as client:
            equal(client("CONFIG", "GET", "maxclients"), [b"maxclients", b"9"], "a flag wins over the file")
        for text, named in (("nosuch = 1\n", "nosuch"), ('request-timeout = "soon"\n', "request-timeout"), ("data = \n", "")):
            file.write_text(text)
            refused = run("serve", "--config", file, "--data", Path(folder) / "data")
            check(refused.returncode > 0 and named in refused.stderr + refused.stdout, f"{text!r}: {refused}")


def refuses_to_listen_to_everyone():
    with tempfile.TemporaryDirectory() as folder:
        # (With an engine it begins with an administrator: services_test.py.)
        peers = ["--peers", f"127.0.0.1:{holdfast.free_port()}", "--bootstrap", "--mesh", f"127.0.0.1:{holdfast.free_port()}"]
        for elsewhere, here in (("--resp", "--http"), ("--http", "--resp")):
            refused = run("serve", "--data", Path(folder) / elsewhere, elsewhere, f"0.0.0.0:{holdfast.free_port()}",
                          here, f"127.0.0.1:{holdfast.free_port()}", *peers)
            check(refused.returncode > 0 and "engine" in refused.stderr, f"without an engine nobody can sign in: {refused}")


def structured_logs():
    with Server(flags=["--log-format", "json"]) as server:
        server.stop()
        lines = server.log().strip().splitlines()
        check(len(lines) >= 2, "a start and a stop are logged")
        for line in lines:
            check({"time", "level", "message"} <= set(json.loads(line)), line)


def health_and_metrics():
    with Server() as server, server.client() as client:
        client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        for i in range(50):
            client("ONCE", f"id{i}", "INCR", "likes:n")
            client("SET", "a", i)
            client("ONCE", f"id{i}", "INCR", "likes:n")
        equal(server.http("/healthz")[0], 200)
        equal(server.http("/readyz")[0], 200)
        equal(server.http("/nosuch")[0], 404)
        check(server.http("/healthz", "POST")[0] in (404, 405), "POST to /healthz")
        status, text = server.http("/metrics")
        equal(status, 200)
        names = set()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                match = re.fullmatch(r"([a-zA-Z_:][\w:]*)(\{[^}]*\})? (\S+)", line)
                check(match, f"no metric: {line!r}")
                float(match.group(3))
                names.add(match.group(1))
        check(all(n.startswith(("holdfast_", "process_")) for n in names) and len(names) >= 10, f"{sorted(names)}")
        print(f"   {len(names)} metrics")


def connections_limit():
    with Server(flags=["--connections-max", "5"]) as server:
        clients = [server.client() for _ in range(5)]
        for client in clients:
            client("PING")
        try:
            over = server.client()
            reply = over.read()
            check(isinstance(reply, holdfast.ReplyError), f"a sixth connection was answered {reply!r}")
        except holdfast.Disconnected:
            pass
        for client in clients:
            equal(client("PING"), "PONG", "those inside are served")
        clients.pop().close()
        holdfast.wait_until(lambda: takes_one_more(server), 5, "room for one more")


def takes_one_more(server):
    try:
        with server.client() as client:
            return client("PING") == "PONG"
    except (holdfast.Disconnected, holdfast.ReplyError):
        return False


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (help_and_version, configuration_file, refuses_to_listen_to_everyone, structured_logs,
                                       health_and_metrics, connections_limit)})
