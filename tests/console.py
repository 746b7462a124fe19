# SPDX-License-Identifier: Apache-2.0
"""The console blocks of a document, typed into one shell: what each command prints must be what stands there."""
import re
import shutil
import subprocess

import holdfast
from holdfast import equal, skip

BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
# redis-cli as at a terminal, where its output is not taken by $(…).
SHELL = 'redis-cli() { if ((BASH_SUBSHELL)); then command redis-cli "$@"; else command redis-cli --no-raw "$@"; fi; }\n'
END = "\x1e"


def commands(text):
    """(what is typed behind `$ ` and, where it goes on, `> `; what is printed then) for all blocks in turn."""
    typed = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                typed.append(([line[2:]], []))
            elif line.startswith("> ") and not typed[-1][1]:
                typed[-1][0].append(line[2:])
            else:
                typed[-1][1].append(line)
    return [("\n".join(line), "\n".join(output)) for line, output in typed]


def run_console(path, server, *others):
    """Runs a document's blocks against the server, in the repository's root; how many commands there were. What is asked of
    ports 7479 and 7579 there goes to `others`."""
    if not shutil.which("redis-cli"):
        skip("redis-cli is not installed")
    typed = commands(path.read_text())
    script = SHELL + "".join(f"{line}\nprintf '{END}'\n" for line, _ in typed)
    script = script.replace("localhost:7380", f"localhost:{server.http_port}")
    for port, node in zip((7379, 7479, 7579), (server, *others)):
        script = script.replace(f"-p {port}", f"-p {node.port}")
    done = subprocess.run(["bash", "-c", script], cwd=holdfast.ROOT, capture_output=True, text=True, timeout=120, check=False)
    printed = done.stdout.split(END)
    equal(len(printed), len(typed) + 1, f"{path.name}: {done.stderr}")
    for (line, wanted), got in zip(typed, printed):
        if wanted.endswith("…"):  # the rest is left out there
            got, wanted = got[:len(wanted) - 1], wanted[:-1]
        equal(got.strip(), wanted.strip(), f"{path.relative_to(holdfast.ROOT)}: {line}")
    return len(typed)
