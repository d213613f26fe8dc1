import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { orderBody, possible } from "../../cloud/page/src/session/actions.js";
import * as chapters from "../../cloud/page/src/session/chapters.js";
import { eventsOf, trailLines } from "../../cloud/page/src/session/events.js";
import { commandFor } from "../../cloud/page/src/session/gates.js";
import { receiptLines, utc } from "../../cloud/page/src/session/receipt.js";
import { shareAddress, shareState } from "../../cloud/page/src/session/share.js";
import {
  artifactState,
  evidenceWords,
  GATES,
  safeWords,
} from "../../cloud/page/src/session/words.js";

const GATES_OF_THE_CORE = "../../cloud/chalicelib/core/settle/gates.py";
const NOON = "2026-11-21T12:00:00Z";
const RECEIPT = { crc64nvme: "rosUhgp5mIg=", verified_at: NOON, size_bytes: 100, version_id: "v" };

/** @param {number} number @param {object} [told] */
function chapter(number, told = {}) {
  const filename = `GX0${number}0038.MP4`;
  return {
    artifact_id: `original.100GOPRO.${filename}`,
    directory: "100GOPRO",
    filename,
    size_bytes: 100,
    upload: null,
    receipt: null,
    evidence: null,
    lost: null,
    ...told,
  };
}

/** @param {any[]} listed @param {object} [told] */
function session(listed, told = {}) {
  return {
    session_id: "match-17",
    project: "main",
    state: "OPEN",
    device_id: "d_north",
    created_at: NOON,
    chapters: listed,
    progress: null,
    order: null,
    held: null,
    lost: [],
    storage: { imported_at: null, recorded_at: null, source: null },
    guarantee: { last_closed_at: null, safe_at: null },
    processed_at: null,
    cleaned_at: null,
    proven_at: null,
    ...told,
  };
}

/** @param {number[]} numbers of the parts that S3 has, of ten parts of ten bytes @param {object} [told] */
function upload(numbers, told = {}) {
  const all = Array.from({ length: 10 }, (_, index) => index + 1);
  return {
    upload_id: "u_1",
    state: "OPEN",
    plan: { size_bytes: 100, part_size_bytes: 10, part_count: 10 },
    parts: numbers.map((number) => ({ number })),
    missing: all.filter((number) => !numbers.includes(number)),
    ...told,
  };
}

/** @param {number} down @param {number} up @param {number | null} [rate] */
function progress(down, up, rate = 10) {
  return { bytes_down: down, bytes_up: up, rate_down_bytes_s: rate, rate_up_bytes_s: rate };
}

const SENT = chapter(2, { upload: { upload_id: "u_1", state: "OPEN" } });
const HALF_WAY = session([chapter(1, { receipt: RECEIPT }), SENT, chapter(3)], {
  progress: progress(150, 130),
});

test("a chapter's bytes are in S3 by its parts, then on the device by the heartbeat, then on the card", () => {
  const maps = chapters.mapChapters(HALF_WAY, new Map([["u_1", upload([1, 2, 4])]]));

  assert.deepEqual(
    maps.map((map) => map.segments),
    [
      [{ where: "proven", bytes: 100 }],
      [
        { where: "stored", bytes: 20 },
        { where: "device", bytes: 10 },
        { where: "stored", bytes: 10 },
        { where: "device", bytes: 10 },
        { where: "card", bytes: 50 },
      ],
      [{ where: "card", bytes: 100 }],
    ],
  );
});

test("the haul in a line counts the first chapter without a receipt, both ways", () => {
  const maps = chapters.mapChapters(HALF_WAY, new Map([["u_1", upload([1, 2, 4])]]));

  assert.equal(chapters.headline(HALF_WAY, maps), "chapter 2 of 3, down 50 %, up 30 %");
  const { down, up } = chapters.legsOf(HALF_WAY, maps);
  assert.ok(down && up);
  assert.equal(chapters.legWords(down, 3), "chapter 2 of 3, 50 %, 10 B/s, 15 s left");
  assert.equal(chapters.legWords(up, 3), "chapter 2 of 3, 30 %, 10 B/s, 17 s left");
});

test("what is read ahead fills the next chapter", () => {
  const ahead = { ...HALF_WAY, progress: progress(230, 130) };
  const maps = chapters.mapChapters(ahead, new Map([["u_1", upload([1, 2, 4])]]));

  assert.deepEqual(maps[2]?.segments, [
    { where: "device", bytes: 30 },
    { where: "card", bytes: 70 },
  ]);
  assert.equal(chapters.legsOf(ahead, maps).down?.chapter, 3);
  assert.equal(chapters.legsOf(ahead, maps).up?.chapter, 2);
});

test("without a look at the upload it is unknown how much of the chapter is up", () => {
  const maps = chapters.mapChapters(HALF_WAY, new Map());

  assert.equal(chapters.headline(HALF_WAY, maps), "chapter 2 of 3, down 20 %, up –");
});

test("of a browser's film nothing is on a device or a card", () => {
  const browser = session([SENT], { device_id: null });
  const maps = chapters.mapChapters(browser, new Map([["u_1", upload([1])]]));

  assert.deepEqual(maps[0]?.segments, [
    { where: "stored", bytes: 10 },
    { where: "unknown", bytes: 90 },
  ]);
  assert.equal(chapters.headline(browser, maps), "chapter 1 of 1, up 10 %");
  assert.equal(chapters.legsOf(browser, maps).down, null);
});

test("an upload that is being completed has all its parts, though S3 lists none", () => {
  const completing = upload([], { missing: [] });
  const [map] = chapters.mapChapters(session([SENT]), new Map([["u_1", completing]]));

  assert.ok(map);
  assert.equal(chapters.wordsOf(map), "10 of 10 parts in S3");
  assert.equal(map.isProven, false);
});

test("a heartbeat that is older than what S3 has puts nothing negative on the device", () => {
  const maps = chapters.mapChapters(
    { ...HALF_WAY, progress: progress(120, 130) },
    new Map([["u_1", upload([1, 2, 3])]]),
  );

  assert.deepEqual(maps[1]?.segments, [
    { where: "stored", bytes: 30 },
    { where: "card", bytes: 70 },
  ]);
});

test("a chapter's map is told in words", () => {
  const maps = chapters.mapChapters(HALF_WAY, new Map([["u_1", upload([1, 2, 4])]]));

  assert.deepEqual(maps.map(chapters.wordsOf), [
    "proven: S3 has it whole, with a receipt",
    "3 of 10 parts in S3, 20 % on the device, 50 % on the card",
    "on the card",
  ]);
});

test("proven, cleaned and lost chapters are never mixed up", () => {
  const lost = session([chapter(1, { lost: { reason: "purged" } })]);
  const cleaned = session([chapter(1, { receipt: RECEIPT })], { state: "CLEANED" });

  assert.equal(chapters.mapChapters(lost, new Map())[0]?.segments[0]?.where, "lost");
  assert.equal(chapters.mapChapters(cleaned, new Map())[0]?.segments[0]?.where, "cleaned");
});

test("at most three open uploads are looked at, and none that ended", () => {
  /** @type {any[]} */
  const listed = ["EXPIRED", "OPEN", "COMPLETED", "OPEN", "OPEN"].map((state, index) =>
    chapter(index + 1, { upload: { upload_id: `u_${index}`, state } }),
  );
  assert.deepEqual(chapters.uploadsToWatch(session(listed)), ["u_1", "u_2", "u_3"]);
});

test("a device is silent after two minutes", () => {
  const heard = { heard_at: NOON };
  assert.equal(chapters.isSilent(heard, Date.parse(NOON) + 120_000), false);
  assert.equal(chapters.isSilent(heard, Date.parse(NOON) + 120_001), true);
});

test("each gate of the coordinator has its words here, and no other one has", () => {
  const text = readFileSync(new URL(GATES_OF_THE_CORE, import.meta.url), "utf8");
  const table = text.slice(text.indexOf("RECORD: Mapping"));
  const names = [...table.matchAll(/^ {4}(?:"([a-z0-9-]+)"|PLAUSIBLE): _/gm)].map(
    (found) => found[1],
  );

  assert.deepEqual(
    names.map((name) => name ?? "outputs-plausible"),
    Object.keys(GATES),
  );
});

test("events are in order of time, whatever told of them", () => {
  const told = session([chapter(1, { receipt: RECEIPT })], {
    created_at: "2026-11-21T11:00:00Z",
    processed_at: "2026-11-21T12:30:00.5Z",
    order: { number: 2, ordered_at: "2026-11-21T11:30:00Z", sent_at: null },
  });
  const output = {
    kind: "output",
    artifact_id: "output.a.mp4",
    receipt: { verified_at: "2026-11-21T12:30:00Z" },
  };

  assert.deepEqual(
    eventsOf(told, [output]).map((event) => event.what),
    [
      "Opened",
      "Ordered (number 2)",
      "100GOPRO/GX010038.MP4 has its receipt",
      "output.a.mp4 verified",
      "Processed, or released: the grace began",
    ],
  );
});

test("a step of the audit trail tells what was before, where something was", () => {
  const steps = [
    { thing: "hold", name: null, before: null, after: "look first" },
    { thing: "hold", name: null, before: "look first", after: null },
    { thing: "upload", name: "u_1", before: "OPEN", after: "VERIFIED" },
  ];
  assert.deepEqual(trailLines({ steps }), [
    "hold: look first",
    "hold: look first → none",
    "upload u_1: OPEN → VERIFIED",
  ]);
});

test("a level of evidence is a sentence, and reads that differ come first", () => {
  const level = { level: "read-once", agrees: true, read_back: null };
  assert.match(evidenceWords(level), /once/);
  assert.match(evidenceWords({ ...level, read_back: { agrees: true } }), /read back/);
  assert.match(evidenceWords({ ...level, agrees: false }), /Keep the card/);
  assert.equal(evidenceWords(null), "Nothing is proven yet.");
});

test("an artifact's state says what it waits for", () => {
  const open = session([]);
  const made = {
    kind: "measurements",
    required: true,
    cleaned: false,
    receipt: null,
    index: null,
    scan: null,
  };
  const index = { frames: 5, rejected: 0, quarantine: null };
  const words = (/** @type {object} */ told) => artifactState({ ...made, ...told }, open).words;

  assert.equal(words({}), "awaited");
  assert.equal(words({ receipt: RECEIPT }), "verified, not indexed yet");
  assert.equal(words({ receipt: RECEIPT, index }), "verified, 5 frames indexed");
  assert.equal(
    words({ receipt: RECEIPT, index: { ...index, quarantine: "no frames" } }),
    "in quarantine: no frames",
  );
  assert.equal(words({ scan: { finding: null, accepted: null } }), "waits for its scan");
  assert.equal(artifactState(made, session([], { state: "FAILED" })).words, "not made");
});

test("an xxh128 stands on the receipt only where that read gave the receipt's bytes", () => {
  const read = { crc64nvme: RECEIPT.crc64nvme, xxh128: "99aa", agrees: true };
  const evidence = { level: "read-twice", agrees: true, read_twice: read };
  const differing = {
    ...evidence,
    agrees: false,
    read_twice: { ...read, crc64nvme: "AAAAAAAAAAA=" },
  };
  const told = session([
    chapter(1, { receipt: RECEIPT, evidence }),
    chapter(2, { receipt: RECEIPT, evidence: differing }),
    chapter(3),
  ]);

  assert.deepEqual(
    receiptLines(told).map((line) => [line.xxh128, line.agrees, line.receipt !== null]),
    [
      ["99aa", true, true],
      [null, false, true],
      [null, true, false],
    ],
  );
  assert.equal(utc("2026-11-21T13:00:00.75+01:00"), "2026-11-21 12:00:00 UTC");
});

test("an order is sent as it was written, and only a reason that is there", () => {
  assert.deepEqual(orderBody(" output.a.mp4\n\nmeasurements.b.json ", '{"speed_kmh": 7.5}', " "), {
    required: ["output.a.mp4", "measurements.b.json"],
    parameters: { speed_kmh: 7.5 },
  });
  assert.equal(orderBody("output.a.mp4", "", "a test").below_minimum_reason, "a test");
});

test("parameters that are no JSON object are refused before anything is sent", () => {
  for (const text of ["[1]", "7", "null", "{", "speed"]) {
    assert.throws(() => orderBody("output.a.mp4", text, ""), /JSON object/);
  }
});

test("what can be done follows from the state", () => {
  const names = (/** @type {object} */ told) =>
    possible(session([], told), []).map(([name]) => name);

  assert.deepEqual(names({}), ["hold", "order", "fail"]);
  assert.deepEqual(names({ state: "PROCESSED", held: "look" }), ["release", "hold", "order"]);
  assert.deepEqual(names({ state: "CLEANED" }), ["hold", "restore"]);
  assert.deepEqual(
    possible(session([], { state: "PROCESSED" }), [{ cleaned: true }]).map(([name]) => name),
    ["hold", "restore"],
  );
});

test("the command that accepts differing reads names the session, its project and the chapter", () => {
  const differing = chapter(1, { evidence: { agrees: false } });
  const told = session([differing], { project: "club", state: "PROCESSED" });

  assert.equal(
    commandFor("evidence-agrees", told),
    "reelhaul-admin accept --stage STAGE club/match-17 --evidence original.100GOPRO.GX010038.MP4 --reason 'WHY'",
  );
  assert.equal(commandFor("grace-over", told), null);
});

test("a lost chapter is on its way only once it is hauled again", () => {
  const lost = { lost: { reason: "purged" } };
  const one = session([chapter(1, lost), chapter(2, { receipt: RECEIPT })]);
  const again = session([{ ...SENT, ...lost }]);

  assert.equal(chapters.headline(one, chapters.mapChapters(one, new Map())), null);
  const maps = chapters.mapChapters(again, new Map([["u_1", upload([1])]]));
  assert.equal(chapters.headline(again, maps), "chapter 1 of 1, up 10 %");
});

test("a share's address is the page's own, and its token stands after the #", () => {
  const address = shareAddress("https://x.example/api/#/sessions/a", "s_1.a/b");
  assert.equal(address, "https://x.example/api/#/share/s_1.a%2Fb");
  assert.equal(new URL(address).search, "");
});

test("a share is good until the moment it expires, unless somebody revoked it", () => {
  const share = { expires_at: NOON, revoked_at: null };
  const noonMs = Date.parse(NOON);
  assert.equal(shareState(share, noonMs - 1), "good");
  assert.equal(shareState(share, noonMs), "expired");
  assert.equal(shareState({ ...share, revoked_at: NOON }, noonMs - 1), "revoked");
});

test("while a session is being cleaned, each chapter says whether it is cleaned", () => {
  const told = session([chapter(1, { receipt: RECEIPT }), chapter(2, { receipt: RECEIPT })], {
    state: "PROCESSED",
  });
  const artifacts = told.chapters.map((each, index) => ({ ...each, cleaned: index === 0 }));

  assert.deepEqual(
    chapters.mapChapters(told, new Map(), artifacts).map((map) => map.segments[0]?.where),
    ["cleaned", "proven"],
  );
});

test("a session is safe since its last receipt, and unknown stays unknown", () => {
  const waiting = { safe_at: null, safe_after_s: null, predicted_clear_at: null };

  assert.match(
    safeWords({ ...waiting, safe_at: NOON, safe_after_s: 75 }),
    /^since .*, 1 min 15 s after/,
  );
  assert.doesNotMatch(safeWords({ ...waiting, safe_at: NOON }), /after/);
  assert.match(safeWords({ ...waiting, predicted_clear_at: NOON }), /^not yet; at this rate by/);
  assert.equal(safeWords(waiting), "not yet; at which time is unknown");
});
