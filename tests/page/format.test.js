import assert from "node:assert/strict";
import test from "node:test";
import * as format from "../../cloud/page/src/format.js";

test("a size has at most two digits before its unit grows, and unknown is a dash", () => {
  assert.equal(format.bytes(0), "0 B");
  assert.equal(format.bytes(999), "999 B");
  assert.equal(format.bytes(1000), "1.0 KB");
  assert.equal(format.bytes(9_940_000), "9.9 MB");
  assert.equal(format.bytes(9_960_000), "10 MB");
  assert.equal(format.bytes(12_000_000_000), "12 GB");
  assert.equal(format.bytes(null), "–");
});

test("a length of time has its two largest units", () => {
  assert.equal(format.duration(59), "59 s");
  assert.equal(format.duration(60), "1 min 0 s");
  assert.equal(format.duration(3599), "59 min 59 s");
  assert.equal(format.duration(3600), "1 h 0 min");
  assert.equal(format.duration(86_400), "1 d 0 h");
});

test("a position is cut, never rounded up to a frame that is not there yet", () => {
  assert.equal(format.position(0), "0:00");
  assert.equal(format.position(59.999), "0:59");
  assert.equal(format.position(60), "1:00");
  assert.equal(format.position(3723.45, 1), "1:02:03.4");
});

test("100 percent is said only where nothing is missing", () => {
  assert.equal(format.percent(999, 1000), "99 %");
  assert.equal(format.percent(1000, 1000), "100 %");
  assert.equal(format.percent(1, 0), "–");
});
