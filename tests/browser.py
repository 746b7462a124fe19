# SPDX-License-Identifier: Apache-2.0
"""Debian's chromium, driven by the scripts of tests/browser/.

Pictures of every page go to the folder that HOLDFAST_SCREENSHOTS names, else to screenshots/ of the build.
"""
import json
import os
import shutil
import subprocess

import holdfast
import node_packages
from holdfast import check, skip

FOLDER = holdfast.ROOT / "tests" / "browser"
SCREENSHOTS = os.environ.get("HOLDFAST_SCREENSHOTS", str(holdfast.BUILD / "screenshots"))
BANK = holdfast.ROOT / "examples" / "bank" / "accounts.lua"
SECONDS = 300


def drive(script, case, ports, actions=None):
    """Runs a case of a script of tests/browser/ on the pages at these ports. A line "@what" of it asks for an action
    here; "done" answers."""
    node, npm = node_packages.node_and_npm()
    chromium = shutil.which("chromium")
    if not chromium:
        skip("chromium is not installed (./dev deps all), or cannot be on this machine")
    node_packages.install(npm, FOLDER)
    told = {"nodes": list(ports), "chromium": chromium, "screenshots": SCREENSHOTS}
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
