# SPDX-License-Identifier: Apache-2.0
"""Node.js, and the packages from npm that a folder of scripts names."""
import fcntl
import shutil
import subprocess

import holdfast
from holdfast import check, skip


def node_and_npm():
    """Their paths, or the case is skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        skip("node or npm is not installed")
    return node, npm


def install(npm, folder):
    """As its package-lock.json says, unless they are there. One test installs, others that run beside it wait for it."""
    lock, mark = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with open(holdfast.BUILD / f"npm-{folder.name}.lock", "w", encoding="ascii") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime:
            return
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True,
                              text=True, timeout=300, check=False)
        check(done.returncode == 0, f"npm ci: {done.stderr[-2000:]}")
