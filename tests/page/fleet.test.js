import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { concerns, NEEDS, untold } from "../../cloud/page/src/fleet/attention.js";
import { backlog, clearIn, deviceState, rates } from "../../cloud/page/src/fleet/devices.js";
import { addressOf, filtersOf, pathOf } from "../../cloud/page/src/fleet/filters.js";
import { placeOf } from "../../cloud/page/src/router.js";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const ATTENTION_OF_THE_CORE = "../../cloud/chalicelib/core/attention.py";

/** @param {object} [told] */
function overview(told = {}) {
  return {
    attention: { count: 0, sessions: [] },
    reconciler: "ok",
    last_round: null,
    dead_letters: 0,
    devices: { devices: [], cursor: null },
    ...told,
  };
}

/** @param {string} name @param {...[string, string, number?]} needs */
function session(name, ...needs) {
  return {
    session_id: name,
    needs: needs.map(([kind, detail, count = 1]) => ({ kind, detail, count })),
  };
}

/** @param {object} [told] */
function device(told = {}) {
  return {
    device_id: "d_north",
    name: "jetson-north",
    heard_at: "2026-11-21T11:59:50Z",
    hauling: true,
    silent: false,
    session_id: "match-17",
    spool_bytes: 5e9,
    waiting_bytes: 12e9,
    rate_down_bytes_s: 31e6,
    rate_up_bytes_s: 6e6,
    predicted_clear_at: "2026-11-21T12:33:00Z",
    ...told,
  };
}

test("where all is well nothing needs a person", () => {
  assert.deepEqual(concerns(overview()), []);
});

test("a number of dead letters that is unknown is no concern", () => {
  assert.deepEqual(concerns(overview({ dead_letters: null })), []);
});

test("every kind of need that the coordinator tells has its name and what to do", () => {
  const source = readFileSync(new URL(ATTENTION_OF_THE_CORE, import.meta.url), "utf8");
  const kinds = [...source.matchAll(/^ {4}[A-Z]+ = "([a-z]+)"$/gm)].map((match) => match[1]);

  assert.deepEqual(Object.keys(NEEDS).sort(), kinds.sort());
  for (const { label, next } of Object.values(NEEDS)) assert.ok(label && next.endsWith("."));
});

test("a session is told with its reasons in the coordinator's words, and leads to its view", () => {
  const sessions = [session("match 17", ["lost", "original.a: purged", 3], ["failed", "no light"])];

  const [found] = concerns(overview({ attention: { count: 1, sessions } }));

  assert.equal(found?.subject, "match 17");
  assert.equal(found?.href, "#/sessions/match%2017");
  assert.deepEqual(found?.reasons, [
    { label: "Lost", words: "original.a: purged (and 2 more)" },
    { label: "Failed", words: "no light" },
  ]);
  assert.match(found?.next ?? "", /^Keep the card/);
});

test("a kind of need that a newer coordinator tells is shown all the same", () => {
  const sessions = [session("a", ["brand-new", "in its own words"])];

  const [found] = concerns(overview({ attention: { count: 1, sessions } }));

  assert.deepEqual(found?.reasons, [{ label: "Needs a person", words: "in its own words" }]);
});

test("where footage is at stake comes first", () => {
  const sessions = [session("held", ["held", "wait"]), session("lost", ["lost", "purged"])];
  const told = overview({
    attention: { count: 2, sessions },
    reconciler: "late",
    devices: { devices: [device({ silent: true })] },
  });

  const found = concerns(told, NOON);

  assert.deepEqual(
    found.map((each) => [each.subject, each.kind]),
    [
      ["jetson-north", "bad"],
      ["lost", "bad"],
      ["Reconciler", "warn"],
      ["held", "warn"],
    ],
  );
});

test("a silent device says since when, with what is still to come", () => {
  const devices = { devices: [device({ silent: true, heard_at: "2026-11-21T11:40:00Z" })] };

  const [found] = concerns(overview({ devices }), NOON);

  assert.equal(
    found?.reasons[0]?.words,
    "it was last heard 20 min 0 s ago, while it brought match-17; 12 GB of it are still to come",
  );
  assert.equal(found?.command, "systemctl status 'reelhaul@*'");
});

test("a reconciler that stopped and dead letters come with a command", () => {
  const last_round = { ended_at: "2026-11-21T11:00:00Z" };
  const found = concerns(overview({ reconciler: "silent", last_round, dead_letters: 2 }), NOON);

  assert.deepEqual(
    found.map((each) => [each.subject, each.reasons[0]?.label, Boolean(each.command)]),
    [
      ["Reconciler", "Stopped", true],
      ["Dead letters", "2 messages", true],
    ],
  );
});

test("sessions beyond those that are listed are counted", () => {
  const sessions = [session("a", ["held", "wait"])];

  assert.equal(untold(overview({ attention: { count: 1, sessions } })), 0);
  assert.equal(untold(overview({ attention: { count: 7, sessions } })), 6);
});

test("a device is silent, hauls, rests, or was never heard", () => {
  assert.equal(deviceState(device({ silent: true })).label, "silent");
  assert.equal(deviceState(device()).label, "hauling");
  assert.equal(deviceState(device({ hauling: false })).label, "at rest");
  assert.equal(deviceState(device({ hauling: false, heard_at: null })).label, "never heard");
});

test("what is still to come is split only where the device told what it has", () => {
  assert.equal(backlog(device()), "12 GB: 5.0 GB on the device, 7.0 GB on the card or in S3");
  assert.equal(
    backlog(device({ spool_bytes: 20e9 })),
    "12 GB: 12 GB on the device, 0 B on the card or in S3",
  );
  assert.equal(backlog(device({ spool_bytes: null })), "12 GB");
  assert.equal(backlog(device({ waiting_bytes: 0 })), "nothing");
  assert.equal(backlog(device({ waiting_bytes: null })), "unknown");
});

test("the time until all is clear is unknown wherever it would be a guess", () => {
  assert.equal(clearIn(device(), NOON), "in 33 min");
  assert.equal(
    clearIn(device({ predicted_clear_at: "2026-11-21T14:03:00Z" }), NOON),
    "in 2 h 3 min",
  );
  assert.equal(
    clearIn(device({ predicted_clear_at: "2026-11-21T12:00:59Z" }), NOON),
    "in less than a minute",
  );
  assert.equal(clearIn(device({ predicted_clear_at: null }), NOON), "unknown");
  assert.equal(clearIn(device({ silent: true }), NOON), "unknown");
  assert.equal(clearIn(device({ hauling: false, waiting_bytes: null }), NOON), "unknown");
  assert.equal(clearIn(device({ hauling: false, waiting_bytes: 0 }), NOON), "clear");
});

test("rates of a device that is silent or at rest say nothing of now", () => {
  assert.deepEqual(rates(device()), { down: "31 MB/s", up: "6.0 MB/s" });
  assert.deepEqual(rates(device({ silent: true })), { down: "–", up: "–" });
  assert.deepEqual(rates(device({ hauling: false })), { down: "–", up: "–" });
});

test("filters go through the address and come back as they were", () => {
  const filters = { text: "match-1", group: "a/b & c", from: "2026-11-01", to: "2026-11-30" };

  const { view, query } = placeOf(addressOf(filters, "cursor"));

  assert.equal(view, "sessions");
  assert.deepEqual(filtersOf(query), filters);
  assert.equal(query.get("cursor"), "cursor");
});

test("the last day of a filter is in", () => {
  assert.equal(
    pathOf({ state: "FAILED", from: "2026-11-01", to: "2026-12-31" }, "c"),
    "v1/sessions?state=FAILED&created_from=2026-11-01&created_to=2027-01-01&cursor=c",
  );
  assert.equal(pathOf({}), "v1/sessions");
});

test("a day that is none goes to the coordinator, who says so", () => {
  for (const day of ["21.11.2026", "2026-02-31x", "soon"]) {
    assert.equal(new URLSearchParams(pathOf({ to: day }).split("?")[1]).get("created_to"), day);
  }
});
