// SPDX-License-Identifier: Apache-2.0
// What a Node service does with ioredis, against a node at the port given:
//   node ioredis_client.js PORT
// Each of it over RESP2 and RESP3, in a strong and in an eventual keyspace.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const say = console.log;

/** ioredis calls unknown commands by `call`; ONCE is one, and wraps any other. */
const once = (redis, id, ...command) => redis.call("ONCE", id, ...command);

async function values(redis, ks) {
  assert.equal(await redis.set(`${ks}:s`, "völlig\r\n\0"), "OK");
  assert.equal(await redis.get(`${ks}:s`), "völlig\r\n\0");
  assert.deepEqual(await redis.getBuffer(`${ks}:s`), Buffer.from("völlig\r\n\0"));
  assert.equal(await redis.get(`${ks}:none`), null);
  assert.equal(await redis.incrby(`${ks}:n`, 5), 5);
  assert.equal(await redis.decr(`${ks}:n`), 4);
  assert.equal(await redis.mset(`${ks}:a`, "1", `${ks}:b`, "2"), "OK");
  assert.deepEqual(await redis.mget(`${ks}:a`, `${ks}:none`, `${ks}:b`), ["1", null, "2"]);
  assert.equal(await redis.hset(`${ks}:h`, { name: "Ada", born: 1815 }), 2);
  assert.deepEqual(await redis.hgetall(`${ks}:h`), { name: "Ada", born: "1815" });
  assert.equal(await redis.hincrby(`${ks}:h`, "born", 1), 1816);
  assert.equal(await redis.sadd(`${ks}:set`, "x", "y", "x"), 2);
  assert.deepEqual((await redis.smembers(`${ks}:set`)).sort(), ["x", "y"]);
  assert.equal(await redis.sismember(`${ks}:set`, "x"), 1);
  assert.equal(await redis.pexpire(`${ks}:a`, 100_000), 1);
  assert.ok((await redis.pttl(`${ks}:a`)) > 90_000);
  assert.equal(await redis.type(`${ks}:h`), "hash");
  assert.equal(await redis.exists(`${ks}:a`, `${ks}:none`), 1);
  await assert.rejects(redis.incr(`${ks}:h`), /WRONGTYPE/);
  assert.equal(await redis.del(`${ks}:a`, `${ks}:b`), 2);
}

async function scans(redis, ks) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 500; i++) pipeline.set(`${ks}:scan${i}`, i);
  await pipeline.exec();
  const seen = new Set();
  for await (const keys of redis.scanStream({ match: `${ks}:scan*`, count: 50 })) {
    for (const key of keys) seen.add(key);
  }
  assert.equal(seen.size, 500);
  const fields = redis.pipeline();
  for (let i = 0; i < 300; i++) fields.hset(`${ks}:wide`, `f${i}`, i);
  await fields.exec();
  let count = 0;
  for await (const chunk of redis.hscanStream(`${ks}:wide`)) count += chunk.length / 2;
  assert.equal(count, 300);
}

async function pipelines(redis, ks) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.incr(`${ks}:p`);
  pipeline.sadd(`${ks}:p`, "x"); // refused alone, the rest goes on
  pipeline.get(`${ks}:p`);
  const replies = await pipeline.exec();
  assert.deepEqual(replies.slice(0, 1000).map(([, value]) => value), Array.from({ length: 1000 }, (_, i) => i + 1));
  assert.match(replies[1000][0].message, /WRONGTYPE/);
  assert.deepEqual(replies[1001], [null, "1000"]);
  // Many at once without a pipeline: the library's own queue keeps the order.
  const all = await Promise.all(Array.from({ length: 500 }, () => redis.incr(`${ks}:q`)));
  assert.deepEqual(all, Array.from({ length: 500 }, (_, i) => i + 1));
}

async function transactions(redis, ks) {
  const replies = await redis.multi().incr(`${ks}:t`).hset(`${ks}:th`, "f", "v").get(`${ks}:t`).exec();
  assert.deepEqual(replies, [[null, 1], [null, 1], [null, "1"]]);
  await assert.rejects(redis.multi().incr(`${ks}:t`).call("NOSUCH").exec(), /EXECABORT/);
  assert.equal(await redis.get(`${ks}:t`), "1");
}

async function ids(redis, ks) {
  const id = randomUUID();
  assert.equal(await once(redis, id, "INCRBY", `${ks}:once`, 5), 5);
  assert.equal(await once(redis, id, "INCRBY", `${ks}:once`, 5), 5);
  assert.equal(await redis.get(`${ks}:once`), "5");
  await assert.rejects(once(redis, id, "INCRBY", `${ks}:once`, 6), /IDREUSED/);
  // A whole transaction under one id, sent twice as a library does that resends.
  const transfer = async () => {
    const replies = await Promise.all([
      redis.call("MULTI"),
      redis.call("DECRBY", `${ks}:from`, 7),
      redis.call("INCRBY", `${ks}:to`, 7),
      once(redis, `transfer-${id}`, "EXEC"),
    ]);
    return replies.at(-1);
  };
  assert.deepEqual(await transfer(), [-7, 7]);
  assert.deepEqual(await transfer(), [-7, 7]);
  assert.deepEqual(await redis.mget(`${ks}:from`, `${ks}:to`), ["-7", "7"]);
  // 200 retries of 100 operations at once, each counted once.
  const tries = [];
  for (let i = 0; i < 200; i++) tries.push(once(redis, `${id}-${i % 100}`, "INCR", `${ks}:tries`));
  await Promise.all(tries);
  assert.equal(await redis.get(`${ks}:tries`), "100");
}

async function strongOnly(redis, other) {
  // WATCH: a change by another connection makes EXEC answer null.
  await redis.watch("strong:w");
  await other.set("strong:w", "changed");
  assert.equal(await redis.multi().set("strong:w", "mine").exec(), null);
  assert.equal(await redis.get("strong:w"), "changed");
  assert.equal(await redis.set("strong:nx", "a", "NX"), "OK");
  assert.equal(await redis.set("strong:nx", "b", "NX"), null);
  assert.equal(await redis.set("strong:nx", "c", "GET"), "a");
  assert.equal(await redis.getdel("strong:nx"), "c");
  assert.equal(await redis.append("strong:text", "abc"), 3);
  assert.equal(await redis.strlen("strong:text"), 3);
}

async function eventualRefuses(redis) {
  await assert.rejects(redis.setnx("eventual:a", "1"), /UNSUPPORTED.*strong/s);
  await assert.rejects(redis.watch("eventual:a"), /UNSUPPORTED/);
  await assert.rejects(redis.mset("eventual:a", "1", "strong:a", "1"), /CROSSKEYSPACE/);
}

/** A subscriber beside a publisher, as job queues and socket.io have it. */
async function messages(redis, protocol) {
  const subscriber = new Redis({ port, protocol });
  const heard = [];
  subscriber.on("message", (channel, text) => heard.push([channel, text]));
  subscriber.on("pmessage", (pattern, channel, text) => heard.push([pattern, channel, text]));
  assert.equal(await subscriber.subscribe("news", "more"), 2);
  assert.equal(await subscriber.psubscribe("n*"), 3);
  assert.equal(await redis.publish("news", "hello"), 2);
  assert.deepEqual(await redis.multi().set("k", "v").publish("more", "done").exec(), [[null, "OK"], [null, 0]]);
  await redis.eval("redis.call('SET', KEYS[1], '1') redis.call('PUBLISH', 'more', ARGV[1]) return 1", 1, "k", "by a script");
  assert.equal(await subscriber.punsubscribe("n*"), 2);
  assert.equal(await redis.publish("news", "bye"), 1);
  assert.deepEqual(await redis.pubsub("NUMSUB", "news"), ["news", 1]);
  for (let i = 0; heard.length < 5 && i < 500; i++) await new Promise((done) => setTimeout(done, 10));
  assert.deepEqual(heard, [["news", "hello"], ["n*", "news", "hello"], ["more", "done"], ["more", "by a script"], ["news", "bye"]]);
  await subscriber.quit();
}

const admin = new Redis({ port });
await admin.call("KEYSPACE", "CREATE", "strong", "GUARANTEE", "strong");
await admin.call("KEYSPACE", "CREATE", "eventual", "GUARANTEE", "eventual");
for (const protocol of [2, 3]) {
  const redis = new Redis({ port, protocol, connectionName: `service-${protocol}` });
  const other = new Redis({ port, protocol });
  assert.equal(await redis.ping(), "PONG");
  assert.match(await redis.client("LIST"), new RegExp(`name=service-${protocol}`));
  assert.match(await redis.info(), /redis_version/);
  for (const ks of ["strong", "eventual"]) {
    await values(redis, ks);
    await scans(redis, ks);
    await pipelines(redis, ks);
    await transactions(redis, ks);
    await ids(redis, ks);
    say(`ioredis, RESP${protocol}, ${ks}: as Redis`);
  }
  await messages(redis, protocol);
  await strongOnly(redis, other);
  await eventualRefuses(redis);
  assert.equal(await redis.flushall(), "OK");
  assert.equal(await redis.dbsize(), 0);
  await Promise.all([redis.quit(), other.quit()]);
}
await admin.quit();
say("ioredis: all good");
