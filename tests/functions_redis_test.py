#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A library as one writes them for Redis loads on redis-server and on Holdfast unchanged, and thousands of drawn calls are
answered alike, byte by byte, over RESP2 and RESP3; so are loading, listing and complaints.

    functions_redis_test.py [CASE …]
"""
import contextlib
import json
import random
import re
import shutil
import subprocess
import tempfile

import holdfast
from holdfast import Client, Disconnected, Server, check, equal, run_cases, skip

LIBRARY = r"""#!lua name=mylib
-- Hashes that know when they were changed, as the documentation of Redis introduces functions.
local function check_keys(keys)
  local error = nil
  local nkeys = table.getn(keys)
  if nkeys == 0 then
    error = 'Hash key name not provided'
  elseif nkeys > 1 then
    error = 'Only one key name is allowed'
  end
  if error ~= nil then
    redis.log(redis.LOG_WARNING, error)
    return redis.error_reply('BADKEYS ' .. error)
  end
  return nil
end

local function my_hset(keys, args)
  local error = check_keys(keys)
  if error ~= nil then return error end
  return redis.call('HSET', keys[1], '_last_modified_', args[1], unpack(args, 2))
end

local function my_hgetall(keys, args)
  local error = check_keys(keys)
  if error ~= nil then return error end
  redis.setresp(2)
  local flat = redis.call('HGETALL', keys[1])
  local pairs_of = {}
  for i = 1, #flat, 2 do
    if flat[i] ~= '_last_modified_' then pairs_of[#pairs_of + 1] = flat[i] .. '=' .. flat[i + 1] end
  end
  table.sort(pairs_of)
  return pairs_of
end

local function my_hlastmodified(keys, args)
  local error = check_keys(keys)
  if error ~= nil then return error end
  return redis.call('HGET', keys[1], '_last_modified_')
end

-- The best of a table of scores that lies in a hash.
local function top(keys, args)
  local flat, all = redis.call('HGETALL', keys[1]), {}
  for i = 1, #flat, 2 do
    local score = tonumber(flat[i + 1])
    if score then table.insert(all, {name = flat[i], score = score}) end
  end
  table.sort(all, function(a, b) return a.score > b.score or (a.score == b.score and a.name < b.name) end)
  local out = {}
  for rank, one in ipairs(all) do
    if rank > tonumber(args[1]) then break end
    out[rank] = string.format('%d. %-6s|%6.2f|%5s', rank, one.name, one.score, tostring(one.score))
  end
  return out
end

-- At most so many in a window of time: {allowed, how many are left, milliseconds to wait}.
local function limited(keys, args)
  local limit, window, now = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local slot = math.floor(now / window)
  if tonumber(redis.call('HGET', keys[1], 'slot') or -1) ~= slot then
    redis.call('DEL', keys[1])
    redis.call('HSET', keys[1], 'slot', slot, 'used', 0)
  end
  local used = redis.call('HINCRBY', keys[1], 'used', 1)
  if used > limit then
    return {0, 0, (slot + 1) * window - now}
  end
  redis.call('EXPIRE', keys[1], 3600)
  return {1, limit - used, 0}
end

-- A document in JSON: merges what is given, and answers what it has become.
local function patch(keys, args)
  local ok, change = pcall(cjson.decode, args[1])
  if not ok or type(change) ~= 'table' or #change > 0 then
    return redis.error_reply('BADJSON not an object')
  end
  local document = cjson.decode(redis.call('GET', keys[1]) or '{}')
  for field, value in pairs(change) do
    if value == cjson.null then document[field] = nil else document[field] = value end
  end
  local text = cjson.encode(document)
  redis.call('SET', keys[1], text)
  local fields = {}
  -- One by one: which field of an object comes first is nobody's promise.
  for field, value in pairs(document) do fields[#fields + 1] = cjson.encode({[field] = value}) end
  table.sort(fields)
  return {#text, fields}
end

-- Words and how often, in order.
local function words(keys, args)
  local seen, order = {}, {}
  for word in string.gmatch(string.lower(args[1]), '%a+') do
    if not seen[word] then order[#order + 1] = word end
    seen[word] = (seen[word] or 0) + 1
  end
  redis.call('DEL', keys[1])
  for _, word in ipairs(order) do redis.call('HSET', keys[1], word, seen[word]) end
  table.sort(order, function(a, b) return seen[a] > seen[b] or (seen[a] == seen[b] and a < b) end)
  local total = 0
  for _, n in pairs(seen) do total = total + n end
  local titled = string.gsub(args[1], '(%w)(%w*)', function(a, b) return a:upper() .. b end)
  return {total, #order, table.concat(order, ' '), titled}
end

-- Everything that a reply can be.
local function forms(keys, args)
  local form = args[1]
  if form == 'int' then return tonumber(args[2]) end
  if form == 'bool' then return args[2] == 'true' end
  if form == 'nil' then return nil end
  if form == 'status' then return redis.status_reply(args[2]) end
  if form == 'error' then return redis.error_reply('MYERR ' .. args[2]) end
  if form == 'raise' then error({err = 'RAISED ' .. args[2]}) end
  if form == 'list' then return {1, args[2], {args[2], {}}, false, true, nil, 'unseen'} end
  if form == 'double' then return {double = (tonumber(args[2]) or 0.5) % 100} end
  if form == 'map' then return {map = {field = args[2]}} end
  if form == 'set' then return {set = {[args[2]] = true}} end
  if form == 'tostring' then return {tostring(tonumber(args[2])), tostring(true), tostring(nil), args[2] .. 1, #args[2]} end
  return {keys, args}
end

-- Any command, its error caught or not.
local function run(keys, args)
  local reply = redis.pcall(unpack(args))
  if type(reply) == 'table' and reply['err'] then return {'caught', reply['err']} end
  if type(reply) == 'table' and reply['ok'] then return {'status', reply['ok']} end
  if type(reply) == 'table' then table.sort(reply, function(a, b) return tostring(a) < tostring(b) end) end
  return {type(reply), reply}
end

local function run_raw(keys, args)
  return redis.call(unpack(args))
end

-- A little of all the libraries.
local function text(keys, args)
  local s, n = args[1], tonumber(args[2]) or 1
  return {
    s:upper(), s:lower(), s:reverse(), s:sub(n), s:sub(-n, -2), s:rep(n % 4, '-'), #s, s < 'm', (s:gsub('%s+', '_')),
    tostring(s:find('a', 1, true)), tostring(s:find('[%w_]+', n)), tostring(s:match('^(%a*)%s*(.*)$')),
    select('#', s:match('(.)(.)')), table.concat({s:byte(1, 3)}, ','),
    string.format('%q %s %5d %05.1f %x %e %g %c', s, s, n, n, n, n, n / 3, 65 + n % 26),
    tostring(n / 3), tostring(2 ^ 53 + n), tostring(-n / 0), tostring(math.floor(n / 3) + math.ceil(n / 3)),
    tostring(math.fmod(n, 3) + n % -3 + math.max(n, 2) + math.abs(-n)), tostring(tonumber(s)), tonumber('0x1F'),
    tonumber('11', 2), loadstring('return 1 + ' .. n)(), cjson.encode({s, n, n / 8, true, {a = s}})}
end

redis.register_function('my_hset', my_hset)
redis.register_function('my_hgetall', my_hgetall)
redis.register_function{
  function_name = 'my_hlastmodified', callback = my_hlastmodified, flags = {'no-writes'}, description = 'When it changed'}
redis.register_function{function_name = 'top', callback = top, flags = {'no-writes', 'allow-stale'}}
redis.register_function('limited', limited)
redis.register_function('patch', patch)
redis.register_function('words', words)
redis.register_function('forms', forms)
redis.register_function('run', run)
redis.register_function('run_raw', run_raw)
redis.register_function('text', text)
"""


@contextlib.contextmanager
def both():
    """A redis-server and a node of ours, each with the library, and clients of either protocol to both."""
    if not shutil.which("redis-server"):
        skip("redis-server is not installed")
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        port = holdfast.free_port()
        redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                                  "--appendonly", "no"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            holdfast.wait_until(lambda: answers(port), 30, "redis-server answers")
            pairs = [(Client(port, protocol=p), server.client(protocol=p)) for p in (2, 3)]
            version = re.search(rb"redis_version:(\S+)", pairs[0][0]("INFO", "server")).group(1).decode()
            if not version.startswith("7.0."):
                skip(f"redis-server {version} is not 7.0")
            pairs[0][1]("KEYSPACE", "ALTER", "default", "DURABILITY", "everysec")
            equal([one("FUNCTION", "LOAD", LIBRARY) for one in pairs[0]], [b"mylib"] * 2, "the library loads")
            yield pairs
        finally:
            redis.kill()
            redis.wait()


def answers(port):
    with contextlib.suppress(Disconnected), Client(port) as client:
        return client("PING") == "PONG"
    return False


def plain(reply):
    """A reply's bytes without what either adds to errors: which function it was, where in the source, what JSON lacks."""
    reply = re.sub(rb" script: \w+, on @user_function:\d+\.", b"", reply)
    reply = re.sub(rb"^-ERR (function '\w+': )?((mylib|user_function):\d+: )?", b"-ERR ", reply)
    return re.sub(rb"^-ERR Expected .* at character \d+", b"-ERR Expected JSON", reply)


def drawn_call(chance):
    key = chance.choice(["a", "b", "c", "text", "limit"])
    word = chance.choice(["Anna", "bert carl", "", "a-b_c d", "die Ähre", "x" * 50, "7", "-3.25", "1e3", "0x10", "a%b",
                          'quote"\\\n', "\0zero"])
    number = chance.choice([0, 1, 2, 3, 7, 10, -4, 255, 2.5, "x"])
    name = chance.choice(["my_hset", "my_hgetall", "my_hlastmodified", "top", "limited", "patch", "words", "forms", "run",
                          "run_raw", "text"])
    if name == "patch":
        key = chance.choice(["json", "json2"])  # theirs reads some of what is no JSON, as 0x10
    args = {
        "my_hset": lambda: [chance.randrange(10**9),
                            *[x for _ in range(chance.randrange(3)) for x in (word + str(chance.randrange(4)), number)]],
        "top": lambda: [chance.randrange(5)],
        "limited": lambda: [3, 1000, chance.randrange(5000)],
        "patch": lambda: [chance.choice(['{"a": 1}', '{"a": null}', '{"b": [1, 2.5, "x", true, null]}',
                                         '{"c": {"d": "\\u00e9\\/"}}', "[1, 2]", "3", "{", '{"1": 2}',
                                         json.dumps({word: number})])],
        "words": lambda: [chance.choice(["the cat and the dog", "a b a", "", "one, two; Two!", word])],
        "forms": lambda: [chance.choice(["int", "bool", "nil", "status", "error", "raise", "list", "double", "map", "set",
                                         "tostring", "all"]),
                          chance.choice(["true", "5", "-7.75", "text", "3000000000"])],
        "text": lambda: [word, number],
    }.get(name, lambda: [])()
    if name in ("run", "run_raw"):
        args = chance.choice([["GET", key], ["SET", key, word], ["SET", key, word, "NX"], ["INCR", key], ["INCRBY", key, "x"],
                              ["HGET", key, "used"], ["HLEN", key],
                              ["SADD", key, word], ["SMEMBERS", "set"], ["SADD", "set", number, word], ["SCARD", "set"],
                              ["DEL", key], ["TYPE", key], ["EXISTS", key, "set"],
                              ["TTL", key], ["EXPIRE", key, 100], ["PERSIST", key], ["APPEND", key, word], ["STRLEN", key],
                              ["GETRANGE", key, 0, 3], ["MGET", key, "set"],
                              ["HINCRBY", key, "n", 2], ["HMGET", key, "n", "used"], ["SISMEMBER", "set", word], ["HSET", key],
                              ["NOSUCH", key], ["GET"]])
        name = "run" if args[0] == "SMEMBERS" else name  # which sorts: a set has no order
    keys = [] if chance.random() < 0.03 else [key, "set"] if chance.random() < 0.05 else [key]
    read_only = chance.random() < 0.1
    return ["FCALL_RO" if read_only else "FCALL", name, len(keys), *keys, *args]


def drawn_calls_are_answered_alike():
    with both() as pairs:
        chance = random.Random(17)
        errors = 0
        for i in range(6000):
            call = drawn_call(chance)
            redis, ours = (plain(one.raw(*call)) for one in pairs[i % 2])
            equal(ours, redis, f"call {i}: {call}")
            errors += redis.startswith(b"-")
        check(300 < errors < 3000, f"{errors} of 6000 were errors")
        print(f"   6000 calls answered alike, {errors} of them with errors")


def loading_and_listing_are_alike():
    with both() as pairs:
        redis, ours = pairs[0]
        for command in (["LOAD", LIBRARY], ["LOAD", ""], ["LOAD", "return 1"], ["LOAD", "#!lua\n"], ["LOAD", "#!js name=a\n"],
                        ["LOAD", "#!lua name=a\n"],
                        ["LOAD", "#!lua name=a b=c\n"], ["LOAD", "#!lua name=a-b\nreturn"], ["LOAD", "#!lua name=a name=b\n"],
                        ["LOAD", "REPLACE"], ["LOAD"],
                        ["LOAD", "SOMEHOW", LIBRARY],
                        ["LOAD", "#!lua name=other\nredis.register_function('top', function() end)"], ["DELETE", "none"],
                        ["RESTORE", "x"], ["RESTORE", "x", "SOMEHOW"], ["FLUSH", "SOMEHOW"], ["LIST", "SOMEHOW"], ["KILL"],
                        ["STATS", "x"], ["NOSUCH"]):
            wanted, got = (one.raw("FUNCTION", *command) for one in (redis, ours))
            equal(got, wanted, f"FUNCTION {command}")
        for call in (["FCALL", "none", 0], ["FCALL", "top", "x"], ["FCALL", "top", -1], ["FCALL", "top", 2, "a"],
                     ["FCALL", "top"], ["FCALL"],
                     ["FCALL_RO", "my_hset", 1, "a", 1], ["FCALL", "my_hset", 0], ["FCALL", "my_hset", 2, "a", "b"],
                     ["COMMAND", "GETKEYS", "FCALL", "f", 2, "a", "b", "c"]):
            wanted, got = (plain(one.raw(*call)) for one in (redis, ours))
            equal(got, wanted, f"{call}")
        # What is listed, but for what is ours alone to tell.
        redis, ours = pairs[1]
        wanted, got = redis("FUNCTION", "LIST", "WITHCODE")[0], ours("FUNCTION", "LIST", "WITHCODE")[0]
        for function in got["functions"]:
            equal((function.pop("call").split(b".")[0], function.pop("allow")), (b"default", []))
            function["flags"] = sorted(function["flags"])
        equal(got.pop("keyspace"), b"default")
        for one in (wanted, got):
            one["functions"].sort(key=lambda f: f["name"])
        for function in wanted["functions"]:  # other flags permit what every function may here
            function["flags"] = [b"no-writes"] if "no-writes" in function["flags"] else []
        for field in wanted:
            equal(got[field], wanted[field], f"FUNCTION LIST tells of {field}")
        equal(set(got), set(wanted))
        equal([one("FUNCTION", "DELETE", "mylib") for one in (redis, ours)], ["OK", "OK"])


if __name__ == "__main__":
    run_cases({f.__name__: f for f in (drawn_calls_are_answered_alike, loading_and_listing_are_alike)})
