# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's processes run: all on loopback, or each in a network namespace of its own.

Namespaces hang on one bridge, and whom each can reach is decided by permanent neighbour entries: to cut
A off from B, A is given a hardware address for B that nobody has. The packets leave A and vanish, without
an error to anyone, and only in that direction, which is how networks really fail. (A blackhole route would
tell the sender at once, and netem is missing from many kernels.)
"""
import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

NOBODY = "02:68:66:ff:ff:ff"
OURS = re.compile(r"hf(\d+)(n\d+|br|disk)")


class Loopback:
    """No partitions, but needs no rights either."""

    class Host:
        address = "127.0.0.1"

        @staticmethod
        def command(arguments):
            return arguments

    def host(self):
        return self.Host()

    def close(self):
        pass


def run(*arguments, text=None, may_fail=False):
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode and not may_fail:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def why_not():
    """The reason why namespaces cannot be had here; "" when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need iproute2"
    name = f"hf{os.getpid()}n0"
    try:
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "add", "probe", "type", "veth", "peer", "name", "eborp")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return f"no network namespaces here: {error}"
    finally:
        run("ip", "netns", "del", name, may_fail=True)
    return ""


class Namespaces:
    """A bridge with a namespace for every host; the tests themselves reach all of them through it."""

    made = 0

    class Host:
        def __init__(self, network, number):
            self.number = number
            # The kernel lets go of a removed space's devices later: no name is used twice.
            Namespaces.made += 1
            self.space = f"{network.tag}n{Namespaces.made}"
            self.device = f"{network.tag}v{Namespaces.made}"
            self.address = f"{network.prefix}.{number + 1}"
            self.hardware = f"02:68:66:00:00:{number:02x}"

        def command(self, arguments):
            return ["ip", "netns", "exec", self.space, *arguments]

    def __init__(self):
        sweep()
        pid = os.getpid()
        self.tag = f"hf{pid}"
        self.prefix = f"10.{100 + (pid >> 8) % 100}.{pid % 256}"
        self.hosts = []
        atexit.register(self.close)
        run("ip", "link", "add", f"{self.tag}br", "type", "bridge")
        run("ip", "addr", "add", f"{self.prefix}.1/24", "dev", f"{self.tag}br")
        run("ip", "link", "set", f"{self.tag}br", "up")

    def host(self):
        host = self.Host(self, len(self.hosts) + 1)
        run("ip", "netns", "add", host.space)
        run("ip", "link", "add", host.device, "type", "veth", "peer", "name", "eth0", "netns", host.space)
        run("ip", "link", "set", host.device, "master", f"{self.tag}br", "up")
        run("ip", "-n", host.space, "-batch", "-", text=f"link set lo up\nlink set eth0 address {host.hardware}\n"
            f"addr add {host.address}/24 dev eth0\nlink set eth0 up\n")
        self.hosts.append(host)
        self.heal()
        return host

    def reach(self, senders, receivers, reachable):
        for a in senders:
            lines = [f"neigh replace {b.address} lladdr {b.hardware if reachable else NOBODY} nud permanent dev eth0\n"
                     for b in receivers if b is not a]
            run("ip", "-n", a.space, "-batch", "-", text="".join(lines))

    def cut_one_way(self, senders, receivers):
        """What any of `senders` sends to any of `receivers` is lost; the other direction works."""
        self.reach(senders, receivers, False)

    def cut(self, some, others):
        self.cut_one_way(some, others)
        self.cut_one_way(others, some)

    def heal(self):
        self.reach(self.hosts, self.hosts, True)

    def close(self):
        for host in self.hosts:
            remove_space(host.space)
        self.hosts = []
        run("ip", "link", "del", f"{self.tag}br", may_fail=True)


class SmallDisk:
    """A file system of a few MiB in memory, that a test can fill and free."""

    def __init__(self, path, size_mib):
        sweep()
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.filler = self.path / "filler"
        run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", f"hf{os.getpid()}disk", str(self.path))
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fill(self):
        """Takes all that is left."""
        with open(self.filler, "ab", buffering=0) as file:
            for piece in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * piece)

    def free(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        if os.path.ismount(self.path):
            run("umount", "--lazy", str(self.path), may_fail=True)


def remove_space(space):
    """Ends what runs in a namespace of ours, and removes it."""
    for pid in run("ip", "netns", "pids", space, may_fail=True).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    for _ in range(50):
        if not run("ip", "netns", "pids", space, may_fail=True).split():
            break
        time.sleep(0.02)
    run("ip", "netns", "del", space, may_fail=True)


def sweep():
    """Removes what earlier runs left that ended without cleaning up. What living runs use is left alone."""
    def left(text):
        for word in sorted(set(re.findall(r"\bhf\d+(?:n\d+|br|disk)\b", text))):
            found = OURS.fullmatch(word)
            if not Path(f"/proc/{found[1]}").exists():
                yield word
    for space in left(run("ip", "netns", "list", may_fail=True)):
        remove_space(space)
    for link in left(run("ip", "-o", "link", "show", "type", "bridge", may_fail=True)):
        run("ip", "link", "del", link, may_fail=True)
    for line in Path("/proc/mounts").read_text().splitlines():
        source, path = line.split()[:2]
        if list(left(source)):
            run("umount", "--lazy", path, may_fail=True)
