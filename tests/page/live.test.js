import assert from "node:assert/strict";
import test from "node:test";
import { LONGEST_WAIT_MS, nextWait, POLL_MS } from "../../cloud/page/src/live.js";

test("a poll that succeeds is followed by the usual wait", () => {
  assert.equal(nextWait(POLL_MS, 0, 0.7), POLL_MS);
});

test("each failure in a row doubles the longest wait, up to a minute", () => {
  assert.equal(nextWait(5000, 1, 1), 10_000);
  assert.equal(nextWait(5000, 2, 1), 20_000);
  assert.equal(nextWait(5000, 20, 1), LONGEST_WAIT_MS);
});

test("pages that failed at the same moment do not ask again at the same moment", () => {
  assert.equal(nextWait(5000, 1, 0), 5000);
  assert.notEqual(nextWait(5000, 1, 0.2), nextWait(5000, 1, 0.8));
});
