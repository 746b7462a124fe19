#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's tour, typed in: every redis-cli and curl line answers as printed there."""
import re
import shlex
import shutil
import subprocess
import sys

import holdfast
from holdfast import Server, check, equal, skip

BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
PROMPT = re.compile(r"^127\.0\.0\.1:7379(?:\(TX\))?> (.*)$")
LINE = re.compile(r"^\$ (?:redis-cli -p 7379|(curl))(.*?)(?:\s+#.*)?$")


def sessions(text):
    """(program, arguments, lines typed in, output) for every redis-cli or curl started."""
    for block in BLOCK.findall(text):
        session = None
        for line in block.splitlines():
            started, typed = LINE.match(line), PROMPT.match(line)
            if started or line.startswith("$ "):
                if session:
                    yield session
                session = (started.group(1), shlex.split(started.group(2)), [], []) if started else None
            elif session and typed:
                session[2].append(typed.group(1))
            elif session:
                session[3].append(line)
        if session:
            yield session


def main():
    cli = shutil.which("redis-cli") or skip("redis-cli is not installed")
    ran = 0
    with Server() as server:
        for curl, arguments, typed, output in sessions((holdfast.ROOT / "README.md").read_text()):
            arguments = [a.replace("localhost:7380", f"localhost:{server.http_port}") for a in arguments]
            command = [curl] if curl else [cli, "-p", str(server.port), "--no-raw"]
            done = subprocess.run([*command, *arguments], input="".join(f"{t}\n" for t in typed),
                                  capture_output=True, text=True, timeout=20, check=False)
            equal(done.stdout.strip(), "\n".join(output).strip(), f"{' '.join(arguments or typed)}")
            ran += 1
    check(ran >= 6, f"only {ran} examples were found")
    print(f"README: {ran} examples answer as printed")


if __name__ == "__main__":
    sys.exit(main())
