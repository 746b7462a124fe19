# SPDX-License-Identifier: Apache-2.0
"""What the process tests share: a RESP client, and a server process that can be killed and started again."""
import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("HOLDFAST_BUILD", ROOT / "build" / "release"))
BINARY = BUILD / "holdfast"
DATA = ROOT.parent / "shared" / "data"
SKIPPED = 77  # what ctest counts as skipped


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIPPED)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def wait_until(done, seconds, what):
    """Polls `done` until it is true; the result, or an AssertionError that names what was awaited."""
    end = time.monotonic() + seconds
    while True:
        result = done()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


held_ports = []


def free_port():
    """A port of loopback that is this process's own until it ends, whether or not a server of ours listens on it.

    A UDP socket of the same number, which nothing here uses, is what holds it: the same port is not given twice,
    here or in a test beside this one.
    """
    # Below the range that the kernel gives to outgoing connections: a client
    # that retries a port of that range while nobody listens can connect to itself.
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        holder = socket.socket(type=socket.SOCK_DGRAM)
        try:
            holder.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        held_ports.append(holder)
        return port


class ReplyError(Exception):
    """An error that the server answered."""

    @property
    def code(self):
        return str(self).split(" ", 1)[0]


class Disconnected(Exception):
    """The connection ended, or a reply did not come in time."""


def encode(args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        raw = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
    return b"".join(parts)


class Client:
    """A blocking RESP2/RESP3 client. Bulk strings come back as bytes, simple ones as str."""

    def __init__(self, port, host="127.0.0.1", timeout=30.0, protocol=2, tls=None):
        """`tls`: an ssl.SSLContext; nothing: plain."""
        try:
            self.socket = socket.create_connection((host, port), timeout)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except OSError as error:
            raise Disconnected(str(error)) from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.at = 0
        self.attributes = None  # of the reply read last, where it had any (RESP3)
        if protocol == 3:
            self("HELLO", "3")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Disconnected(str(error)) from error

    def __call__(self, *args):
        """Runs one command; raises ReplyError for an error."""
        self.send(encode(args))
        reply = self.read()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def error(self, *args):
        """Runs a command that must be refused; its error's code."""
        try:
            reply = self(*args)
        except ReplyError as error:
            return error.code
        raise AssertionError(f"{args!r} was not refused but answered {reply!r}")

    def pipeline(self, commands):
        """Sends all at once; the replies, errors among them as ReplyError values."""
        self.send(b"".join(encode(c) for c in commands))
        return [self.read() for _ in commands]

    def raw(self, *args):
        """Runs one command; its reply's bytes as they came."""
        self.send(encode(args))
        return self.read_raw()

    def read_raw(self):
        self.buffer = self.buffer[self.at:]
        self.at = 0
        self.read()
        return self.buffer[:self.at]

    def _receive(self):
        try:
            got = self.socket.recv(1 << 18)
        except OSError as error:
            raise Disconnected(str(error)) from error
        if not got:
            raise Disconnected("closed by the server")
        return got

    def _more(self):
        # Compacted only now and then, so that read_raw() finds a reply whole.
        self.buffer += self._receive()

    def _line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = self.buffer[self.at:end]
                self.at = end + 2
                return line
            self._more()

    def _exactly(self, n):
        missing = self.at + n + 2 - len(self.buffer)
        pieces = [self.buffer]
        while missing > 0:  # joined once: over TLS a large value comes in thousands of pieces
            pieces.append(self._receive())
            missing -= len(pieces[-1])
        if len(pieces) > 1:
            self.buffer = b"".join(pieces)
        data = self.buffer[self.at:self.at + n]
        self.at += n + 2
        return data

    def read(self):
        if self.at == len(self.buffer) or self.at > 1 << 20:
            self.buffer = self.buffer[self.at:]
            self.at = 0
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind in b":(":
            return int(rest)
        if kind in b"$=!":
            n = int(rest)
            if n < 0:
                return None
            data = self._exactly(n)
            return ReplyError(data.decode(errors="replace")) if kind == b"!" else data
        if kind in b"*>~":
            n = int(rest)
            return None if n < 0 else [self.read() for _ in range(n)]
        if kind == b"%":
            return {_key(self.read()): self.read() for _ in range(int(rest))}
        if kind == b"|":
            self.attributes = {_key(self.read()): self.read() for _ in range(int(rest))}
            return self.read()
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        raise AssertionError(f"no RESP: {line[:80]!r}")


def _key(value):
    return value.decode() if isinstance(value, bytes) else value


class Server:
    """A `holdfast serve` process of our own, on loopback ports that stay the same over restarts."""

    host = "127.0.0.1"
    tls = None

    def __init__(self, data=None, flags=(), ready_seconds=60, tls=None):
        """`tls`: an ssl.SSLContext that this process talks with to the server; nothing: plain."""
        check(BINARY.exists(), f"no {BINARY}: run ./dev build")
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
        self.data = Path(data) if data else self.folder / "data"
        self.flags = [str(f) for f in flags]
        self.ready_seconds = ready_seconds
        self.port = free_port()
        self.http_port = free_port()
        self.log_path = self.folder / "log"
        self.process = None
        self.tls = tls

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, *_):
        if os.environ.get("HOLDFAST_COVERAGE") and self.process and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()  # a killed process does not write what it has counted
        self.kill()
        if kind is not None and kind is not SystemExit:
            print(f"--- the server's last log lines ---\n{self.log()[-6000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def command(self):
        return [str(BINARY), "serve", "--data", str(self.data), "--resp", self.address,
                "--http", f"{self.host}:{self.http_port}", *self.flags]

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            code = self.process.poll()
            check(code is None, f"the server ended with {code} at start:\n{self.log()[-3000:]}")
            return self.http("/readyz")[0] == 200
        wait_until(ready, self.ready_seconds, "ready")

    def http(self, path, method="GET"):
        """Status and body; (0, "") when nobody answers."""
        if self.tls:
            connection = http.client.HTTPSConnection(self.host, self.http_port, timeout=5, context=self.tls)
        else:
            connection = http.client.HTTPConnection(self.host, self.http_port, timeout=5)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def client(self, **options):
        return Client(self.port, host=self.host, **{"tls": self.tls, **options})

    def kill(self, how=signal.SIGKILL):
        """Ends the process at once; nothing of it is left when this returns."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process:
            self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def restart(self):
        self.kill()
        return self.start()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def memory_kib(self, field="VmRSS"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0


def run_cases(cases, argv=None):
    """Runs the named functions (all by default), each announced; ends the process with the outcome."""
    names = (sys.argv[1:] if argv is None else argv) or list(cases)
    outcomes = {}
    for name in names:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        try:
            cases[name]()
            outcomes[name] = "passed"
        except SystemExit as leave:
            if leave.code != SKIPPED:
                raise
            outcomes[name] = "skipped"
        except Exception as error:  # every case runs, whatever happened to the one before
            import traceback
            traceback.print_exc()
            outcomes[name] = f"FAILED: {error}"
        print(f"   {outcomes[name]} in {time.monotonic() - started:.1f} s", flush=True)
    if any(o.startswith("FAILED") for o in outcomes.values()):
        sys.exit(1)
    sys.exit(SKIPPED if all(o == "skipped" for o in outcomes.values()) else 0)
