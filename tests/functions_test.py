#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions as who calls them sees them, on one node: an owner's rules hold for everybody; what is refused has changed
nothing and stays refused under its id; nothing leads out of a function's keyspace; libraries outlive what the node does.

    functions_test.py [CASE …]

What loops, grows or recurses is in functions_limits_test.py, and what Redis does in functions_redis_test.py.
"""
import contextlib
import random

import holdfast
from holdfast import ReplyError, Server, check, equal, run_cases
from services_test import Shop, flat

GUARANTEES = ("strong", "eventual")
BANK = (holdfast.ROOT / "examples" / "bank" / "accounts.lua").read_text()


def bank_of(keyspace):
    return BANK.replace("keyspace=accounts", f"keyspace={keyspace}", 1)


def library(keyspace, name="test", **functions):
    """A library of functions, each given as its body, or as a pair of it and what else its registration says."""
    lines = [f"#!lua name={name} keyspace={keyspace}"]
    for function, body in functions.items():
        body, more = (body, "") if isinstance(body, str) else body
        lines.append(f"redis.register_function{{function_name='{function}', callback=function(keys, args) {body} end{more}}}")
    return "\n".join(lines)


@contextlib.contextmanager
def node(**options):
    """A node where nobody has to sign in, with a keyspace of each guarantee, and its client."""
    with Server(**options) as server, server.client() as client:
        for guarantee in GUARANTEES:
            client("KEYSPACE", "CREATE", guarantee, "GUARANTEE", guarantee)
        yield server, client


@contextlib.contextmanager
def shop(**libraries):
    """The services and keyspaces of services_test, with libraries in the owner's two keyspaces."""
    with Server() as server:
        all = Shop(server)
        for keyspace in GUARANTEES:
            all.owner("FUNCTION", "LOAD", library(keyspace, **libraries))
        yield all


def answer(client, *command):
    """The reply, or the error as text."""
    try:
        return client(*command)
    except ReplyError as error:
        return f"-{error}"


# -- The bank

def the_bank():
    """Open, credit, debit, balance, and no account below zero; the same in both guarantees on one node."""
    with node() as (_, client):
        for keyspace in GUARANTEES:
            equal(client("FUNCTION", "LOAD", bank_of(keyspace)), b"bank")

            def call(function, name, *args, keyspace=keyspace):
                return answer(client, "FCALL", f"{keyspace}.{function}", 1, f"{keyspace}:{name}", *args)
            equal(call("balance", "anna"), f"-NOACCOUNT there is no account {keyspace}:anna")
            equal([call("open", "anna"), call("open", "bert")], [0, 0])
            equal(call("open", "anna"), f"-ISOPEN there is an account {keyspace}:anna")
            equal(call("credit", "anna", 1000), 1000)
            equal(call("debit", "anna", 700), 300)
            equal(call("debit", "anna", 301), f"-TOOLITTLE {keyspace}:anna has 300, and not 301")
            for amount in ("0", "-5", "1e3", "0x10", "", " 1", "1.5", "1000000000000001", "one"):
                check(call("debit", "anna", amount).startswith("-BADAMOUNT"), f"{keyspace}: an amount of {amount!r}")
                check(call("credit", "anna", amount).startswith("-BADAMOUNT"), f"{keyspace}: an amount of {amount!r}")
            equal([call("balance", "anna"), call("balance", "bert")], [300, 0])
            drawn(client, call, keyspace)


def drawn(client, call, keyspace):
    """A thousand calls, beside the same rules in Python."""
    client("KEYSPACE", "ALTER", keyspace, "DURABILITY", "everysec")
    chance = random.Random(29)
    have = {"anna": 300, "bert": 0}
    refused = 0
    for i in range(1000):
        name, way, amount = chance.choice(["anna", "bert", "carl"]), chance.choice(["debit", "credit"]), chance.randrange(1, 100)
        was = have.get(name)
        wanted = None if was is None else was + amount if way == "credit" else was - amount
        reply = call(way, name, amount)
        if wanted is None or wanted < 0:
            equal(reply.split()[0], "-NOACCOUNT" if was is None else "-TOOLITTLE", f"{i}: {way} {name} {amount} of {was}")
            refused += 1
        else:
            equal(reply, wanted, f"{i}: {way} {name} {amount} of {was}")
            have[name] = wanted
    check(refused > 200, f"only {refused} were refused")
    equal({n: int(client("GET", f"{keyspace}:{n}")) for n in have}, have, keyspace)


def a_refusal_stays_one_under_its_id():
    """A late copy of what was refused does not succeed, though money has come; another id does."""
    with node() as (server, client):
        for keyspace in GUARANTEES:
            client("FUNCTION", "LOAD", bank_of(keyspace))
            debit = ("FCALL", f"{keyspace}.debit", 1, f"{keyspace}:anna", 50)
            client("FCALL", f"{keyspace}.open", 1, f"{keyspace}:anna")
            before = client("KEYSPACE", "DIGEST", keyspace)
            refusal = answer(client, "ONCE", "order-1", *debit)
            equal(refusal, f"-TOOLITTLE {keyspace}:anna has 0, and not 50")
            equal(client("KEYSPACE", "DIGEST", keyspace), before, "a refusal changes nothing")
            client("FCALL", f"{keyspace}.credit", 1, f"{keyspace}:anna", 60)
            equal(answer(client, "ONCE", "order-1", *debit), refusal, f"{keyspace}: a retry")
            equal(client("ONCE", "order-2", *debit), 10, "another order")
            equal(client("ONCE", "order-2", *debit), 10, "a retry of what was done")
            equal(client.error("ONCE", "order-2", *debit[:-1], 51), "IDREUSED")
            check("TOOLITTLE" in flat(answer(client, "OUTCOME", "order-1", keyspace)), "OUTCOME tells of a refusal")
        server.restart()
        with server.client() as client:
            for keyspace in GUARANTEES:
                debit = ("FCALL", f"{keyspace}.debit", 1, f"{keyspace}:anna", 50)
                equal(answer(client, "ONCE", "order-1", *debit).split()[0], "-TOOLITTLE", f"{keyspace}: after kill -9")
                equal(client("ONCE", "order-2", *debit), 10, f"{keyspace}: after kill -9")
                equal(client("GET", f"{keyspace}:anna"), b"10")


def what_was_never_asked_is_not_remembered():
    """A function that is not there, or not the caller's to call, is no outcome: the id is free."""
    with shop(f=("return redis.call('INCR', keys[1])", ", allow={'friend'}")) as all:
        for keyspace in GUARANTEES:
            call = (f"{keyspace}.f", 1, f"{keyspace}:n")
            equal(all.other.error("ONCE", "an-id", "FCALL", *call), "NOPERM")
            all.owner("FUNCTION", "LOAD", "REPLACE", library(keyspace, f="return redis.call('INCR', keys[1])"))
            equal(all.other("ONCE", "an-id", "FCALL", *call), 1, f"{keyspace}: once it is published")


# -- What fails has changed nothing

# Each leaves something behind if it is not taken back: keys[1] to keys[6] are a string, a counter, a hash, a set, a key
# with an expiry, and one that is not there.
WRITES = ("SET, keys[1], 'new'", "APPEND, keys[1], 'more'", "SET, keys[1], 'x', 'PX', 60000", "GETDEL, keys[1]",
          "GETSET, keys[1], 'y'", "SETRANGE, keys[1], 2, 'zz'", "INCRBY, keys[2], 7", "DECR, keys[2]",
          "INCRBYFLOAT, keys[2], 1.5", "MSET, keys[1], 1, keys[6], 2", "HSET, keys[3], 'f', 'new', 'h', 2",
          "HDEL, keys[3], 'f', 'g'", "HINCRBY, keys[3], 'n', 5", "SADD, keys[4], 'd', 'e'", "SREM, keys[4], 'a', 'b', 'c'",
          "SMOVE, keys[4], keys[6], 'a'", "SPOP, keys[4]", "SUNIONSTORE, keys[6], keys[4]", "DEL, keys[3]",
          "DEL, keys[4], keys[5]", "UNLINK, keys[1]", "EXPIRE, keys[1], 100", "PEXPIRE, keys[3], 100000", "PERSIST, keys[5]",
          "EXPIRE, keys[4], -1", "SET, keys[6], 'made'", "HSET, keys[6], 'made', 1", "SADD, keys[6], 'made'",
          "RENAME, keys[1], keys[6]", "RENAME, keys[4], keys[3]", "COPY, keys[3], keys[6]", "SET, keys[4], 'a string now'",
          "HSET, keys[1], 'wrong', 'type'")
ENDINGS = ("error('enough')", "error({err='MYOWN refusal'})", "return redis.error_reply('NOT wanted')",
           "return {err='NOT wanted'}", "redis.call('SET', keys[2], 'text') redis.call('INCR', keys[2])", "return nil + 1",
           "while true do end", "string.rep('x', 1e9)", "return {1, {2, redis.error_reply('DEEP inside')}} .. 'x'",
           "local function f() return 1 + f() end f()", "local t = {} t[1] = t return t", "redis.call('GET', 'default-key')")


def lua_call(write):
    """"SET, keys[1], 'x'" as a call whose refusal is no matter."""
    name, _, arguments = write.partition(",")
    return f"redis.pcall('{name}',{arguments})"


def contents(client, keyspace):
    held = {}
    for key in sorted(client("KEYS", f"{keyspace}:*")):
        kind = client("TYPE", key)
        read = {"string": ("GET",), "hash": ("HGETALL",), "set": ("SMEMBERS",)}[kind]
        value = client(*read, key)
        held[key] = (kind, sorted(value) if isinstance(value, list) else value, client("PEXPIRETIME", key))
    return held


def what_fails_has_changed_nothing():
    """Drawn series of writes, ended in each way in which a function fails: all is as it was."""
    chance = random.Random(31)
    with node() as (server, client):
        for keyspace in GUARANTEES:
            keys = [f"{keyspace}:{k}" for k in ("string", "counter", "hash", "set", "expiring", "absent")]
            client("SET", keys[0], "hello")
            client("SET", keys[1], "5")
            client("INCRBY", keys[1], "2")
            client("HSET", keys[2], "f", "1", "g", "two")
            client("HINCRBY", keys[2], "n", "3")
            client("SADD", keys[3], "a", "b", "c")
            client("SET", keys[4], "soon", "PX", "3600000")
            held, digest = contents(client, keyspace), client("KEYSPACE", "DIGEST", keyspace)
            equal(len(held), 5)
            functions, count = {}, 0
            for ending in ENDINGS:
                for _ in range(10):
                    body = " ".join(lua_call(w) for w in chance.sample(WRITES, chance.randrange(1, 12)))
                    functions[f"f{count}"] = f"{body} {ending}"
                    count += 1
            client("FUNCTION", "LOAD", library(keyspace, **functions))
            for name, body in functions.items():
                for wrap in ((), ("ONCE", f"id-{name}")):
                    reply = answer(client, *wrap, "FCALL", f"{keyspace}.{name}", 6, *keys)
                    check(isinstance(reply, str) and reply.startswith("-"), f"{keyspace}: {body} answered {reply!r}")
                    equal(client("KEYSPACE", "DIGEST", keyspace), digest, f"{keyspace}: {body}")
            equal(contents(client, keyspace), held, keyspace)
            # And that the same series do something when they end well.
            client("FUNCTION", "LOAD", library(keyspace, "writes", all=" ".join(map(lua_call, WRITES)) + " return 'done'"))
            equal(client("FCALL", f"{keyspace}.all", 6, *keys), b"done")
            check(client("KEYSPACE", "DIGEST", keyspace) != digest, f"{keyspace}: nothing was written by any")
        digests = [client("KEYSPACE", "DIGEST", k) for k in GUARANTEES]
        server.restart()
        with server.client() as client:
            equal([client("KEYSPACE", "DIGEST", k) for k in GUARANTEES], digests, "after kill -9")


def a_function_sees_what_it_wrote():
    body = ("redis.call('SET', keys[1], 1) redis.call('INCRBY', keys[1], 4) redis.call('SADD', keys[2], 'a', 'b') "
            "redis.call('HSET', keys[3], 'f', redis.call('GET', keys[1])) redis.call('SREM', keys[2], 'a') "
            "return {redis.call('GET', keys[1]), redis.call('SMEMBERS', keys[2]), redis.call('HGETALL', keys[3]), "
            "redis.call('EXISTS', unpack(keys))}")
    with node() as (_, client):
        for keyspace in GUARANTEES:
            keys = [f"{keyspace}:{k}" for k in "abc"]
            client("FUNCTION", "LOAD", library(keyspace, f=body))
            equal(client("FCALL", f"{keyspace}.f", 3, *keys), [b"5", [b"b"], [b"f", b"5"], 3], keyspace)
            equal([client("GET", keys[0]), client("SMEMBERS", keys[1]), client("HGET", keys[2], "f")], [b"5", [b"b"], b"5"],
                  keyspace)


# -- Who may call what

def others_call_what_is_published():
    with shop(all="return 'hello'", few=("return 1", ", allow={'friend', 'other'}"), ours=("return 1", ", allow={'owner'}"),
              look=("return redis.call('GET', keys[1])", ", flags={'no-writes'}, allow={'friend'}")) as all:
        for keyspace in GUARANTEES:
            may = f"this one may call: {keyspace}.all, {keyspace}.few"
            told = answer(all.other, "GET", f"{keyspace}:hidden-key")
            check(told.startswith("-NOPERM") and "'owner'" in told and told.endswith(may), told)
            for name in ("ours", "look", "none"):
                for command in ("FCALL", "FCALL_RO"):
                    told = answer(all.other, command, f"{keyspace}.{name}", 1, f"{keyspace}:hidden-key")
                    check(told.startswith("-NOPERM") and "'owner'" in told and told.endswith(may), told)
            equal(all.other("FCALL", f"{keyspace}.all", 0), b"hello")
            equal(all.other("FCALL", f"{keyspace}.few", 0), 1)
            equal(all.owner("FCALL", f"{keyspace}.look", 1, f"{keyspace}:hidden-key"), b"hidden-value", "the owner calls all")
            equal(all.root.error("FCALL", f"{keyspace}.look", 1, f"{keyspace}:hidden-key"), "NOPERM",
                  "who administers is none of the named")
            with all.server.client() as nobody:
                equal(nobody.error("FCALL", f"{keyspace}.all", 0), "NOAUTH")
        all.root("SERVICE", "CREATE", "late")
        all.root("KEYSPACE", "CREATE", "bare", "GUARANTEE", "strong", "OWNER", "owner")
        check("has published no functions to this one" in answer(all.other, "GET", "bare:k"), "nothing is published there")


def the_list_shows_what_one_may_call():
    """And no code of others, nor another's library by DUMP, DELETE, FLUSH, LOAD or RESTORE."""
    hidden = ", allow={'friend'}, description='hidden-member'"
    with shop(all="return 'hidden-value'", ours=("return 'hidden-field'", hidden)) as all:
        for command in (("LIST",), ("LIST", "WITHCODE"), ("LIST", "LIBRARYNAME", "test", "WITHCODE")):
            shown = all.other("FUNCTION", *command)
            equal(len(shown), 2, "both libraries have a function for it")
            told = flat(shown)
            check("strong.all" in told and "eventual.all" in told, told)
            check(not any(word in told for word in ("ours", "hidden", "library_code", "register_function")),
                  f"{command}: {told}")
            check("ours" in flat(all.owner("FUNCTION", *command)), "the owner sees all of its own")
        check("hidden-field" in flat(all.owner("FUNCTION", "LIST", "WITHCODE")), "the owner sees the code")
        equal(all.other("FUNCTION", "STATS")[3][1][3], 2, "it may call two")

        dump = all.owner("FUNCTION", "DUMP")
        mine = all.other("FUNCTION", "DUMP")
        check(len(mine) < 20 and b"lua" not in mine, f"a dump shows another's: {mine}")
        all.root("KEYSPACE", "CREATE", "mine", "GUARANTEE", "strong", "OWNER", "other")
        all.other("FUNCTION", "LOAD", library("mine", name="own", f="return 1"))
        equal(all.other("FCALL", "mine.f", 0), 1)
        before = flat(all.owner("FUNCTION", "LIST", "WITHCODE"))
        for keyspace in GUARANTEES:
            foreign = library(keyspace, name="taken", f="return 1")
            for command in (("LOAD", foreign), ("LOAD", "REPLACE", foreign), ("DELETE", f"{keyspace}.test")):
                equal(all.other.error("FUNCTION", *command), "NOPERM", f"{command}")
                equal(all.root.error("FUNCTION", *command), "NOPERM", f"{command} by who administers")
        for policy in ("APPEND", "REPLACE", "FLUSH"):
            equal(all.other.error("FUNCTION", "RESTORE", dump, policy), "NOPERM", policy)
            equal(all.other("FCALL", "mine.f", 0), 1, f"RESTORE {policy} was refused as a whole")
        equal(all.other("FUNCTION", "FLUSH"), "OK")
        equal(all.other.error("FCALL", "mine.f", 0), "ERR", "FLUSH takes one's own")
        check(before.startswith(flat(all.owner("FUNCTION", "LIST", "WITHCODE"))),
              "what the owner has: all but what it might call of 'mine'")


def the_caller_is_known():
    body = "redis.call('SET', keys[1], holdfast.caller()) return holdfast.caller()"
    with shop(who=body) as all:
        for keyspace in GUARANTEES:
            for service in ("owner", "other", "root"):
                with all.client(service) as client:
                    equal(client("FCALL", f"{keyspace}.who", 1, f"{keyspace}:who"), service.encode())
                equal(all.owner("GET", f"{keyspace}:who"), service.encode())
    with node() as (_, client):
        client("FUNCTION", "LOAD", library("strong", who="return holdfast.caller()"))
        equal(client("FCALL", "strong.who", 0), b"", "nobody signs in here")


def the_owner_changes():
    """The functions stay with their keyspace, and are the new owner's to change."""
    with shop(f=("return redis.call('GET', keys[1])", ", allow={'friend'}")) as all:
        for keyspace in GUARANTEES:
            all.root("KEYSPACE", "ALTER", keyspace, "OWNER", "other")
            call = ("FCALL", f"{keyspace}.f", 1, f"{keyspace}:hidden-key")
            equal(all.other(*call), b"hidden-value", "the new owner")
            equal(all.owner.error(*call), "NOPERM", "the one before")
            equal(all.owner.error("FUNCTION", "DELETE", f"{keyspace}.test"), "NOPERM")
            equal(all.other("FUNCTION", "DELETE", f"{keyspace}.test"), "OK")
        all.root("KEYSPACE", "DROP", "strong")
        all.root("KEYSPACE", "CREATE", "strong", "GUARANTEE", "strong", "OWNER", "owner")
        equal(all.owner("FUNCTION", "LIST"), [], "a keyspace's functions go with it")


# -- One keyspace, and nothing but its data

def nothing_leads_to_another_keyspace():
    made_up = "return redis.call(args[1], args[2])"
    with node() as (_, client):
        for keyspace in GUARANTEES:
            client("FUNCTION", "LOAD", library(keyspace, f=made_up, move="return redis.call('SMOVE', keys[1], args[1], 'a')"))
            client("SADD", f"{keyspace}:set", "a")
        client("SET", "plain", "1")
        for keyspace, other in (GUARANTEES, GUARANTEES[::-1]):
            for key in (f"{other}:set", "plain", f"{keyspace}x:a", keyspace, f":{keyspace}:a", ""):
                equal(client.error("FCALL", f"{keyspace}.f", 1, key, "GET", "x"), "CROSSKEYSPACE", f"key {key!r}")
                equal(client.error("FCALL", f"{keyspace}.f", 2, f"{keyspace}:a", key, "GET", "x"), "CROSSKEYSPACE",
                      f"key {key!r}")
                for command in ("GET", "DEL", "SMEMBERS", "INCR", "EXISTS", "TYPE", "TTL"):
                    equal(client.error("FCALL", f"{keyspace}.f", 0, command, key), "CROSSKEYSPACE",
                          f"{command} {key!r} made up")
                equal(client.error("FCALL", f"{keyspace}.move", 1, f"{keyspace}:set", key), "CROSSKEYSPACE", "one key of two")
            equal(client("SMEMBERS", f"{keyspace}:set"), [b"a"])
            check(answer(client, "FCALL", f"{keyspace}.f", 0, "TYPE", f"{keyspace}:set") == "set",
                  "a key that was not announced is its own")


def commands_that_are_no_functions_business():
    """All that is not about one keyspace's data is refused, and so is calling on."""
    with node() as (_, client):
        client("FUNCTION", "LOAD",
               library("strong", f="return redis.call(unpack(args))", g="return redis.pcall(unpack(args)).err"))
        # PUBLISH tells others: pubsub_test.py
        commands = [text for text in names_without_keys(client) if text.lower() not in ("publish", "spublish")]
        check(len(commands) > 60, f"only {len(commands)} commands name no key")
        for name in (*commands, "SUBSCRIBE", "EVAL", "SELECT", "NOSUCH", "", "FUNCTION", "ONCE"):
            for more in ((), ("1",), ("1", "2"), ("strong:a", "1", "2")):
                told = answer(client, "FCALL", "strong.f", 0, *name.split(" "), *more)
                refused = "is not allowed from script", "Unknown Redis command", "Wrong number of args"
                check(isinstance(told, str) and told.startswith("-ERR") and any(r in told for r in refused),
                      f"{name} {more}: {told!r}")
        check(b"not allowed" in client("FCALL", "strong.g", 0, "KEYSPACE", "DROP", "strong"), "and redis.pcall says so")
        check(b"strong" in client("KEYSPACE", "LIST"), "KEYSPACE DROP was run")


def names_without_keys(client):
    for entry in client("COMMAND"):
        subcommands = entry[9] if len(entry) > 9 else []
        for sub in subcommands:
            if sub[3] == 0 and "movablekeys" not in sub[2]:
                yield sub[0].decode().replace("|", " ")
        if not subcommands and entry[3] == 0 and "movablekeys" not in entry[2]:
            yield entry[0].decode()


def who_only_reads_writes_nothing():
    writes = "redis.pcall('SET', keys[1], 'x') return redis.call('SET', keys[1], 'x')"
    with node() as (_, client):
        for keyspace in GUARANTEES:
            key = f"{keyspace}:k"
            client("FUNCTION", "LOAD", library(keyspace, read=("return redis.call('GET', keys[1])", ", flags={'no-writes'}"),
                                               lie=(writes, ", flags={'no-writes'}"), write=writes))
            client("SET", key, "v")
            equal(client("FCALL", f"{keyspace}.read", 1, key), b"v")
            equal(client("FCALL_RO", f"{keyspace}.read", 1, key), b"v")
            equal(client("ONCE", "read-id", "FCALL_RO", f"{keyspace}.read", 1, key), b"v", "a read passes through")
            client("SET", key, "w")
            equal(client("ONCE", "read-id", "FCALL_RO", f"{keyspace}.read", 1, key), b"w", "a read passes through")
            equal(client("LOCAL", "FCALL_RO", f"{keyspace}.read", 1, key), b"w")
            equal(client("FRESH", "9999", "FCALL_RO", f"{keyspace}.read", 1, key), b"w")
            for command in ("FCALL", "FCALL_RO"):
                told = answer(client, command, f"{keyspace}.lie", 1, key)
                check(told.startswith("-ERR Write commands are not allowed"), told)
            told = answer(client, "FCALL_RO", f"{keyspace}.write", 1, key)
            check(told.startswith("-ERR Can not execute a script with write flag"), told)
            equal(client("GET", key), b"w")


def where_ids_are_required():
    with node() as (_, client):
        for keyspace in GUARANTEES:
            client("KEYSPACE", "ALTER", keyspace, "REQUIRE-ID", "yes")
            client("FUNCTION", "LOAD", library(keyspace, add="return redis.call('INCR', keys[1])",
                                               read=("return redis.call('GET', keys[1])", ", flags={'no-writes'}")))
            key = f"{keyspace}:n"
            equal(client.error("FCALL", f"{keyspace}.add", 1, key), "NOID")
            equal([client("ONCE", "i", "FCALL", f"{keyspace}.add", 1, key) for _ in range(3)], [1, 1, 1])
            equal(client("FCALL", f"{keyspace}.read", 1, key), b"1", "a function that only reads needs none")
            equal(client("FCALL_RO", f"{keyspace}.read", 1, key), b"1")


# -- Libraries stay

def libraries_outlive_what_the_node_does():
    with node() as (server, client):
        for keyspace in GUARANTEES:
            client("FUNCTION", "LOAD", library(keyspace, f="return redis.call('INCR', keys[1])"))
        client("FUNCTION", "LOAD", "#!lua name=plain\nredis.register_function('f', function() return 'here' end)")
        client("FUNCTION", "LOAD", library("strong", name="gone", g="return 1"))
        client("FUNCTION", "DELETE", "strong.gone")
        listed = client("FUNCTION", "LIST", "WITHCODE")
        equal(len(listed), 3)

        def saved():
            with server.client() as client:
                before = checkpoints(client)
                client("BGSAVE")
                holdfast.wait_until(lambda: checkpoints(client) > before, 30, "a checkpoint")
        ways = (lambda: server.restart(), lambda: (server.stop(), server.start()),
                lambda: (saved(), server.restart()), lambda: (saved(), server.stop(), server.start()))
        for turn, again in enumerate(ways, 1):
            again()
            with server.client() as client:
                equal(client("FUNCTION", "LIST", "WITHCODE"), listed, f"restart {turn}")
                equal([client("FCALL", f"{k}.f", 1, f"{k}:n") for k in GUARANTEES], [turn, turn], f"restart {turn}")
                equal(client("FCALL", "f", 0), b"here", "of keyspace default")
                equal(client.error("FCALL", "strong.g", 0), "ERR", "what was deleted")


def checkpoints(client):
    lines = client("INFO", "persistence").decode().splitlines()
    return int(next(line for line in lines if line.startswith("checkpoints_completed:")).split(":")[1])


def loading_under_an_id():
    """A retry of FUNCTION LOAD gets the first reply, not that the library is there already."""
    with node() as (_, client):
        source = library("strong", f="return 1")
        equal([client("ONCE", "load-1", "FUNCTION", "LOAD", source) for _ in range(2)], [b"test", b"test"])
        check("already exists" in answer(client, "FUNCTION", "LOAD", source), "another one")
        changed = library("strong", f="return 2")
        equal(client("FUNCTION", "LOAD", "REPLACE", changed), b"test")
        equal(client("FCALL", "strong.f", 0), 2)
        check("Function f already exists" in answer(client, "FUNCTION", "LOAD", library("strong", name="second", f="return 3")),
              "a name is one's")
        equal(client("FUNCTION", "LOAD", library("eventual", name="test", f="return 3")), b"test",
              "another keyspace is another matter")
        for source in ("", "return 1", "#!lua\n", "#!lua name=a\nreturn 1", "#!lua name=a\nthis is no Lua",
                       "#!lua name=a keyspace=none\nx=1",
                       "#!lua name=a keyspace=strong\nredis.call('SET', 'strong:a', 1)",
                       "#!lua name=a keyspace=strong\nwhile true do end",
                       "#!lua name=a keyspace=strong\nredis.register_function('f', function() end)"):
            equal(client.error("FUNCTION", "LOAD", "REPLACE", source), "ERR", source)
        equal([client("FCALL", "strong.f", 0), client("EXISTS", "strong:a")], [2, 0], "what was refused changed nothing")


def dump_and_restore():
    with node() as (_, client):
        for keyspace in GUARANTEES:
            client("FUNCTION", "LOAD", library(keyspace, f=f"return '{keyspace}'"))
        listed, dump = client("FUNCTION", "LIST", "WITHCODE"), client("FUNCTION", "DUMP")
        for at in range(0, len(dump), 7):
            damaged = bytearray(dump)
            damaged[at] ^= 1
            check("payload version or checksum" in answer(client, "FUNCTION", "RESTORE", bytes(damaged), "FLUSH"),
                  f"byte {at} is damaged")
            check("payload version or checksum" in answer(client, "FUNCTION", "RESTORE", dump[:at], "FLUSH"), f"cut at {at}")
        equal(client("FUNCTION", "LIST", "WITHCODE"), listed, "after what was refused")
        check("already exists" in answer(client, "FUNCTION", "RESTORE", dump), "APPEND is the default")
        equal(client("FUNCTION", "RESTORE", dump, "REPLACE"), "OK")
        equal(client("FUNCTION", "LIST", "WITHCODE"), listed)
        client("FUNCTION", "FLUSH")
        equal([client("FUNCTION", "LIST"), client("FUNCTION", "STATS")[3][1]],
              [[], [b"libraries_count", 0, b"functions_count", 0]])
        equal(client.error("FCALL", "strong.f", 0), "ERR")
        client("FUNCTION", "LOAD", library("strong", name="more", g="return 'more'"))
        equal(client("FUNCTION", "RESTORE", dump, "APPEND"), "OK")
        equal([client("FCALL", f"{k}.f", 0) for k in GUARANTEES], [b"strong", b"eventual"])
        equal(client("FCALL", "strong.g", 0), b"more", "APPEND leaves what is there")
        equal(client("FUNCTION", "RESTORE", dump, "FLUSH"), "OK")
        equal(client("FUNCTION", "LIST", "WITHCODE"), listed, "FLUSH does not")
        # One of them does not load: none is.
        client("KEYSPACE", "DROP", "eventual")
        client("FUNCTION", "FLUSH")
        equal(client.error("FUNCTION", "RESTORE", dump), "ERR", "the keyspace is gone")
        equal(client("FUNCTION", "LIST"), [], "all of it or nothing")
        equal(client.error("FUNCTION", "RESTORE", dump, "SOMEHOW"), "ERR")


# -- Forms

def replies_in_both_protocols():
    body = "return {1, 'a', 2.9, false, {}, {double=1.5}, {map={k='v'}}, {set={m=true}}, " \
           "redis.status_reply('FINE'), nil, 'never'}"
    with node() as (server, client), server.client(protocol=3) as newer:
        client("FUNCTION", "LOAD", library("strong", f=body, err="return redis.error_reply('MYOWN text')",
                                           none="return", flag="return true",
                                           described=("return 1", ", description='what', flags={'no-writes'}")))
        equal(client.raw("FCALL", "strong.f", 0),
              b"*9\r\n:1\r\n$1\r\na\r\n:2\r\n$-1\r\n*0\r\n$3\r\n1.5\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$1\r\nm\r\n+FINE\r\n")
        equal(newer.raw("FCALL", "strong.f", 0),
              b"*9\r\n:1\r\n$1\r\na\r\n:2\r\n_\r\n*0\r\n,1.5\r\n%1\r\n$1\r\nk\r\n$1\r\nv\r\n~1\r\n$1\r\nm\r\n+FINE\r\n")
        for one, null in ((client, b"$-1\r\n"), (newer, b"_\r\n")):
            equal(one.raw("FCALL", "strong.err", 0), b"-MYOWN text\r\n")
            equal(one.raw("FCALL", "strong.none", 0), null)
            equal(one.raw("FCALL", "strong.flag", 0), b":1\r\n")
        shown = newer("FUNCTION", "LIST")[0]
        equal((shown["library_name"], shown["keyspace"], len(shown["functions"])), (b"test", b"strong", 5))
        equal([f for f in shown["functions"] if f["name"] == b"described"],
              [{"name": b"described", "description": b"what", "flags": [b"no-writes"], "call": b"strong.described",
                "allow": []}])
        equal(newer("FUNCTION", "STATS")["engines"]["LUA"], {"libraries_count": 1, "functions_count": 5})
        # The same id over either protocol: each gets the reply in its own form.
        equal(client.raw("ONCE", "i", "FCALL", "strong.none", 0), b"$-1\r\n")
        equal(newer.raw("ONCE", "i", "FCALL", "strong.none", 0), b"_\r\n")


def where_its_keys_are():
    with node() as (_, client):
        equal(client("COMMAND", "GETKEYS", "FCALL", "strong.f", 2, "strong:a", "strong:b", "arg"), [b"strong:a", b"strong:b"])
        equal(client("COMMAND", "GETKEYS", "FCALL_RO", "strong.f", 1, "strong:a", "arg"), [b"strong:a"])
        equal(client("COMMAND", "GETKEYS", "FCALL", "strong.f", 0, "arg"), [])
        equal([client.error("FCALL", "strong.f", n, "strong:a") for n in ("x", "-1", "2")], ["ERR"] * 3)
        client("FUNCTION", "LOAD", library("strong", f="return {keys, args}"))
        equal(client("FCALL", "strong.f", 2, "strong:a", "strong:b", "x", ""), [[b"strong:a", b"strong:b"], [b"x", b""]])
        binary = bytes(range(256))
        equal(client("FCALL", "strong.f", 1, b"strong:" + binary, binary), [[b"strong:" + binary], [binary]],
              "bytes go through as they are")


def in_a_transaction():
    """In a strong keyspace a call or script is one command of the MULTI: seen together with the others, taken back by itself
    where it fails, counted once under an id; refused where it would leave the keyspace, or is another's."""
    with shop(f="return redis.call('INCRBY', keys[1], args[1])", fails="redis.call('SET', keys[1], 'lost') return redis.error_reply('NO no')") as all:
        client = all.owner

        def transact(*commands, id=None):
            client("MULTI")
            for command in commands:
                equal(client(*command), "QUEUED", command)
            return answer(client, *(["ONCE", id] if id else []), "EXEC")

        call = ("FCALL", "strong.f", 1, "strong:n", 2)
        count = "return redis.call('INCR', KEYS[1])"
        sha = client("SCRIPT", "LOAD", count)
        for _ in range(2):
            replies = transact(("SET", "strong:n", 5), call, ("FCALL", "strong.fails", 1, "strong:n"),
                               ("EVAL", count, 1, "strong:n"), ("EVALSHA", sha, 1, "strong:n"), ("EVAL", "return 7", 0),
                               ("FCALL", "strong.none", 0), ("PING",), ("GET", "strong:n"), id="once")
            equal(replies[:2] + replies[3:6] + replies[7:], ["OK", 7, 8, 9, 7, "PONG", b"9"])
            check(isinstance(replies[2], ReplyError) and str(replies[6]) == "ERR Function not found", replies)
            client("INCR", "strong:others")
        equal(client("GET", "strong:n"), b"9", "a retry changes nothing")
        equal(transact(("EVAL_RO", "return redis.call('GET', KEYS[1])", 1, "strong:n"), ("ECHO", "x")), [b"9", b"x"])
        equal(transact(("EVAL", "return 1", 0), ("PING", "x")), [1, b"x"])

        refused = {
            "-NOSCRIPT": [("SET", "strong:n", 0), ("EVALSHA", "f" * 40, 0)],
            "-CROSSKEYSPACE": [("SET", "strong:n", 0), ("FCALL", "eventual.f", 1, "eventual:n", 1)],
            "-UNSUPPORTED": [("INCR", "eventual:n"), ("FCALL", "eventual.f", 1, "eventual:n", 1)]}
        for code, commands in refused.items():
            check(str(transact(*commands)).startswith(code), (code, transact(*commands)))
        equal((client("GET", "strong:n"), client("GET", "eventual:n")), (b"9", None), "what was refused changed nothing")

        # Whom a function is published to may call it, but not make it a part of something.
        all.other("MULTI")
        all.other(*call)
        check(answer(all.other, "EXEC").startswith("-NOPERM"), "others")

        client("MULTI")
        for _ in range(256):
            client("EVAL", "return 1", 0)
        equal(client.error("EVAL", "return 1", 0), "ERR")
        equal(client.error("EXEC"), "EXECABORT")

        client("WATCH", "strong:n")
        client(*call)
        client("MULTI")
        equal(client("EXEC"), None, "WATCH sees what functions wrote, before nothing, too")
        client("WATCH", "strong:n")
        check(answer(client, "FCALL", "strong.fails", 1, "strong:n").startswith("-"), "fails")
        client("MULTI")
        client("SET", "strong:n", "mine")
        equal(client("EXEC"), ["OK"], "one that failed changed nothing")


def calls_come_in_order():
    """Calls, writes and reads of one pipeline see each other as they were sent."""
    with node() as (_, client):
        for keyspace in GUARANTEES:
            client("FUNCTION", "LOAD", library(keyspace, f="return redis.call('INCRBY', keys[1], args[1])"))
            n = f"{keyspace}:n"
            replies = client.pipeline([x for i in range(200) for x in (
                ("FCALL", f"{keyspace}.f", 1, n, 1), ("INCR", n), ("GET", n),
                                                                       ("ONCE", f"p{i}", "FCALL", f"{keyspace}.f", 1, n, 1))])
            equal(replies, [x for i in range(200) for x in (3 * i + 1, 3 * i + 2, b"%d" % (3 * i + 2), 3 * i + 3)], keyspace)


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (
        the_bank, a_refusal_stays_one_under_its_id, what_was_never_asked_is_not_remembered, what_fails_has_changed_nothing,
        a_function_sees_what_it_wrote, others_call_what_is_published, the_list_shows_what_one_may_call, the_caller_is_known,
        the_owner_changes, nothing_leads_to_another_keyspace, commands_that_are_no_functions_business,
                                       who_only_reads_writes_nothing,
        where_ids_are_required, libraries_outlive_what_the_node_does, loading_under_an_id, dump_and_restore,
        replies_in_both_protocols, where_its_keys_are, in_a_transaction, calls_come_in_order)})
