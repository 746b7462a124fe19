#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients over TLS, as redis-cli, curl and Python speak it; services by their certificates; certificates that are
renewed while the node runs.

Run all, or those named: tls_test.py [CASE …]
"""
import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

from certificates import Authority, client_flags, mesh_flags
from cluster_eventual_test import MEET_S, meet, started
from cluster_peers_test import peers
from holdfast import Disconnected, Server, check, equal, run_cases, wait_until


class World:
    """A server over TLS and who signs its clients' certificates."""

    def __init__(self, flags=()):
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-tls-"))
        self.authority = Authority(self.folder, "shop")
        self.files = self.authority.issue("server")
        self.server = Server(flags=[*client_flags(self.files), *flags], tls=self.authority.client())

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, name=None, **options):
        """Shows a certificate of that name; without one none."""
        files = self.authority.issue(name) if name else None
        return self.server.client(tls=self.authority.client(files), **options)

    def figure(self, name):
        with self.server.client() as client:
            for line in client("INFO").decode().splitlines():
                if line.startswith(name + ":"):
                    return int(line.split(":")[1])
        raise AssertionError(f"no {name} in INFO")

    def told_to_renew(self, count, what):
        """Sends SIGHUP; waits until the log has the text so often."""
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.server.log().count(what) >= count, 30, f"'{what}' in the log, {count} times")


def ended(client):
    """Whether the connection is over for a command that should find it so."""
    try:
        client("PING")
        return False
    except Disconnected:
        return True


def both_ports_answer():
    with World() as world:
        server = world.server
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with server.client(tls=world.authority.client(version=version), protocol=3) as client:
                equal(client.socket.version(), version.name.replace("_", "."), "the version")
                equal(client("SET", "a", version.name), "OK")
                equal(client("GET", "a"), version.name.encode())
        cli = shutil.which("redis-cli")
        if cli:
            def run(*arguments):
                return subprocess.run([cli, "-p", str(server.port), "--tls", "--cacert", world.files.ca, *arguments],
                                      capture_output=True, text=True, timeout=30, check=False).stdout.strip()
            equal(run("ONCE", "x", "INCR", "n"), "1")
            equal(run("ONCE", "x", "INCR", "n"), "1")
        equal(server.http("/healthz")[0], 200, "over https")
        check("holdfast_tls_handshakes_failed_total" in server.http("/metrics")[1], "the counter")
        if shutil.which("curl"):
            got = subprocess.run(["curl", "-sS", "--cacert", world.files.ca, f"https://127.0.0.1:{server.http_port}/readyz"],
                                 capture_output=True, text=True, timeout=30, check=False)
            equal(got.returncode, 0, got.stderr)


def plain_and_tls_do_not_mix():
    with World() as world:
        server = world.server
        for port, text in ((server.port, b"*1\r\n$4\r\nPING\r\n"), (server.port, b"PING\r\n"),
                           (server.http_port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")):
            with socket.create_connection((server.host, port), 30) as wire:
                wire.sendall(text)
                equal(wire.recv(100), b"\x15\x03\x01\x00\x02\x02\x46", "an alert")
                equal(wire.recv(100), b"", "and the end")
        check(world.figure("tls_handshakes_failed") == 3, "they are counted")
        check("what the other end speaks is none" in server.log(), "and logged")
        before = server.log().count("refusing a client")
        for _ in range(500):
            with socket.create_connection((server.host, server.port), 30) as wire:
                wire.sendall(b"PING\r\n")
                wire.recv(100)
        check(world.figure("tls_handshakes_failed") >= 500, "all are counted")
        check(server.log().count("refusing a client") - before <= 100, "few are logged")
    with Server() as server:
        context = ssl.create_default_context()
        for port in (server.port, server.http_port):
            with socket.create_connection((server.host, port), 30) as wire:
                started_at = time.monotonic()
                try:
                    context.wrap_socket(wire, server_hostname="localhost")
                    raise AssertionError("a plain port spoke TLS")
                except ssl.SSLError:
                    check(time.monotonic() - started_at < 30, "in time")


def what_is_not_trusted_is_refused():
    with World() as world:
        server = world.server
        other = Authority(world.folder, "stranger", file="other")
        try:
            with server.client(tls=other.client()):
                raise AssertionError("a client that believes another CA was content")
        except Disconnected as error:
            check("CERTIFICATE_VERIFY_FAILED" in str(error), str(error))
        foreign = other.issue("accounts", file="foreign")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            try:
                with server.client(tls=world.authority.client(foreign, version)) as client:
                    check(ended(client), "a certificate of another CA")
            except Disconnected:
                pass  # TLS 1.2 tells before the first word
        wait_until(lambda: server.log().count("its certificate is not to be trusted") == 2, 30, "the log says why")
        equal(world.figure("tls_handshakes_failed"), 3, "with the client that did not believe the server")
        with server.client() as client:
            equal(client("PING"), "PONG", "others are served")


def a_certificate_is_a_service():
    with World() as world:
        with world.client() as first:
            root_token = first("SERVICE", "CREATE", "root", "ADMIN")
        with world.client("root") as root, world.client() as nobody:
            accounts_token = root("SERVICE", "CREATE", "accounts")
            shop_token = root("SERVICE", "CREATE", "shop")
            equal(root("KEYSPACE", "CREATE", "money", "GUARANTEE", "strong", "OWNER", "accounts"), "OK")
            equal(nobody.error("PING"), "NOAUTH", "no certificate")
            with world.client("accounts") as owner, world.client("shop") as other, world.client("unknown") as unknown:
                equal(owner("SET", "money:a", "1"), "OK", "without AUTH")
                equal(owner("GET", "money:a"), b"1")
                equal(other.error("GET", "money:a"), "NOPERM", "another's certificate")
                equal(root.error("GET", "money:a"), "NOPERM", "who administers")
                equal(unknown.error("GET", "money:a"), "NOAUTH", "a name that is no service")
                equal(unknown("AUTH", "accounts", accounts_token), "OK", "it may sign in")
                equal(unknown("GET", "money:a"), b"1")
                equal(unknown("RESET"), "RESET")
                equal(unknown.error("GET", "money:a"), "NOAUTH", "what its certificate says")
                # A token over a certificate, and back.
                equal(other("AUTH", "accounts", accounts_token), "OK")
                equal(other("GET", "money:a"), b"1")
                equal(other.error("AUTH", "accounts", "wrong"), "WRONGPASS")
                equal(other("RESET"), "RESET")
                equal(other.error("GET", "money:a"), "NOPERM")
                equal(other("AUTH", "shop", shop_token), "OK")
                # Tokens change; a certificate is none.
                root("SERVICE", "ROTATE", "accounts", "OVERLAP", "0s")
                equal(owner("GET", "money:a"), b"1")
                equal(nobody.error("AUTH", "accounts", accounts_token), "WRONGPASS")
                # Dropped: the same end as with a token.
                equal(root("KEYSPACE", "ALTER", "money", "OWNER", "shop"), "OK")
                equal(owner.error("GET", "money:a"), "NOPERM")
                equal(root("SERVICE", "DROP", "accounts"), "OK")
                equal(owner.error("PING"), "NOAUTH", "dropped")
                equal(owner("RESET"), "RESET")
                equal(owner.error("PING"), "NOAUTH", "and its certificate names nobody")
                root("SERVICE", "CREATE", "accounts")
                equal(owner.error("PING"), "NOAUTH", "nor whoever came after, unasked")
                equal(owner("RESET"), "RESET")
                equal(owner("PING"), "PONG", "asked")
        world.server.restart()
        with world.client("root") as root, world.client() as nobody:
            equal(root("PING"), "PONG", "after a restart")
            equal(nobody("AUTH", "root", root_token), "OK")


def certificates_are_renewed():
    with World() as world:
        server = world.server

        def serial(port):
            with socket.create_connection((server.host, port), 30) as wire, \
                    server.tls.wrap_socket(wire, server_hostname=server.host) as secured:
                return secured.getpeercert()["serialNumber"]
        first = serial(server.port)
        equal(serial(server.http_port), first, "one certificate")
        with server.client() as old:
            equal(old("SET", "a", "1"), "OK")
            world.authority.issue("server")
            equal(serial(server.port), first, "not before it is told")
            world.told_to_renew(1, "the certificates for clients were read again")
            second = serial(server.port)
            check(second != first, "the new one")
            equal(serial(server.http_port), second, "for HTTP, too")
            equal(old("GET", "a"), b"1", "the old connection goes on")

            Path(world.files.certificate).write_text("no certificate\n")
            world.told_to_renew(1, f"the certificates for clients stay as they were: {world.files.certificate}")
            equal(serial(server.port), second, "a broken file changes nothing")
            Path(world.files.key).unlink()
            world.told_to_renew(2, f"the certificates for clients stay as they were: {world.files.certificate}")
            equal(serial(server.port), second, "nor one that is not there")
            # A CA of services that is another one now.
            other = Authority(world.folder, "stranger", file="other")
            world.authority.issue("server")
            Path(world.files.ca).write_text(Path(other.ca).read_text())
            world.told_to_renew(2, "the certificates for clients were read again")
            equal(old("GET", "a"), b"1", "the old connection goes on")
            with server.client(tls=server.tls) as plain:
                plain("SERVICE", "CREATE", "root", "ADMIN")
            context = server.tls
            context.load_cert_chain(*other.issue("root")[1:])
            with server.client(tls=context) as root:
                equal(root("PING"), "PONG", "a service's certificate of the new CA")
    with Server() as plain:
        plain.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "no certificates" in plain.log(), 30, "that there is nothing to do")
        equal(plain.http("/readyz")[0], 200, "SIGHUP does not end a node")


def half_a_handshake_ends():
    with World() as world:
        server = world.server
        out = ssl.MemoryBIO()
        unfinished = server.tls.wrap_bio(ssl.MemoryBIO(), out, server_hostname=server.host)
        with contextlib.suppress(ssl.SSLWantReadError):
            unfinished.do_handshake()
        hello = out.read()
        with contextlib.ExitStack() as stack:
            started_at = time.monotonic()
            wires = []
            for i in range(200):
                wire = stack.enter_context(socket.create_connection((server.host, server.port if i % 2 else server.http_port), 30))
                wire.sendall((b"", hello[:1], hello[:100], hello)[i % 4])
                wires.append(wire)
            with server.client() as client:
                for _ in range(1_000):
                    asked = time.monotonic()
                    client("PING")
                    check(time.monotonic() - asked < 1, "others do not wait")
            for wire in wires:
                with contextlib.suppress(ConnectionResetError):
                    while wire.recv(10_000):
                        pass
            check(time.monotonic() - started_at < 20, "all are closed in time")
        check(world.figure("tls_handshakes_failed") >= 200, "and counted")


def much_at_once_and_large_values():
    with World() as world, world.server.client(timeout=120) as client:
        commands = [("SET", f"k{i}", i) if i % 2 else ("INCR", "n") for i in range(100_000)]
        replies = client.pipeline(commands)
        equal(replies[::2], list(range(1, 50_001)), "in order")
        equal(set(replies[1::2]), {"OK"})
        value = bytes(range(256)) * (64 * 1024 * 1024 // 256)
        equal(client("SET", "large", value), "OK")
        check(client("GET", "large") == value, "64 MiB come back as they were")
        equal([len(r) for r in client.pipeline([("GET", "large")] * 3)], [len(value)] * 3)
        # Several processes at once.
        files = world.files
        if shutil.which("redis-benchmark"):
            done = subprocess.run(["redis-benchmark", "-p", str(world.server.port), "--tls", "--cacert", files.ca, "-t",
                                   "set,get,incr", "-n", "50000", "-P", "16", "-q"], capture_output=True, text=True,
                                  timeout=120, check=False)
            check("requests per second" in done.stdout and "rror" not in done.stdout, done.stdout + done.stderr)


def a_reader_that_never_reads():
    with World(flags=["--output-limit", "1mb"]) as world, world.server.client() as client, world.server.client() as other:
        client("SET", "large", b"x" * 10_000_000)
        client.send(b"".join(b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n" for _ in range(20)))
        wait_until(lambda: "output limit" in world.server.log(), 60, "it is cut off")
        equal(other("PING"), "PONG")
        equal(world.figure("evicted_readers"), 1)


def a_mesh_changes_its_certificates():
    """Three running nodes get another CA and certificates of it, one step at a time, and replicate all along."""
    with peers() as cluster:
        old = Authority(cluster.folder, "the cluster")
        believed = cluster.folder / "believed.pem"
        shutil.copy(old.ca, believed)
        for node in cluster.nodes:
            node.flags += mesh_flags(old.issue(node.name)._replace(ca=str(believed)))
        started(cluster)
        count = 0

        def still_meets():
            nonlocal count
            count += 1
            for node in cluster.nodes:
                with node.client() as client:
                    client("INCR", "likes:n")
            meet(cluster, ["likes:n"], [str(count * len(cluster.nodes)).encode()])

        def renew(times):
            for node in cluster.nodes:
                node.process.send_signal(signal.SIGHUP)
            for node in cluster.nodes:
                wait_until(lambda n=node: n.log().count("the certificates for nodes were read again") == times, 30, "read again")
            still_meets()

        def begin_again(node):
            node.kill()
            node.launch()
            node.wait_ready()
            still_meets()
        still_meets()
        new = Authority(cluster.folder, "the cluster's next", file="new")
        both = Path(old.ca).read_text() + Path(new.ca).read_text()
        believed.write_text(both)
        renew(1)
        for node in cluster.nodes:
            new.issue(node.name)
        renew(2)
        shutil.copy(new.ca, believed)
        renew(3)
        begin_again(cluster.nodes[0])  # with what the others took while they ran
        late = cluster.add_node()
        late.flags += mesh_flags(old.issue(late.name)._replace(ca=str(cluster.folder / "both.pem")))
        (cluster.folder / "both.pem").write_text(both)
        late.launch()
        wait_until(lambda: "TLS: its certificate is not to be trusted" in cluster.nodes[1].log(), MEET_S, "the old CA's is refused")
        late.kill()


def wrong_flags():
    with World() as world:
        files = world.files
        command = Server(flags=["--tls-cert", files.certificate]).command()
        for flags, named in (([], "--tls-key"), (["--tls-key", files.certificate], files.certificate),
                             (["--tls-key", files.key, "--tls-ca", "/none.pem"], "/none.pem")):
            refused = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=30, check=False)
            check(refused.returncode == 1 and named in refused.stderr, f"{refused.returncode}: {refused.stderr[-300:]}")


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        both_ports_answer, plain_and_tls_do_not_mix, what_is_not_trusted_is_refused, a_certificate_is_a_service,
        certificates_are_renewed, half_a_handshake_ends, much_at_once_and_large_values, a_reader_that_never_reads,
        a_mesh_changes_its_certificates, wrong_flags)})
