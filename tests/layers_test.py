#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of src/ may include only folders above it in the architecture's order.

Forward declarations need no include and are free (command/row.h names a session so).
Tests beside the code obey the same order, so that a module is tested on what it stands on.
"""
import re
import sys
from pathlib import Path

LAYERS = ("base value log table dedup command function workflow strong eventual tls mesh catalog "
          "server node verify trial lab cli").split()
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def complaints(src):
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in LAYERS:
            yield f"{folder.name}/ is in no layer: add it to ARCHITECTURE.md and tests/layers_test.py"
            continue
        for path in sorted([*folder.rglob("*.h"), *folder.rglob("*.cc")]):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                at = f"src/{path.relative_to(src)}:{number}"
                used = match.group(1)
                layer = used.split("/")[0]
                if not (src / used).is_file():
                    yield f'{at}: "{used}" is no file of src/ (system headers go in <>)'
                elif LAYERS.index(layer) > LAYERS.index(folder.name):
                    yield f"{at}: {folder.name} must not use {layer}, which lies below it"


def main():
    src = Path(__file__).resolve().parent.parent / "src"
    found = list(complaints(src))
    print("\n".join(found) if found else "layers: every include points upward")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
