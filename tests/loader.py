# SPDX-License-Identifier: Apache-2.0
"""`holdfast load` against a server that is killed meanwhile."""
import subprocess
import time

import holdfast
from holdfast import Disconnected, check


def start(server, arguments):
    return subprocess.Popen([str(holdfast.BINARY), "load", "--resp", server.address, *map(str, arguments)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def load(server, arguments, seconds=300):
    """Runs the loader to its end; what it printed."""
    loader = start(server, arguments)
    try:
        printed, _ = loader.communicate(timeout=seconds)
    finally:
        loader.kill()
    check(loader.returncode == 0, f"load ended with {loader.returncode}:\n{printed[-3000:]}")
    return printed


def load_under_kills(server, arguments, kills, progress, seconds=300):
    """Runs the loader and kills the server with -9 `kills` times, spread over the first sending.

    `progress(client)` tells how much has been applied, 0 to 1, so that each kill falls into the load
    whatever the machine's speed. Returns what the loader printed, and at which progress each kill fell.
    """
    loader = start(server, arguments)
    fell = []
    try:
        for kill in range(kills):
            mark = (kill + 0.5) / kills
            end = time.monotonic() + seconds
            reached = -1.0
            while reached < mark:
                check(loader.poll() is None, f"the loader ended before kill {kill + 1}: "
                      f"{loader.stdout.read()[-3000:] if loader.poll() is not None else ''}")
                check(time.monotonic() < end, f"progress {reached} after {seconds} s")
                try:
                    with server.client() as client:
                        while reached < mark and loader.poll() is None:
                            reached = progress(client)
                except Disconnected:
                    time.sleep(0.01)
            server.kill()
            fell.append(reached)
            time.sleep(0.2)  # the loader meets a port where nobody listens
            server.start()
        printed, _ = loader.communicate(timeout=seconds)
    finally:
        loader.kill()
        loader.wait()
    check(loader.returncode == 0, f"load ended with {loader.returncode}:\n{printed[-3000:]}")
    print("killed at " + ", ".join(f"{100 * f:.0f}%" for f in fell))
    return printed, fell
