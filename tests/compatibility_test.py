#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the examples in tests/compatibility/*.txt on redis-server 7.0 and on Holdfast side by side, over RESP2 and RESP3, and
compares the replies byte by byte; docs/compatibility.md is made of that, and of which commands there are.

    compatibility_test.py [--write]      --write: make the document anew

A file of examples has a section for each command, begun by `== name` as COMMAND LIST has it. In a section, which begins on
empty servers and a new connection:

    > WORDS           a command, words as a shell has them, \\xNN and \\n in double quotes
    ! REASON          behind a command: the replies differ, and why that is meant so
    ~ kind REASON     likewise: of the reply only the type is compared
    ~ unordered       likewise: elements may come in any order
"""
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import holdfast
from holdfast import Client, Disconnected, ReplyError, Server, check, skip

EXAMPLES = holdfast.ROOT / "tests" / "compatibility"
PAGE = holdfast.ROOT / "docs" / "compatibility.md"
GROUPS = {"string": "Strings", "bitmap": "Bitmaps", "hash": "Hashes", "list": "Lists", "set": "Sets", "sorted-set": "Sorted sets",
          "stream": "Streams", "geo": "Geography", "hyperloglog": "HyperLogLog", "generic": "Keys", "pubsub": "Publish and subscribe",
          "transactions": "Transactions", "scripting": "Scripts and functions", "connection": "Connections", "server": "Server",
          "cluster": "Cluster"}
# Commands that are not there, and why they are not missed.
ABSENT = {
    "acl|dryrun": "what a service may do follows from keyspaces' owners", "acl|genpass": "`SERVICE CREATE` draws tokens",
    "acl|load": "services lie in the cluster's own catalog", "acl|log": "refusals are in the audit log",
    "acl|save": "services lie in the cluster's own catalog", "function|dump": "libraries are text: keep that",
    "function|kill": "a function that does too much is stopped by its limits", "function|restore": "libraries are text: load that",
    "function|stats": "a function that does too much is stopped by its limits", "migrate": "a node joins the cluster instead",
    "monitor": "the log and `GET /v1/events` tell what happens", "pfdebug": "of Redis' own tests", "pfselftest": "of Redis' own tests",
    "psync": "nodes replicate in their own way", "replconf": "nodes replicate in their own way",
    "restore-asking": "of Redis Cluster", "script|debug": "no debugger", "sync": "nodes replicate in their own way",
    **{f"module|{name}": "no modules" for name in ("help", "load", "loadex", "unload")},
    **{f"cluster|{name}": "of Redis Cluster" for name in (
        "addslots", "addslotsrange", "bumpepoch", "count-failure-reports", "delslots", "delslotsrange", "failover", "flushslots",
        "forget", "links", "meet", "replicas", "replicate", "reset", "saveconfig", "set-config-epoch", "setslot", "slaves")},
}


@dataclass
class Example:
    line: str  # as it is written
    args: list
    mode: str = "same"  # differs, kind, unordered
    reason: str = ""


@dataclass
class Section:
    command: str
    where: str
    examples: list = field(default_factory=list)


WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.S)


def words(text):
    def plain(match):
        code = match.group(1)
        if code[:1] == b"x" and len(code) == 3:
            return bytes([int(code[1:], 16)])
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(code, code)

    found = []
    for match in WORD.finditer(text):
        quoted, bare = match.groups()
        found.append(bare.encode() if bare is not None else ESCAPE.sub(plain, quoted.encode()))
    return found


def read_sections():
    sections = {}
    for path in sorted(EXAMPLES.glob("*.txt")):
        section = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.name}:{number}"
            if not line or line.startswith("#"):
                continue
            mark, text = line[:2], line[2:].strip()
            if line.startswith("== "):
                check(line[3:] not in sections, f"{where}: {line} a second time")
                section = Section(line[3:], where)
                sections[section.command] = section
            elif mark == "> ":
                section.examples.append(Example(text, words(text)))
            elif mark == "! ":
                section.examples[-1].mode, section.examples[-1].reason = "differs", text
            elif mark == "~ ":
                mode, _, section.examples[-1].reason = text.partition(" ")
                check(mode in ("kind", "unordered"), f"{where}: {line}")
                section.examples[-1].mode = mode
            else:
                raise AssertionError(f"{where}: {line}")
    return sections


def unordered(reply):
    if isinstance(reply, (list, set, frozenset)):
        return sorted((unordered(one) for one in reply), key=repr)
    return reply


class Both:
    """A redis-server and a node of ours, with one connection to each."""

    def __init__(self, redis_port, node_port):
        self.ports = (redis_port, node_port)

    def begin(self, protocol):
        clients = []
        for port in self.ports:
            client = Client(port)
            client("FLUSHALL")
            if protocol == 3:
                client("HELLO", "3")
            clients.append(client)
        return clients


def same(example, theirs, ours):
    if theirs == ours:
        return True
    if example.mode == "unordered":
        return sorted(theirs.split(b"\r\n")) == sorted(ours.split(b"\r\n"))
    if example.mode == "kind":
        texts = b"$+="  # a text in whichever form
        return theirs[:1] == ours[:1] or (theirs[:1] in texts and ours[:1] in texts)
    return False


def wrong_in(section, both, protocol):
    """What is not as the example says, one line each."""
    theirs, ours = both.begin(protocol)
    with theirs, ours:
        for example in section.examples:
            replies = []
            for client in (theirs, ours):
                try:
                    replies.append(client.raw(*example.args))
                except Disconnected:
                    replies.append(b"(closed)")
            alike = same(example, *replies)
            if example.mode == "differs" and alike:
                yield f"{section.command}: '{example.line}' (RESP{protocol}) is the same by now: {replies[0]!r}"
            if example.mode != "differs" and not alike:
                yield f"{section.command}: '{example.line}' (RESP{protocol}) Redis: {replies[0]!r} Holdfast: {replies[1]!r}"


def run(sections, both):
    wrong = []
    for section in sections.values():
        for protocol in (2, 3):
            wrong += wrong_in(section, both, protocol)
    return wrong


def is_of(args, command):
    return [word.lower() for word in args[:2]] == command.encode().split(b"|") or args[0].lower() == command.encode()


def in_eventual(section, client):
    """Whether its examples are taken where keys are of an eventual keyspace: yes, no, in part."""
    client("FLUSHALL")
    outcomes = set()
    for example in section.examples:
        try:
            keys = set(client("COMMAND", "GETKEYS", *example.args))
        except ReplyError:
            continue
        try:
            client(*[b"e:" + word if word in keys else word for word in example.args])
            code = "OK"
        except ReplyError as error:
            code = error.code
        if is_of(example.args, section.command):
            outcomes.add(code == "UNSUPPORTED")
    return {frozenset({True}): "no", frozenset({False}): "yes", frozenset({True, False}): "in part"}.get(frozenset(outcomes), "")


def meanings_in_eventual(sections, ours, port):
    with Client(port) as client:
        client("KEYSPACE", "CREATE", "e", "GUARANTEE", "eventual")
        return {name: in_eventual(section, client) for name, section in sections.items()
                if ours.get(name, {}).get(b"on_eventual")}


def docs_of(port):
    """Every command with its group and, of ours, what it means in eventual keyspaces."""
    with Client(port) as client:
        found = {}

        def add(entries):
            for name, about in zip(entries[::2], entries[1::2]):
                facts = dict(zip(about[::2], about[1::2]))
                found[name.decode().lower()] = facts
                add(facts.get(b"subcommands", []))
        add(client("COMMAND", "DOCS"))
        return found


def is_container(name, names):
    return any(other.startswith(name + "|") for other in names)


def page(sections, theirs, ours, eventual):
    def text_of(facts, key):
        return facts.get(key, b"").decode()

    out = ["# Redis 7.0, command by command", "",
           "Made by `tests/compatibility_test.py --write` from a real redis-server 7.0 and the examples in `tests/compatibility/`,",
           "which run on both, over RESP2 and RESP3; replies are compared byte by byte. A test fails where this page is not what it",
           "makes. Beside it `src/command/redis_test.cc` compares the data commands with redis-server on drawn commands.", "",
           "**Same**: so many examples are answered alike. **Type**: so many where only the reply's type can be compared (times,",
           "addresses, our own words). **Differs**: those are listed below, with the reason. **Eventual**: whether the examples are",
           "taken in an eventual keyspace; [docs/commands.md](commands.md) says what each means there.", ""]
    commands = [name for name in theirs if not (is_container(name, theirs) and not name == "command")]
    offered = [name for name in commands if name in ours]
    out += [f"{len(offered)} of {len(commands)} commands are there, subcommands counted by themselves.", ""]
    differences, absent = [], []
    for group, title in GROUPS.items():
        rows = sorted(name for name in commands if text_of(theirs[name], b"group") == group)
        mine = [name for name in rows if name in ours]
        absent += [(name, ABSENT.get(name, "not yet")) for name in rows if name not in ours]
        if not mine:
            continue
        out += [f"## {title}", "", "| command | strong | eventual | same | type | differs |", "| --- | --- | --- | --- | --- | --- |"]
        for name in mine:
            examples = sections[name].examples if name in sections else []
            modes = [example.mode for example in examples]
            counts = [len([m for m in modes if m in kinds]) or "" for kinds in (("same", "unordered"), ("kind",), ("differs",))]
            out.append(f"| `{name.replace('|', ' ').upper()}` | yes | {eventual.get(name, '')} | " + " | ".join(map(str, counts)) + " |")
            differences += [(example, name) for example in examples if example.mode == "differs"]
        out.append("")
    out += ["## What differs", "", "| example | why |", "| --- | --- |"]
    for example, _ in differences:
        out.append(f"| `{example.line}` | {example.reason} |")
    out += ["", "## What is not there", "", "| command | why |", "| --- | --- |"]
    for name, why in sorted(absent):
        out.append(f"| `{name.replace('|', ' ').upper()}` | {why} |")
    return "\n".join(out) + "\n"


def answers(port):
    try:
        with Client(port, timeout=5) as client:
            return client("PING") == "PONG"
    except Disconnected:
        return False


def main():
    if not shutil.which("redis-server"):
        skip("redis-server is not installed")
    sections = read_sections()
    with tempfile.TemporaryDirectory() as folder:
        port = holdfast.free_port()
        redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                                  "--databases", "1", "--enable-debug-command", "yes"], stdout=subprocess.DEVNULL,
                                 env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
        try:
            holdfast.wait_until(lambda: answers(port), 30, "redis-server answers")
            with Client(port) as client:
                version = dict(line.split(":", 1) for line in client("INFO", "server").decode().splitlines() if ":" in line)
            if not version["redis_version"].startswith("7.0."):
                skip(f"redis-server {version['redis_version']} is not 7.0")
            with Server(flags=["--enable-debug-command", "yes"]) as node:
                theirs, ours = docs_of(port), docs_of(node.port)
                missing = sorted(name for name in theirs if name in ours and name not in sections
                                 and not (is_container(name, theirs) and name != "command"))
                wrong = [f"{name}: there are no examples of it" for name in missing]
                wrong += [f"{section.where}: {name} is no command of both" for name, section in sections.items()
                          if name not in theirs or name not in ours]
                wrong += run(sections, Both(port, node.port))
                eventual = meanings_in_eventual(sections, ours, node.port)
        finally:
            redis.terminate()
            redis.wait()
    made = page(sections, theirs, ours, eventual)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made:
        there = PAGE.read_text().splitlines() if PAGE.exists() else []
        wrong += list(difflib.unified_diff(there, made.splitlines(), "docs/compatibility.md", "what the test makes", "", "", 0, ""))
    for line in wrong:
        print(line)
    check(not wrong, f"{len(wrong)} complaints")
    print(f"{sum(len(s.examples) for s in sections.values())} examples of {len(sections)} commands, over RESP2 and RESP3")


if __name__ == "__main__":
    main()
