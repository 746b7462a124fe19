#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services: who signs in, what is whose, and that nobody reaches what is another's, by any command there is.

    services_test.py [CASE …]
"""
import contextlib
import itertools
import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import holdfast
from holdfast import Client, Disconnected, ReplyError, Server, check, equal, run_cases

TRIES = int(os.environ.get("HOLDFAST_TRIES", 200_000))  # of tokens
HIDDEN = ("hidden-value", "hidden-field", "hidden-member", "hidden-key")


def sign_in(server, name, token, **options):
    client = server.client(**options)
    equal(client("AUTH", name, token), "OK")
    return client


def text(value):
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


class Shop:
    """A node with an administrator, a service `owner` with a keyspace of each guarantee, and a service `other`."""

    def __init__(self, server):
        self.server = server
        with server.client() as first:
            self.tokens = {"root": text(first("SERVICE", "CREATE", "root", "ADMIN"))}
        self.root = sign_in(server, "root", self.tokens["root"])
        for name in ("owner", "other"):
            self.tokens[name] = text(self.root("SERVICE", "CREATE", name))
        for keyspace, guarantee in (("strong", "strong"), ("eventual", "eventual")):
            self.root("KEYSPACE", "CREATE", keyspace, "GUARANTEE", guarantee, "OWNER", "owner")
        self.owner = self.client("owner")
        self.other = self.client("other")
        for keyspace in ("strong", "eventual"):
            self.owner("ONCE", "known-id", "SET", f"{keyspace}:hidden-key", "hidden-value")
            self.owner("HSET", f"{keyspace}:hash", "hidden-field", "hidden-value")
            self.owner("SADD", f"{keyspace}:set", "hidden-member")

    def client(self, name, **options):
        return sign_in(self.server, name, self.tokens[name], **options)

    def digests(self):
        return [self.owner("KEYSPACE", "DIGEST", k) for k in ("strong", "eventual")]


@contextlib.contextmanager
def shop(**options):
    with Server(**options) as server:
        yield Shop(server)


def flat(reply):
    if isinstance(reply, (list, tuple, set)):
        return " ".join(flat(r) for r in reply)
    if isinstance(reply, dict):
        return " ".join(flat(r) for pair in reply.items() for r in pair)
    return text(reply) if isinstance(reply, (bytes, str)) else str(reply)


def tells_nothing(what, reply):
    told = flat(reply)
    for word in HIDDEN:
        # What a command was given it may say again.
        check(word not in told or word in what, f"{what} as another service: {told[:300]}")


# -- Signing in

def from_the_first_service_on_everybody_signs_in():
    with Server() as server, server.client() as before:
        equal(before("SET", "k", "v"), "OK", "nobody has to yet")
        equal(before.error("SERVICE", "CREATE", "feed"), "ERR", "the first one administers")
        token = text(before("SERVICE", "CREATE", "root", "ADMIN"))
        check(re.fullmatch(r"hf_[A-Za-z0-9_-]{43}", token), token)
        equal(before.error("GET", "k"), "NOAUTH", "a connection from before")
        with server.client() as client:
            for command in (("GET", "k"), ("KEYSPACE", "LIST"), ("INFO",), ("CLIENT", "LIST"), ("MULTI",), ("PING",),
                            ("ONCE", "i", "SET", "k", "w"), ("CONFIG", "GET", "*"), ("SERVICE", "LIST")):
                equal(client.error(*command), "NOAUTH", f"{command}")
            for wrong in (("root", "wrong"), ("nobody", token), ("root", ""), ("wrong",)):
                equal(client.error("AUTH", *wrong), "WRONGPASS", f"{wrong}")
            equal(client("AUTH", token), "OK", "by the token alone")
            equal(client("GET", "k"), b"v")
            equal(client("RESET"), "RESET")
            equal(client.error("GET", "k"), "NOAUTH", "after RESET")
            equal(client.error("HELLO", "3", "AUTH", "root", "wrong"), "WRONGPASS")
            client("HELLO", "2", "AUTH", "root", token)
            equal(client("GET", "k"), b"v")


def tokens_are_kept_as_hashes_and_outlive_restarts():
    with shop() as all:
        for token in all.tokens.values():
            for name in ("root", "owner"):
                check(token not in flat(all.root("SERVICE", "INFO", name)), "a token is shown again")
        all.root("BGSAVE")
        time.sleep(0.5)
        for restart in (all.server.restart, lambda: (all.server.kill(), all.server.start())):
            restart()
            with all.client("owner") as owner:
                equal(owner("GET", "strong:hidden-key"), b"hidden-value")
            with all.server.client() as client:
                equal(client.error("GET", "strong:hidden-key"), "NOAUTH")
        all.server.stop()
        for file in Path(all.server.data).rglob("*"):
            if file.is_file():
                held = file.read_bytes()
                for token in all.tokens.values():
                    check(token.encode() not in held, f"{file.name} holds a token")


def rotation():
    with shop() as all:
        old = all.tokens["owner"]
        new = text(all.owner("SERVICE", "ROTATE", "owner", "OVERLAP", "2s"))
        for token in (old, new):
            sign_in(all.server, "owner", token).close()
        holdfast.wait_until(lambda: refuses(all.server, "owner", old), 10, "the old token ends")
        sign_in(all.server, "owner", new).close()
        equal(all.owner("GET", "strong:hidden-key"), b"hidden-value", "who is signed in stays so")
        equal(all.other.error("SERVICE", "ROTATE", "owner"), "NOPERM")
        newest = text(all.root("SERVICE", "ROTATE", "owner", "OVERLAP", "0s"))
        check(refuses(all.server, "owner", new), "without an overlap the one before ends at once")
        sign_in(all.server, "owner", newest).close()


def refuses(server, name, token):
    with server.client() as client:
        reply = client.pipeline([["AUTH", name, token]])[0]
        return isinstance(reply, ReplyError) and reply.code == "WRONGPASS"


def a_dropped_service_is_out():
    with shop() as all:
        equal(all.root.error("SERVICE", "DROP", "owner"), "ERR", "it owns keyspaces")
        equal(all.root.error("SERVICE", "DROP", "root"), "ERR", "nobody else administers")
        equal(all.root("SERVICE", "DROP", "other"), "OK")
        equal(all.other.error("PING"), "NOAUTH", "its connection")
        check(refuses(all.server, "other", all.tokens["other"]), "its token")


def wrong_tokens_are_slowed():
    """Row 29: nobody gets in by trying, and trying costs the node little."""
    with shop() as all:
        before = processor_seconds(all.server)
        began = time.monotonic()
        codes = []
        with all.server.client() as client:
            for at in range(0, TRIES, 500):
                replies = client.pipeline([["AUTH", "owner", f"hf_{at + i}"] for i in range(500)])
                codes += [str(r).split()[0] for r in replies]
        took, used = time.monotonic() - began, processor_seconds(all.server) - before
        check(set(codes) == {"WRONGPASS", "BUSY"}, f"{set(codes)}")
        looked_at = codes.count("WRONGPASS")
        check(looked_at <= 25 + 2 * took, f"{looked_at} tries were looked at in {took:.1f} s")
        per_try = used / len(codes)
        check(per_try < 100e-6, f"a try costs {per_try * 1e6:.0f} µs: at 1,000/s over a tenth of a core")
        equal(all.owner("GET", "strong:hidden-key"), b"hidden-value", "who is in is not slowed")
        print(f"   {len(codes)} tries, {looked_at} looked at, {per_try * 1e6:.1f} µs of a processor each")


def processor_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- What is whose

def commands_of(client):
    """Each command of the table that a client can send: its words, arity, and where its keys are."""
    for entry in client("COMMAND"):
        name, arity, _, first, last, step = entry[:6]
        yield text(name), arity, first, last, step
        for sub in entry[9] if len(entry) > 9 else ():
            yield text(sub[0]).replace("|", " "), sub[1], sub[3], sub[4], sub[5]


def arguments(name, arity, first, key):
    """The shortest call of the command that its arity allows, and some longer ones, with `key` where keys are."""
    words = name.split()
    least = abs(arity)
    for extra in (0, 1, 2) if arity < 0 else (0,):
        args = list(words)
        while len(args) < least + extra:
            args.append(key if first and len(args) >= first else "1")
        if first and len(args) <= first:
            continue
        yield args


# Runs what it is given, with the rights of whoever owns its keyspace.
RUN = """#!lua name=run keyspace={}
redis.register_function{{function_name='run', allow={{'{}'}}, callback=function(keys, args) return redis.{}(unpack(args)) end}}"""


SCRIPT = "return redis.pcall(unpack(ARGV))"


def with_one_key_of(keyspace, call, key):
    """The call with the last of several keys in another keyspace, as where it is stored."""
    last = max((i for i, word in enumerate(call) if word == key), default=0)
    return [*call[:last], f"{keyspace}:k", *call[last + 1:]] if call.count(key) > 1 else call


def nobody_reaches_what_is_anothers():
    """Every command, by every way, on the other's keys: it shows nothing and changes nothing. Among the ways are functions
    of the other's keyspaces, which are not published, and functions of one's own."""
    ways = (lambda c: [c], lambda c: [["ONCE", "an-id", *c]], lambda c: [["MULTI"], c, ["EXEC"], ["DISCARD"]],
            lambda c: [["MULTI"], c, ["ONCE", "an-id", "EXEC"], ["DISCARD"]], lambda c: [["LOCAL", *c]],
            lambda c: [["FRESH", "9999", *c]], lambda c: [["WATCH", "strong:hidden-key"], c, ["UNWATCH"]],
            lambda c: [["AFTER", token, *c]],
            *[lambda c, k=k: [["FCALL", f"{k}.run", "1", f"{k}:hidden-key", *c]] for k in ("strong", "eventual")],
            lambda c: [["ONCE", "an-id", "FCALL_RO", "strong.run", "0", *c]], lambda c: [["FCALL", "mine.run", "0", *c]],
            lambda c: [["FCALL", "own.run", "0", *c]], lambda c: [["FCALL", "own.run", "0", *with_one_key_of("own", c, key)]],
            lambda c: [["FCALL", "mine.run", "0", *with_one_key_of("mine", c, key)]],
            lambda c: [["ONCE", f"id-{tried}", "FCALL", "own.run", "1", key, *c]],
            lambda c: [["EVAL", SCRIPT, "1", key, *c]], lambda c: [["EVAL", SCRIPT, "0", *c]],
            lambda c: [["ONCE", f"id-{tried}", "EVAL", SCRIPT, "1", "own:k", *c]],
            lambda c: [["EVAL_RO", SCRIPT, "1", "own:k", *with_one_key_of("own", c, key)]])
    harmful = {"SHUTDOWN", "CLIENT REPLY", "QUIT", "RESET", "CLIENT KILL", "HELLO", "AUTH", "FUNCTION FLUSH",
               # answered by as many messages as they name channels: pubsub_test.py
               "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"}
    with shop() as all:
        for keyspace, guarantee in (("own", "strong"), ("mine", "eventual")):
            all.root("KEYSPACE", "CREATE", keyspace, "GUARANTEE", guarantee, "OWNER", "other", "DURABILITY", "everysec")
        for service, keyspace, way in (("owner", "strong", "call"), ("owner", "eventual", "pcall"),
                                       ("other", "own", "call"), ("other", "mine", "pcall")):
            getattr(all, service)("FUNCTION", "LOAD", RUN.format(keyspace, service, way))
        before = all.digests()
        tried = refused = 0
        token = all.owner("TOKEN")
        for (name, arity, first, _, _), keyspace in itertools.product(
                list(commands_of(all.root)), ("strong", "eventual")):
            if name.upper() in harmful:
                continue
            for kind in ("hidden-key", "hash", "set"):
                key = f"{keyspace}:{kind}"
                for call in arguments(name, arity, first, key):
                    for way in ways:
                        sent = way(call)
                        try:
                            replies = all.other.pipeline(sent)
                        except Disconnected:
                            raise AssertionError(f"{sent} ended the connection") from None
                        tried += 1
                        tells_nothing(sent, [str(r) if isinstance(r, ReplyError) else r for r in replies])
                        refused += any(isinstance(r, ReplyError) and r.code == "NOPERM" for r in replies)
                        if first and len(sent) == 1:
                            check(isinstance(replies[-1], ReplyError), f"{sent} was answered {replies[-1]!r}")
                        if call[0] == "MULTI":
                            all.other("DISCARD")
        equal(all.digests(), before, "something has changed")
        equal([all.other("FCALL", f"{k}.run", "0", "SET", f"{k}:a", "1") for k in ("own", "mine")], ["OK", "OK"],
              "its own functions were there")
        check(refused > tried / 10, f"of {tried} tries only {refused} were refused with NOPERM")
        print(f"   {tried} tries, {refused} refused with NOPERM")


def what_all_can_ask_shows_ones_own():
    with shop() as all:
        all.root("KEYSPACE", "CREATE", "mine", "GUARANTEE", "eventual", "OWNER", "other")
        all.other("SET", "mine:a", "1")
        equal(all.other("DBSIZE"), 1)
        equal(all.other("KEYS", "*"), [b"mine:a"])
        equal(all.other("KEYS", "strong:*"), [])
        equal(all.other("SCAN", "0", "COUNT", "1000")[1], [b"mine:a"])
        equal(all.other("SCAN", "0", "MATCH", "strong:*", "COUNT", "1000"), [b"0", []])
        for _ in range(50):
            equal(all.other("RANDOMKEY"), b"mine:a")
        equal(sorted(all.other("KEYSPACE", "LIST")), [b"default", b"mine"])
        for keyspace in ("strong", "eventual"):
            for sub in ("INFO", "DIGEST"):
                equal(all.other.error("KEYSPACE", sub, keyspace), "ERR", f"KEYSPACE {sub}: as one that is not there")
            equal(all.other.error("OUTCOME", "known-id", keyspace), "NOPERM")
        equal(all.other.error("VOID", "known-id", "strong"), "NOPERM")
        check("keyspace_strong" not in flat(all.other("INFO")), "INFO tells of another's keyspace")
        check("keyspace_mine" in flat(all.other("INFO")), "INFO says nothing of one's own")
        lines = flat(all.other("CLIENT", "LIST")).strip().splitlines()
        equal(len(lines), 1, "CLIENT LIST shows one's own connections")
        equal(all.other("FLUSHALL"), "OK")
        equal(all.other("DBSIZE"), 0)
        equal(all.owner("GET", "strong:hidden-key"), b"hidden-value", "FLUSHALL took another's")
        equal(all.owner("GET", "eventual:hidden-key"), b"hidden-value", "FLUSHALL took another's")


def who_administers_reads_no_data():
    with shop() as all:
        for command in (("GET", "strong:hidden-key"), ("SET", "eventual:hidden-key", "x"), ("OUTCOME", "known-id", "strong")):
            equal(all.root.error(*command), "NOPERM", f"{command}")
        equal(all.root("KEYS", "*"), [])
        check("owner" in flat(all.root("KEYSPACE", "INFO", "strong")), "it sees whose a keyspace is")
        for command in (("CONFIG", "SET", "maxclients", "100"), ("BGSAVE",), ("KEYSPACE", "CREATE", "x", "GUARANTEE", "strong"),
                        ("SERVICE", "CREATE", "y"), ("KEYSPACE", "ALTER", "strong", "OWNER", "other"),
                        ("NODE", "REMOVE", "9"), ("KEYSPACE", "DROP", "strong")):
            check(all.other.error(*command) in ("NOPERM", "ERR"), f"{command} by who does not administer")
        check("strong" in flat(all.root("KEYSPACE", "LIST")), "a keyspace was dropped by who may not")
        equal(all.root("KEYSPACE", "ALTER", "strong", "OWNER", "other"), "OK")
        equal(all.other("GET", "strong:hidden-key"), b"hidden-value", "the new owner")
        equal(all.owner.error("GET", "strong:hidden-key"), "NOPERM", "the one before")


def ids_are_each_services_own():
    """The same id of two services is two ids."""
    with shop() as all:
        equal(all.owner("ONCE", "same", "INCR", "shared"), 1)
        equal(all.other("ONCE", "same", "INCR", "shared"), 2)
        equal(all.owner("ONCE", "same", "INCR", "shared"), 1, "a retry")
        equal(all.other("ONCE", "same", "INCR", "shared"), 2, "and its")


def what_was_done_is_written_down():
    """audit.log: who changed the catalog, who was refused, and no token."""
    with shop() as all:
        all.root("KEYSPACE", "ALTER", "strong", "RETAIN-IDS", "1h")
        all.other.error("GET", "strong:hidden-key")
        all.other.error("KEYSPACE", "DROP", "strong")
        with all.server.client() as client:
            client.error("AUTH", "owner", "hf_wrong")
        lines = [json.loads(line) for line in (Path(all.server.data) / "audit.log").read_text().splitlines()]
        told = [(line["event"], line["service"], " ".join(line["command"]) if line["event"] == "catalog" else line["command"])
                for line in lines]
        for wanted in (("catalog", "", "SERVICE ADD root ADMIN"), ("catalog", "root", "SERVICE ADD owner PLAIN"),
                       ("catalog", "root", "KEYSPACE ALTER strong RETAIN-IDS 1h"), ("refused", "other", "GET"),
                       ("catalog", "other", "KEYSPACE DROP strong"), ("refused", "owner", "AUTH")):
            check(wanted in told, f"{wanted} is not among {told}")
        drop = next(line for line in lines if line["command"] == ["KEYSPACE", "DROP", "strong"])
        check(drop["outcome"].startswith("NOPERM") and drop["position"] > 0, f"{drop}")
        text_of_it = (Path(all.server.data) / "audit.log").read_text()
        for token in (*all.tokens.values(), "hf_wrong"):
            check(token not in text_of_it, "a token is in the audit log")


# -- Beyond loopback

def beyond_loopback_an_administrator_is_made():
    with tempfile.TemporaryDirectory() as folder:
        data, port = Path(folder) / "data", holdfast.free_port()
        command = [str(holdfast.BINARY), "serve", "--data", str(data), "--resp", f"0.0.0.0:{port}",
                   "--http", f"127.0.0.1:{holdfast.free_port()}"]
        tokens = []
        for _ in range(2):
            with open(Path(folder) / "log", "ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                holdfast.wait_until(lambda: listens(port), 30, "it listens")
                token_file = data / "admin-token"
                equal(stat.S_IMODE(token_file.stat().st_mode), 0o600, "who may read the token's file")
                tokens.append(token_file.read_text().strip())
                check(tokens[-1] not in (Path(folder) / "log").read_text(), "the token is in the log")
                with Client(port) as client:
                    equal(client.error("GET", "k"), "NOAUTH")
                    equal(client("AUTH", "admin", tokens[-1]), "OK")
                    equal(client("SERVICE", "LIST"), [b"admin"])
            finally:
                process.kill()
                process.wait()
        equal(tokens[0], tokens[1], "the second start makes no other")


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        from_the_first_service_on_everybody_signs_in, tokens_are_kept_as_hashes_and_outlive_restarts, rotation,
        a_dropped_service_is_out, wrong_tokens_are_slowed, nobody_reaches_what_is_anothers, what_all_can_ask_shows_ones_own,
        what_was_done_is_written_down, who_administers_reads_no_data, ids_are_each_services_own, beyond_loopback_an_administrator_is_made)})
