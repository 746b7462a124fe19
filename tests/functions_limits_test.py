#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that loop, grow, recurse or answer monsters: each ends with an error that says why, has changed nothing, and
does not keep the node from answering others. Row 18 of what must hold; the limits are those of src/base/limits.h.

    functions_limits_test.py [CASE …]
"""
import re
import threading
import time

import holdfast
from functions_test import GUARANTEES, answer, library, node
from holdfast import check, equal, run_cases

WORK = "the function ran more than"
MEMORY = "the function used more than"
OTHERS_WAIT_SECONDS = 1.0


def limit(name):
    """A figure of src/base/limits.h."""
    text = (holdfast.ROOT / "src" / "base" / "limits.h").read_text()
    found = re.search(rf"\b{name} =\s*([\d']+)(_KiB|_MiB)?;", text)
    return int(found.group(1).replace("'", "")) * {None: 1, "_KiB": 1 << 10, "_MiB": 1 << 20}[found.group(2)]


class Others(threading.Thread):
    """Another caller, who reads and writes meanwhile: how long it waited at most."""

    def __init__(self, server):
        super().__init__()
        self.server, self.done = server, threading.Event()
        self.worst, self.answers, self.failure = 0.0, 0, None

    def run(self):
        try:
            with self.server.client() as client:
                while not self.done.is_set():
                    began = time.monotonic()
                    client("INCR", "others")
                    client("GET", "others")
                    self.worst = max(self.worst, time.monotonic() - began)
                    self.answers += 1
        except Exception as failure:  # told by whoever joins
            self.failure = failure

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.done.set()
        self.join()
        if kind is None:
            check(self.failure is None, f"the other caller: {self.failure}")
            check(self.answers > 0 and self.worst < OTHERS_WAIT_SECONDS, f"others waited {self.worst:.2f} s")
            print(f"   {self.answers} answers to another caller, the slowest in {self.worst * 1000:.0f} ms")


def run_all(bodies, what_is_told):
    """Each body in both guarantees, behind a write that must not stay; and the node goes on."""
    with node() as (server, client):
        for keyspace in GUARANTEES:
            client("SET", f"{keyspace}:k", "before")
        digests = [client("KEYSPACE", "DIGEST", k) for k in GUARANTEES]
        with Others(server):
            for body in bodies:
                for keyspace in GUARANTEES:
                    client("FUNCTION", "LOAD", "REPLACE", library(keyspace, f=f"redis.call('SET', keys[1], 'after') {body}"))
                    began = time.monotonic()
                    told = answer(client, "FCALL", f"{keyspace}.f", 1, f"{keyspace}:k")
                    took = time.monotonic() - began
                    check(isinstance(told, str) and told.startswith("-ERR") and any(t in told for t in what_is_told),
                          f"{body}: {told!r:.200}")
                    check(took < OTHERS_WAIT_SECONDS, f"{body} took {took:.2f} s")
                    equal(client("GET", f"{keyspace}:k"), b"before", body)
        equal([client("KEYSPACE", "DIGEST", k) for k in GUARANTEES], digests, "something has changed")


ENDLESS = (
    "while true do end", "repeat until false", "for i = 1, 1e18 do end", "local i = 0 while true do i = i + 1 end",
    "while true do pcall(function() while true do end end) end",
    "local function f() return f() end f()",
    "coroutine.wrap(function() while true do end end)()", "while true do coroutine.wrap(function() end)() end",
    "while true do redis.call('GET', keys[1]) end", "while true do redis.pcall('NOSUCH') end",
    "while true do redis.call('SET', keys[1], 'x') end", "for i = 1, 1e9 do redis.call('SET', keys[1] .. i, i) end",
    "string.find(string.rep('a', 1000), string.rep('a-', 30) .. 'b')",
    "local s = string.rep('x', 200000):gsub('', function() end):gsub('.', '%0%0') while true do end",
    "for i = 1, 1e9 do string.lower('abc') end", "for i = 1, 1e9 do cjson.encode({1, 2, 3}) end",
    "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) end",
    "local t = {} for i = 1, 3e5 do t[i] = i end table.sort(t, function() return true end) while true do end",
    "while true do loadstring('return 1') end", "setmetatable({}, {__gc = function() while true do end end}) while true do end",
)
GROWING = (
    "return string.rep('x', 1e9)", "return string.rep('x', 2^53)", "local s = 'x' while true do s = s .. s end",
    "local t = {} for i = 1, 1e9 do t[i] = i end", "local t = {} while true do t[#t + 1] = {} end",
    "pcall(string.rep, 'x', 1e9) return 1", "local t = {} for i = 1, 1e6 do t['k' .. i] = i end",
    "local s = string.rep('x', 8e6) return s .. s", "return ('x'):rep(8e6):gsub('x', 'yyyy')",
    "local t = {} for i = 1, 100 do t[i] = string.rep('x', 1e6) .. i end return table.concat(t)",
    "return cjson.encode(string.rep('\\1', 8e6))",
)
DEEP = ("local function f(n) return 1 + f(n + 1) end return f(1)", "local t = {} t[1] = t return t",
        "local t = {} for i = 1, 100 do t = {t} end return t",
        "local t = {} for i = 1, 100 do t = {t} end return cjson.encode(t)",
        "return cjson.decode(('['):rep(100000))", "return cjson.decode(('{\"a\":'):rep(1000))",
        "return ('('):rep(1000):find(('('):rep(1000))",
        "return assert(loadstring(('('):rep(100000)))", "return assert(loadstring(('return {'):rep(10000)))",
        "local t = {} for i = 1, 1000 do t = setmetatable({}, {__index = t}) end return t.a",
        "return unpack({}, 1, 1e8)", "return string.rep('a', 30000):find(string.rep('a?', 30000))",
        "local function f() return coroutine.wrap(f)() end return f()",
        "return tostring(setmetatable({}, {__tostring = function() error('x') end}))")


def what_does_not_end_is_ended():
    run_all(ENDLESS, (WORK,))


def what_grows_is_ended():
    run_all(GROWING, (MEMORY, WORK, "too big", "stack overflow"))


def what_is_deep_is_refused():
    run_all(DEEP, ("function 'f'", WORK, MEMORY))


def monsters_are_not_answered():
    """A reply that is as long as it may be comes whole; one that is longer does not; an end that is caught is still the end."""
    longest = limit("function_reply_bytes_max")
    with node() as (server, client), Others(server):
        client("FUNCTION", "LOAD", library("strong", f="local t = {} for i = 1, args[1] do t[i] = args[2] end return t",
                                           g="return pcall(function() while true do end end)",
                                           h="return {pcall(string.rep, 'x', 1e9)}"))
        part = "x" * 1_000_000
        reply = client("FCALL", "strong.f", 0, 8, part)
        equal([len(p) for p in reply], [1_000_000] * 8)
        told = answer(client, "FCALL", "strong.f", 0, 9, part)
        check("longer than" in told and str(longest) in told, told)
        check(WORK in answer(client, "FCALL", "strong.g", 0), "what ran out of instructions was caught")
        check(MEMORY in answer(client, "FCALL", "strong.h", 0), "what ran out of memory was caught")
        # The whole of a large value, though not the largest there is.
        client("SET", "strong:large", "y" * 4_000_000)
        client("SET", "strong:huge", "y" * 20_000_000)
        client("FUNCTION", "LOAD", library("strong", name="get", get="return redis.call('GET', keys[1])"))
        equal(len(client("FCALL", "strong.get", 1, "strong:large")), 4_000_000)
        told = answer(client, "FCALL", "strong.get", 1, "strong:huge")
        check(MEMORY in told or WORK in told, f"{told:.200}")


def limits_of_libraries():
    """Each limit is reached, and one more is refused with its figure."""
    with node() as (server, client):
        most = limit("function_library_bytes_max")
        head = "#!lua name=long keyspace=strong\nredis.register_function('long', function() return 1 end) --"
        equal(client("FUNCTION", "LOAD", head + "x" * (most - len(head))), b"long")
        check(str(most) in answer(client, "FUNCTION", "LOAD", "REPLACE", head + "x" * (most + 1 - len(head))), "one byte more")

        most = limit("functions_max")
        source = "#!lua name=many keyspace=strong\nfor i = 1, {} do " \
                 "redis.register_function('f' .. i, function() return i end) end"
        equal(client("FUNCTION", "LOAD", source.format(most)), b"many")
        equal(client("FCALL", f"strong.f{most}", 0), most)
        check(str(most) in answer(client, "FUNCTION", "LOAD", "REPLACE", source.format(most + 1)), "one function more")

        deepest = limit("function_nesting_max")
        client("FUNCTION", "LOAD", library("strong", nest="local t = 1 for i = 1, args[1] do t = {t} end return t"))
        reply = client("FCALL", "strong.nest", 0, deepest)
        for _ in range(deepest):
            reply = reply[0]
        equal(reply, 1)
        check(str(deepest) in answer(client, "FCALL", "strong.nest", 0, deepest + 1), "one deeper")

        most = limit("libraries_max")
        client("KEYSPACE", "ALTER", "strong", "DURABILITY", "everysec")
        there = len(client("FUNCTION", "LIST"))
        for i in range(there, most):
            client("FUNCTION", "LOAD",
                   f"#!lua name=l{i} keyspace=eventual\nredis.register_function('g{i}', function() return {i} end)")
        equal(len(client("FUNCTION", "LIST")), most)
        check(str(most) in answer(client, "FUNCTION", "LOAD", library("strong", name="over", over="return 1")),
              "one library more")
        equal(client("FCALL", f"eventual.g{most - 1}", 0), most - 1)
        dump = client("FUNCTION", "DUMP")
        client("FUNCTION", "FLUSH")
        equal(client("FUNCTION", "RESTORE", dump), "OK")
        server.restart()
        with server.client() as client:
            equal(len(client("FUNCTION", "LIST")), most)


def sources_that_are_no_libraries():
    """What a parser could stumble over: it is refused, and the node goes on."""
    head = "#!lua name=x keyspace=strong\n"
    with node() as (server, client), Others(server):
        for source in ("", "#", "#!", "#!\n", "#!lua", "#!lua\n", "#!lua name=\n", "#!lua  name=x  name=y\n",
                       "#!lua name=x keyspace=\n",
                       "#!lua name=x keyspace=a b\n", "#!lua name=" + "x" * 65 + "\n",
                       "#!lua name=x keyspace=" + "k" * 65 + "\n", "#!js name=x\n",
                       "#!lua\tname=x\n", "#!lua name=x\0y\n", head, head + "\0", head + "\x1bLua", head + "((((((((",
                       head + "(" * 100_000,
                       head + "return {" * 1000, head + "x = " + "{" * 10_000, head + "local a = '" + "x" * 100_000,
                       head + "--[[", head + "[==[" * 1000,
                       head + "goto x", head + "if " * 50_000, head + "a=" + "-" * 100_001 + "1",
                       head + "a=" + "not " * 50_000 + "1",
                       head + "local " + ",".join(f"a{i}" for i in range(201)), head + "f(" * 30_000,
                       head + "while true do end", head + "error()",
                       head + "error({})", head + "redis.register_function()", head + "redis.register_function('f')",
                       head + "redis.register_function('f', 1)",
                       head + "redis.register_function('a b', function() end)",
                       head + "redis.register_function('', function() end)",
                       head + "redis.register_function{function_name='f', callback=function() end, flags={'none-such'}}",
                       head + "redis.register_function{function_name='f', callback=function() end, allow={1}}",
                       head + "redis.register_function{function_name='f', callback=function() end, more=1}",
                       head + "local t = {} for i = 1, 1e6 do t[i] = {} end", head + "string.rep('x', 1e9)",
                       head + "for i = 1, 2 do redis.register_function('f', function() end) end"):
            equal(client.error("FUNCTION", "LOAD", source), "ERR", f"{source[:60]!r}")
        equal(client("FUNCTION", "LIST"), [])
        equal(client("FUNCTION", "LOAD", head.replace("\n", "\r\n") + "redis.register_function('f', function() return 1 end)"),
              b"x", "lines may end as Windows has them")
        equal(client("FCALL", "strong.f", 0), 1)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        what_does_not_end_is_ended, what_grows_is_ended, what_is_deep_is_refused, monsters_are_not_answered,
                                       limits_of_libraries,
        sources_that_are_no_libraries)})
