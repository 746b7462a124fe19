# SPDX-License-Identifier: Apache-2.0
"""Debian's chromium, driven by the scripts of tests/browser/.

Pictures of every page go to the folder that HOLDFAST_SCREENSHOTS names, else to screenshots/ of the build.
"""
import json
import os
import shutil
import subprocess

import holdfast
from holdfast import check, skip

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


def drive(script, case, ports, actions=None):
    """Runs a case of a script of tests/browser/ on the pages at these ports. A line "@what" of it asks for an action
    here; "done" answers."""
    node, npm = tools()
    chromium = shutil.which("chromium")
    if not chromium:
        skip("chromium is not installed (./dev deps all), or cannot be on this machine")
    installed(npm)
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
