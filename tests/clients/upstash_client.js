// SPDX-License-Identifier: Apache-2.0
// What a serverless function does with @upstash/redis, against a node's HTTP port:
//   node upstash_client.js PORT
// Each of it with strings in base64, as the client asks by default, and plain.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";

const url = `http://127.0.0.1:${process.argv[2]}`;
const say = console.log;
// Where no service is declared, nobody looks at the token; the client wants one.
const connect = (options = {}) => new Redis({ url, token: "none", enableTelemetry: true, ...options });

async function values(redis, ks) {
  assert.equal(await redis.set(`${ks}:s`, "völlig\r\n\0 \"quoted\" \\ 😀"), "OK");
  assert.equal(await redis.get(`${ks}:s`), "völlig\r\n\0 \"quoted\" \\ 😀");
  assert.equal(await redis.get(`${ks}:none`), null);
  assert.equal(await redis.set(`${ks}:json`, { name: "Ada", tags: ["a", 1, true, null] }), "OK");
  assert.deepEqual(await redis.get(`${ks}:json`), { name: "Ada", tags: ["a", 1, true, null] });
  assert.equal(await redis.incrby(`${ks}:n`, 5), 5);
  assert.equal(await redis.decr(`${ks}:n`), 4);
  assert.equal(await redis.get(`${ks}:n`), 4);
  assert.equal(await redis.mset({ [`${ks}:a`]: "x", [`${ks}:b`]: 2 }), "OK");
  assert.deepEqual(await redis.mget(`${ks}:a`, `${ks}:none`, `${ks}:b`), ["x", null, 2]);
  assert.equal(await redis.hset(`${ks}:h`, { name: "Ada", born: 1815, tags: ["x"] }), 3);
  assert.deepEqual(await redis.hgetall(`${ks}:h`), { name: "Ada", born: 1815, tags: ["x"] });
  assert.deepEqual(await redis.hmget(`${ks}:h`, "name", "none"), { name: "Ada", none: null });
  assert.equal(await redis.hincrby(`${ks}:h`, "born", 1), 1816);
  assert.equal(await redis.sadd(`${ks}:set`, "x", "y", "x"), 2);
  assert.deepEqual((await redis.smembers(`${ks}:set`)).sort(), ["x", "y"]);
  assert.equal(await redis.sismember(`${ks}:set`, "x"), 1);
  assert.equal(await redis.pexpire(`${ks}:a`, 100_000), 1);
  assert.ok((await redis.pttl(`${ks}:a`)) > 90_000);
  assert.equal(await redis.set(`${ks}:e`, "1", { ex: 100 }), "OK");
  assert.ok((await redis.ttl(`${ks}:e`)) > 90);
  assert.equal(await redis.type(`${ks}:h`), "hash");
  assert.equal(await redis.exists(`${ks}:a`, `${ks}:none`), 1);
  // Beyond what a number of JavaScript holds: its digits, not a rounding of them.
  await redis.set(`${ks}:large`, "9007199254740993");
  assert.equal(await redis.get(`${ks}:large`), "9007199254740993");
  assert.equal(await redis.incrby(`${ks}:large`, 2), "9007199254740995");
  await assert.rejects(redis.incr(`${ks}:h`), /WRONGTYPE/);
  assert.equal(await redis.del(`${ks}:a`, `${ks}:b`, `${ks}:e`), 3);
  assert.equal(await redis.ping(), "PONG");
  assert.equal(await redis.echo("hello"), "hello");
}

async function scans(redis, ks) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 300; i++) pipeline.set(`${ks}:scan${i}`, i);
  await pipeline.exec();
  const seen = new Set();
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match: `${ks}:scan*`, count: 50 });
    for (const key of keys) seen.add(key);
    cursor = next;
  } while (cursor !== "0");
  assert.equal(seen.size, 300);
}

async function pipelines(redis, ks) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.incr(`${ks}:p`);
  pipeline.get(`${ks}:p`);
  pipeline.hset(`${ks}:ph`, { a: 1 });
  pipeline.hgetall(`${ks}:ph`);
  const replies = await pipeline.exec();
  assert.deepEqual(replies.slice(0, 1000), Array.from({ length: 1000 }, (_, i) => i + 1));
  assert.deepEqual(replies.slice(1000), [1000, 1, { a: 1 }]);
  const errors = await redis.pipeline().sadd(`${ks}:p`, "x").get(`${ks}:p`).exec({ keepErrors: true });
  assert.match(errors[0].error, /WRONGTYPE/);
  assert.equal(errors[1].result, 1000);
  await assert.rejects(redis.pipeline().sadd(`${ks}:p`, "x").exec(), /Command 1 \[ sadd \] failed: WRONGTYPE/);
  // Several megabytes, which are answered in pieces.
  const large = "x".repeat(300_000);
  await redis.set(`${ks}:big`, large);
  const many = redis.pipeline();
  for (let i = 0; i < 20; i++) many.get(`${ks}:big`);
  assert.deepEqual(await many.exec(), Array.from({ length: 20 }, () => large));
}

async function transactions(redis, ks) {
  const replies = await redis.multi().incr(`${ks}:t`).hset(`${ks}:th`, { f: "v" }).hgetall(`${ks}:th`).exec();
  assert.deepEqual(replies, [1, 1, { f: "v" }]);
  // (set() of two arguments alone would be well formed.)
  await assert.rejects(redis.multi().incr(`${ks}:t`).get().exec(), /EXECABORT/);
  assert.equal(await redis.get(`${ks}:t`), 1);
}

async function automatic(ks) {
  const redis = connect({ enableAutoPipelining: true });
  const all = await Promise.all(Array.from({ length: 500 }, () => redis.incr(`${ks}:auto`)));
  assert.deepEqual(all, Array.from({ length: 500 }, (_, i) => i + 1));
}

async function ids(redis, ks) {
  const id = randomUUID();
  const once = (...command) => redis.exec(["ONCE", id, ...command]);
  const before = (await redis.get(`${ks}:once`)) ?? 0;
  assert.equal(await once("INCRBY", `${ks}:once`, 5), before + 5);
  assert.equal(await once("INCRBY", `${ks}:once`, 5), before + 5);
  await assert.rejects(once("INCRBY", `${ks}:once`, 6), /IDREUSED/);
  assert.equal(await redis.get(`${ks}:once`), before + 5);
}

async function scripts(redis) {
  assert.equal(await redis.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", ["strong:script"], [7]), 7);
  assert.equal(await redis.set("strong:nx", "a", { nx: true }), "OK");
  assert.equal(await redis.set("strong:nx", "b", { nx: true }), null);
  assert.equal(await redis.getdel("strong:nx"), "a");
}

async function eventualRefuses(redis) {
  await assert.rejects(redis.setnx("eventual:a", "1"), /UNSUPPORTED.*strong/s);
  await assert.rejects(redis.mset({ "eventual:a": "1", "strong:a": "1" }), /CROSSKEYSPACE/);
}

for (const [name, guarantee] of [["strong", "strong"], ["eventual", "eventual"]]) {
  const made = await fetch(`${url}/v1/command`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(["KEYSPACE", "CREATE", name, "GUARANTEE", guarantee]),
  });
  assert.equal(made.status, 200);
}
for (const responseEncoding of ["base64", false]) {
  const redis = connect({ responseEncoding });
  for (const ks of ["strong", "eventual"]) {
    await values(redis, ks);
    await scans(redis, ks);
    await pipelines(redis, ks);
    await transactions(redis, ks);
    await automatic(ks);
    await ids(redis, ks);
    say(`@upstash/redis, ${responseEncoding || "plain"}, ${ks}: as at Upstash`);
  }
  await scripts(redis);
  await eventualRefuses(redis);
  assert.equal(await redis.flushall(), "OK");
  assert.equal(await redis.dbsize(), 0);
}
say("@upstash/redis: all good");
