#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same random commands over RESP in one keyspace and over HTTP in another: the replies are the same, and so is what
the keyspaces hold at the end.

    http_and_resp_test.py [strong] [eventual]
"""
import base64
import os
import random
import re

import holdfast
from holdfast import ReplyError, Server, equal, run_cases
from http_test import Api

UNORDERED = {"SMEMBERS", "HKEYS", "HVALS", "SINTER", "SUNION", "SDIFF"}
WORDS = ["", "0", "1", "-7", "3.5", "text", "two words", "é\n\"\\", "\x00\x01", "9007199254740993", "x" * 300]


def draw(random_, ks):
    """A command's words, with {} for the keyspace."""
    def key():
        return "{}:" + random_.choice("abcdef")

    def word():
        return random_.choice(WORDS)

    def number():
        return str(random_.choice([0, 1, 5, -3, 9007199254740992, "x"]))
    both = [
        lambda: ["SET", key(), word()], lambda: ["GET", key()], lambda: ["INCRBY", key(), number()],
        lambda: ["DEL", key(), key()], lambda: ["MSET", key(), word(), key(), word()], lambda: ["MGET", key(), key(), key()],
        lambda: ["HSET", key(), word(), word(), word(), word()], lambda: ["HGETALL", key()], lambda: ["HGET", key(), word()],
        lambda: ["HINCRBY", key(), word(), number()], lambda: ["HDEL", key(), word()], lambda: ["HMGET", key(), word(), word()],
        lambda: ["SADD", key(), word(), word()], lambda: ["SREM", key(), word()], lambda: ["SMEMBERS", key()],
        lambda: ["SISMEMBER", key(), word()], lambda: ["SMISMEMBER", key(), word(), word()], lambda: ["SCARD", key()],
        lambda: ["TYPE", key()], lambda: ["EXISTS", key(), key()], lambda: ["STRLEN", key()], lambda: ["PERSIST", key()],
        lambda: ["SINTER", key(), key()], lambda: ["SUNION", key(), key()], lambda: ["HKEYS", key()], lambda: ["TTL", key()],
        lambda: ["GET"], lambda: ["NOSUCH", key()], lambda: ["SETNX", key(), word()], lambda: ["GETSET", key(), word()],
        lambda: ["APPEND", key(), word()], lambda: ["INCRBYFLOAT", key(), "1.5"], lambda: ["SETRANGE", key(), "3", word()],
        lambda: ["SMOVE", key(), key(), word()], lambda: ["RENAME", key(), key()], lambda: ["HSETNX", key(), word(), word()],
        lambda: ["HRANDFIELD", key(), "20", "WITHVALUES"], lambda: ["MGET", key(), "other:x"]]
    return random_.choice(both)()


def named(command, keyspace):
    return [word.replace("{}", keyspace) for word in command]


def text_of(data):
    """As JSON shows bytes that are no UTF-8; how many U+FFFD stand for some of them is each decoder's own matter."""
    return re.sub("\ufffd+", "\ufffd", data.decode(errors="replace"))


def plain(reply, name, keyspace):
    """A reply of either side as the other's: text as bytes, errors as their line, without the keyspace's name."""
    if isinstance(reply, (ReplyError, str)) or (isinstance(reply, dict) and "error" in reply):
        text = reply["error"] if isinstance(reply, dict) else str(reply)
        return re.sub("\ufffd+", "\ufffd", text).replace(keyspace, "KS")
    if isinstance(reply, bytes):
        return text_of(reply).replace(keyspace, "KS")
    if isinstance(reply, int) and abs(reply) >= 1 << 53:
        return str(reply)
    if isinstance(reply, list):
        told = [plain(one, "", keyspace) for one in reply]
        if name in UNORDERED:
            return sorted(told)
        if name in ("HGETALL", "HRANDFIELD"):
            return sorted(zip(told[::2], told[1::2]))
        return told
    return reply


def decoded(result):
    if isinstance(result, str):
        return result if result == "OK" else base64.b64decode(result)
    if isinstance(result, list):
        return [base64.b64decode(one) if isinstance(one, str) else decoded(one) for one in result]
    return result


def compare(guarantee, seed, rounds):
    random_ = random.Random(seed)
    by_resp, by_http = "side-resp", "side-http"
    with Server() as server, server.client() as client, Api(server) as api:
        for ks in (by_resp, by_http):
            client("KEYSPACE", "CREATE", ks, "GUARANTEE", guarantee)
        ids = []
        for step in range(rounds):
            headers = {"Upstash-Encoding": "base64"} if random_.random() < 0.5 else {}
            of = decoded if headers else (lambda result: result)
            shape = random_.random()
            what = f"seed {seed}, step {step}"
            if shape < 0.7:
                command = draw(random_, guarantee)
                id = None
                if random_.random() < 0.4:
                    if ids and random_.random() < 0.4:
                        id, command = random_.choice(ids)
                    else:
                        id = f"id-{step}"
                        ids.append((id, command))
                    headers["Idempotency-Key"] = id
                wrapped = ["ONCE", id, *named(command, by_resp)] if id else named(command, by_resp)
                [wanted] = client.pipeline([wrapped])
                status, told = api("POST", "/v1/command", named(command, by_http), headers)
                got = told if "error" in told else of(told["result"])
                equal(status == 200, not isinstance(wanted, ReplyError), what)
                equal(plain(got, command[0], by_http), plain(wanted, command[0], by_resp), f"{what}: {command}")
                continue
            commands = [draw(random_, guarantee) for _ in range(random_.randrange(1, 6))]
            if shape < 0.85:
                wanted = client.pipeline([named(c, by_resp) for c in commands])
                _, told = api("POST", "/pipeline", [named(c, by_http) for c in commands], headers)
            else:
                *_, wanted = client.pipeline([["MULTI"], *(named(c, by_resp) for c in commands), ["EXEC"]])
                status, told = api("POST", "/multi-exec", [named(c, by_http) for c in commands], headers)
                if isinstance(wanted, ReplyError):
                    equal(told["error"].split()[0], wanted.code, what)
                    continue
            got = [one if "error" in one else of(one["result"]) for one in told]
            for c, g, w in zip(commands, got, wanted, strict=True):
                equal(plain(g, c[0], by_http), plain(w, c[0], by_resp), f"{what}: {c}")
        for letter in "abcdef":
            held = []
            for ks in (by_resp, by_http):
                kind = client("TYPE", f"{ks}:{letter}")
                read = {"none": "EXISTS", "string": "GET", "hash": "HGETALL", "set": "SMEMBERS"}[kind]
                held.append((kind, plain(client(read, f"{ks}:{letter}"), read, ks)))
            equal(held[1], held[0], f"seed {seed}: key {letter}")


def strong():
    compare("strong", int(os.environ.get("SEED", random.randrange(1 << 30))), 3000)


def eventual():
    compare("eventual", int(os.environ.get("SEED", random.randrange(1 << 30))), 3000)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (strong, eventual)})
