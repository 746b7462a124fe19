#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence in its first lines, and none names this project's workshop."""
import re
import subprocess
import sys
from pathlib import Path

LINE = "SPDX-License-Identifier: Apache-2.0"
SOURCE = re.compile(r"(\.(cc|c|h|py|js|ts|sh|cmake|toml|service)|CMakeLists\.txt|^dev|^\.ci/run|^\.clang-tidy)$")
# Data for parsers and lock files carry no comments.
EXEMPT = re.compile(r"^(fuzz/corpus/|tests/golden/)")
# A lock file with resolved addresses would tie users to whoever's registry made it.
HOST = re.compile(r'"resolved":\s*"https?://')


def main():
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root,
                            capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        print("skipped: not a git work tree")
        return 77
    bad = []
    for name in listed.stdout.splitlines():
        path = root / name
        if not path.is_file() or EXEMPT.search(name):
            continue
        if SOURCE.search(name):
            head = "\n".join(path.read_text(errors="replace").splitlines()[:5])
            if LINE not in head:
                bad.append(f"{name}: no '{LINE}' in its first lines")
        if name.endswith("package-lock.json") and HOST.search(path.read_text()):
            bad.append(f"{name}: names a registry's host")
    print("\n".join(bad) if bad else "spdx: every source names its licence")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
