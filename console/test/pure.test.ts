// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import { call_matrix } from "../src/call_matrix";
import { circle_places } from "../src/cluster_layout";
import { area_of, line_of, nice_top } from "../src/chart_layout";
import { keyspace_of, pattern_of } from "../src/keys";
import { new_request_id } from "../src/request_id";
import { link, parse_route } from "../src/route";
import { from_base64, hex_dump, shown } from "../src/utf8";

test("an address comes back as it was made, whatever a key is called", () => {
  for (const key of ["likes:42", "a/b", "a%b", "ä ö?x=1#2", "100%", ""]) {
    if (key === "") continue;
    assert.deepEqual(parse_route(link(["key", key])).parts, ["key", key]);
  }
  const { parts, query } = parse_route(link(["data", "likes"], { pattern: "a*&b", type: "" }));
  assert.deepEqual([parts, query.get("pattern"), query.has("type")], [["data", "likes"], "a*&b", false]);
  assert.deepEqual(parse_route("").parts, []);
  assert.deepEqual(parse_route("#/key/%").parts, ["key", "%"]); // typed by hand
});

test("a request id is a UUIDv7 of its time, and each is another", () => {
  const id = new_request_id(0x0123456789ab);
  assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(Array.from({ length: 1000 }, () => new_request_id(1))).size, 1000);
});

test("a key's keyspace is what stands before its first colon, where that is declared", () => {
  const declared = ["default", "likes", "accounts"];
  assert.equal(keyspace_of("likes:42:x", declared), "likes");
  assert.equal(keyspace_of("other:42", declared), "default");
  assert.equal(keyspace_of("likes", declared), "default");
  assert.equal(keyspace_of(":x", declared), "default");
});

test("what is typed becomes a pattern: a word is a beginning, a pattern stays one", () => {
  assert.equal(pattern_of("likes", ""), "likes:*");
  assert.equal(pattern_of("likes", "4"), "likes:4*");
  assert.equal(pattern_of("likes", "likes:4"), "likes:4*");
  assert.equal(pattern_of("likes", "*4?"), "likes:*4?");
  assert.equal(pattern_of("default", "a"), "a*");
  assert.equal(pattern_of("a*b", ""), "a\\*b:*");
});

test("bytes that are no text are shown as hex and not offered as text", () => {
  const of = (...bytes: number[]) => from_base64(Buffer.from(bytes).toString("base64"));
  assert.equal(of(0xc3, 0xa4).text, "ä");
  assert.equal(of(0xff, 0x41).text, null);
  assert.equal(of(0x00).text, null);
  assert.equal(of(0xef, 0xbb, 0xbf, 0x41).text, "\ufeffA"); // a mark at the beginning is not lost by saving
  assert.equal(shown(of(0xff, 0x41)), "\\xffA");
  assert.equal(hex_dump(of(0x00, 0x41).bytes), `000000  00 41${" ".repeat(42)}  ·A`);
  assert.match(hex_dump(new Uint8Array(40), 32), /\n… 8 bytes more$/);
});

test("an axis ends at a number that one can halve in the head, and never at nothing", () => {
  assert.deepEqual([0, 1, 1.1, 3, 7, 10, 4999, 0.03].map(nice_top), [1, 1, 2, 5, 10, 10, 5000, 0.05]);
});

test("a gap in the data is a gap in the line; a lone point is seen", () => {
  const box = { width: 100, height: 10, from_ms: 0, to_ms: 100, top: 10 };
  const points = [
    { x: 0, y: 0 },
    { x: 50, y: 10 },
    { x: 60, y: null },
    { x: 100, y: 5 },
  ];
  assert.equal(line_of(points, box), "M0.0,10.0L50.0,0.0M100.0,5.0L101.0,5.0");
  assert.equal(area_of(points, box), "M0.0,10L0.0,10.0L50.0,0.0L50.0,10Z");
  assert.equal(line_of([{ x: -5, y: 3 }], box), ""); // older than what is shown
});

test("calls: callers across by name, who has not signed in last", () => {
  const { callers, functions, cells } = call_matrix([
    { caller: null, function: "b", calls: 1, refused: 0, failed: 0 },
    { caller: "shop", function: "a", calls: 2, refused: 1, failed: 0 },
    { caller: "branch", function: "b", calls: 3, refused: 0, failed: 1 },
  ]);
  assert.deepEqual(callers, ["branch", "shop", null]);
  assert.deepEqual(functions, ["a", "b"]);
  assert.equal(cells.get("b")?.get("branch")?.failed, 1);
  assert.equal(cells.get("a")?.get(null), undefined);
});

test("nodes lie round the middle, this one at the left, none outside", () => {
  assert.deepEqual(circle_places(0, 400, 200), []);
  assert.deepEqual(circle_places(2, 400, 200), [
    { x: 40, y: 100 },
    { x: 360, y: 100 },
  ]);
  for (const { x, y } of circle_places(9, 400, 200)) assert.ok(x >= 40 && x <= 360 && y >= 40 && y <= 160);
});
