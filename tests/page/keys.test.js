import assert from "node:assert/strict";
import test from "node:test";
import { actionOf, HELP, nextRate, RATES } from "../../cloud/page/src/player/keys.js";
import { cameraTime, markAt, marksOf, spoken } from "../../cloud/page/src/player/times.js";

test("keys act wherever the focus is, except where the focused element takes them", () => {
  const press = (/** @type {string} */ key, /** @type {any} */ focused = null) =>
    actionOf({ key }, focused);

  assert.equal(press(" "), "toggle");
  assert.equal(press("K"), "toggle");
  assert.equal(press("."), "frame-ahead");
  assert.equal(press("7"), "tenth-7");
  assert.equal(press("q"), null);
  assert.equal(press(" ", { tagName: "BUTTON" }), null);
  assert.equal(press("j", { tagName: "BUTTON" }), "back-10");
  assert.equal(press("j", { tagName: "INPUT", type: "text" }), null);
  assert.equal(press("1", { tagName: "SELECT" }), null);
  assert.equal(
    press("ArrowLeft", { tagName: "INPUT", type: "range", className: "seek" }),
    "back-5",
  );
  assert.equal(press("ArrowLeft", { tagName: "INPUT", type: "range", className: "volume" }), null);
  assert.equal(actionOf({ key: "f", ctrlKey: true }, null), null);
});

test("the help tells every key once", () => {
  assert.equal(new Set(HELP.map(([keys]) => keys)).size, HELP.length);
});

test("slower and faster step through the speeds, and stay at their ends", () => {
  assert.equal(nextRate(1, 1), 1.5);
  assert.equal(nextRate(1, -1), 0.75);
  assert.equal(nextRate(8, 1), 8);
  assert.equal(nextRate(0.1, -1), 0.1);
  assert.deepEqual([RATES.at(0), RATES.at(-1)], [0.1, 8]);
});

const CHAPTERS = [
  {
    filename: "GX010038.MP4",
    film: { duration_ms: 2000 },
    created: 1_795_192_812,
    thumbnail: null,
  },
  { filename: "GX020038.MP4", film: { duration_ms: 2500 }, created: null, thumbnail: null },
];

test("a time of the film has its chapter, and what the camera's clock showed", () => {
  const marks = marksOf({ chapters: CHAPTERS });

  assert.deepEqual(
    marks.map(({ start_s, end_s }) => [start_s, end_s]),
    [
      [0, 2],
      [2, 4.5],
    ],
  );
  assert.equal(markAt(marks, 1.999)?.name, "GX010038.MP4");
  assert.equal(markAt(marks, 2)?.name, "GX020038.MP4");
  assert.match(cameraTime(marks, 1.5) ?? "", /40:13/);
  assert.equal(cameraTime(marks, 2), null);
});

test("a chapter begins where the one before ends exactly, once its file was read", () => {
  const marks = marksOf({ chapters: CHAPTERS }, [2.002, 0]);
  assert.deepEqual(
    marks.map(({ start_s, end_s }) => [start_s, end_s]),
    [
      [0, 2.002],
      [2.002, 4.502],
    ],
  );
});

test("chapters have no place in the film while a length is unknown", () => {
  assert.deepEqual(marksOf({ chapters: [...CHAPTERS, { film: null }] }), []);
});

test("a position is spoken in words", () => {
  assert.equal(spoken(0), "0 seconds");
  assert.equal(spoken(61), "1 minute 1 second");
  assert.equal(spoken(3723.9), "1 hour 2 minutes 3 seconds");
});
