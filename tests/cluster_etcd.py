# SPDX-License-Identifier: Apache-2.0
"""An etcd cluster of our own for the tests: three members as processes that can be killed, paused, filled up."""
import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import holdfast
from holdfast import check, wait_until
from cluster_network import Loopback

ETCD = shutil.which("etcd")
QUOTA_BYTES = 2 << 30


class Unanswered(Exception):
    """A member that did not answer, or with an error."""


class Process:
    """A child that dies with us, can be stopped for a while, and writes to a log of its own."""

    process = None
    wanted = False  # started, and not ended by us
    paused = False
    disturbed = 0.0  # when it was started, ended, paused or resumed last

    def spawn(self, place, command, log_path):
        # Of the kernel, not of ours at exit: a test that is killed must leave
        # nothing behind. The signal comes when the thread that started the
        # process ends, so start processes from the main thread.
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *place.command(command)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.wanted, self.paused = True, False
        self.disturbed = time.monotonic()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def working(self):
        return self.running and not self.paused

    def kill(self, how=signal.SIGKILL):
        """Ends the process at once; nothing of it is left when this returns."""
        self.wanted = False
        if self.running:
            self.process.send_signal(how)
        if self.process:
            self.process.wait()
        self.paused = False
        self.disturbed = time.monotonic()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True
        self.disturbed = time.monotonic()

    def resume(self):
        if self.running:
            self.process.send_signal(signal.SIGCONT)
        self.paused = False
        self.disturbed = time.monotonic()


class EtcdMember(Process):
    def __init__(self, name, place, folder, client_port=None, peer_port=None):
        self.name, self.place = name, place
        self.data = Path(folder) / name
        self.log_path = Path(folder) / f"{name}.log"
        self.client_port = client_port or holdfast.free_port()
        self.peer_port = peer_port or holdfast.free_port()

    @property
    def address(self):
        return f"{self.place.address}:{self.client_port}"

    @property
    def peer_url(self):
        return f"http://{self.place.address}:{self.peer_port}"

    def ask(self, path, body=None, timeout=1.0):
        """One call of etcd's API as JSON; raises Unanswered."""
        connection = http.client.HTTPConnection(self.place.address, self.client_port, timeout=timeout)
        try:
            connection.request("POST", f"/v3/{path}", json.dumps(body or {}))
            response = connection.getresponse()
            answer = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(f"{self.name}: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise Unanswered(f"{self.name}: {answer}")
        return answer

    def status(self):
        return self.ask("maintenance/status")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class EtcdCluster:
    """Members in a folder; call start(). Use as a context manager, or close() it."""

    def __init__(self, folder=None, network=None, members=3, flags=(), ports=None):
        check(ETCD, "etcd is not installed")
        self.temporary = None if folder else tempfile.mkdtemp(prefix="holdfast-etcd-")
        self.folder = Path(folder or self.temporary)
        self.folder.mkdir(parents=True, exist_ok=True)
        network = network or Loopback()
        self.flags = list(flags)
        self.members = [EtcdMember(f"etcd{i + 1}", network.host(), self.folder, *(ports[i] if ports else ()))
                        for i in range(members)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for member in self.members:
            member.kill()
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    @property
    def endpoints(self):
        return ",".join(m.address for m in self.members)

    def launch(self, member):
        client = f"http://{member.address}"
        member.spawn(member.place, [
            ETCD, "--name", member.name, "--data-dir", str(member.data),
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", member.peer_url, "--initial-advertise-peer-urls", member.peer_url,
            "--initial-cluster", ",".join(f"{m.name}={m.peer_url}" for m in self.members),
            "--initial-cluster-state", "new", "--initial-cluster-token", "holdfast-tests",
            "--snapshot-count", "5000", "--quota-backend-bytes", str(QUOTA_BYTES), "--logger", "zap",
            *self.flags], member.log_path)

    def start(self, seconds=60):
        for member in self.members:
            if not member.running:
                self.launch(member)
        self.wait_healthy(seconds)
        return self

    def wait_healthy(self, seconds=60, members=None):
        """Until every member (or each of those given) answers a linearizable read."""
        for member in members or self.members:
            def healthy(m=member):
                check(m.running, f"{m.name} ended with {m.process.poll()}:\n{m.log()[-2000:]}")
                with contextlib.suppress(Unanswered):
                    m.ask("kv/range", {"key": "aGVhbHRo"})
                    return True
                return False
            wait_until(healthy, seconds, f"{member.name} is healthy")

    def leader(self, seconds=15):
        """The member that leads, as most of the others see it in the newest term."""
        def look():
            seen = {}
            names = {}
            for member in self.members:
                if not member.working:
                    continue
                with contextlib.suppress(Unanswered):
                    status = member.status()
                    names[status["header"]["member_id"]] = member
                    if status.get("leader", "0") != "0":
                        vote = (int(status["raftTerm"]), status["leader"])
                        seen[vote] = seen.get(vote, 0) + 1
            if not seen:
                return None
            return names.get(max(seen)[1])
        return wait_until(look, seconds, "etcd has a leader")

    def followers(self):
        leader = self.leader()
        return [m for m in self.members if m is not leader]

    def move_leader(self, to=None):
        """Hands the lead to `to`, or to any other; the new leader."""
        leader = self.leader()
        to = to or next(m for m in self.members if m is not leader and m.working)
        target = to.status()["header"]["member_id"]
        leader.ask("maintenance/transfer-leadership", {"targetID": target}, timeout=10)
        wait_until(lambda: self.leader() is to, 10, f"{to.name} leads")
        return to

    def db_sizes(self):
        """Bytes of each member's database file that answers."""
        sizes = {}
        for member in self.members:
            if member.working:
                with contextlib.suppress(Unanswered):
                    sizes[member.name] = int(member.status().get("dbSize", 0))
        return sizes
