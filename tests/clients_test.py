#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Client libraries as their users install them: hiredis from Debian, ioredis and @upstash/redis from npm.

    clients_test.py [hiredis] [ioredis] [upstash]
"""
import subprocess

import holdfast
import node_packages
from holdfast import Server, check, run_cases, skip

FOLDER = holdfast.ROOT / "tests" / "clients"


def drive(command, http=False):
    with Server() as server:
        port = server.http_port if http else server.port
        done = subprocess.run([*map(str, command), str(port)], cwd=FOLDER, capture_output=True, text=True,
                              timeout=120, check=False)
        print(done.stdout, end="")
        check(done.returncode == 0, f"ended with {done.returncode}:\n{done.stderr[-3000:]}")


def hiredis():
    binary = holdfast.BUILD / "tests" / "hiredis_client"
    if not binary.exists():
        skip("built without hiredis")
    drive([binary])


def drive_node(script, **options):
    node, npm = node_packages.node_and_npm()
    node_packages.install(npm, FOLDER)
    drive([node, script], **options)


def ioredis():
    drive_node("ioredis_client.js")


def upstash():
    drive_node("upstash_client.js", http=True)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (hiredis, ioredis, upstash)})
