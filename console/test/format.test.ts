// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, count, duration, listed, micros, percent, plural, rate, short } from "../src/format";

test("counts have their thousands apart, whatever the browser's language", () => {
  assert.equal(count(0), "0");
  assert.equal(count(999), "999");
  assert.equal(count(1000), "1,000");
  assert.equal(count(-1234567), "-1,234,567");
});

test("bytes change their unit at 1024 and keep three digits", () => {
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1024), "1.00 KiB");
  assert.equal(bytes(15.5 * 1024 * 1024), "15.5 MiB");
  assert.equal(bytes(3 * 1024 ** 5), "3072 TiB");
});

test("times are told in the unit that suits", () => {
  assert.equal(micros(210), "210 µs");
  assert.equal(micros(1_500), "1.50 ms");
  assert.equal(micros(2_000_000), "2.00 s");
  assert.equal(duration(0), "0 ms");
  assert.equal(duration(4_200), "4.2 s");
  assert.equal(duration(119_499), "119 s");
  assert.equal(duration(121_000), "2 min");
  assert.equal(duration(3 * 3_600_000), "3 h");
  assert.equal(duration(50 * 3_600_000), "2 d");
});

test("small rates are not rounded to nothing", () => {
  assert.equal(rate(0), "0");
  assert.equal(rate(0.4), "0.4");
  assert.equal(rate(2), "2");
  assert.equal(rate(2500.4), "2,500");
});

test("words", () => {
  assert.equal(plural(1, "key"), "1 key");
  assert.equal(plural(2000, "key"), "2,000 keys");
  assert.equal(plural(2, "run is", "runs are"), "2 runs are");
  assert.equal(listed([]), "");
  assert.equal(listed(["a", "b", "c"]), "a, b and c");
  assert.equal(percent(1, 0), "–");
  assert.equal(percent(94, 100), "94 %");
  assert.equal(short("a\n b", 60), "a b");
  assert.equal(short("abcdef", 4), "abc…");
});
