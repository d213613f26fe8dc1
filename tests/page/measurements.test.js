import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import { fileName, headerOf, readCsv } from "../../cloud/page/src/measurements/csv.js";
import { columnsOf, firstChoice, plotsOf } from "../../cloud/page/src/measurements/plots.js";
import * as ranges from "../../cloud/page/src/measurements/ranges.js";
import {
  extentOf,
  gapsOf,
  joined,
  rowAt,
  rowsIn,
  seriesOf,
} from "../../cloud/page/src/measurements/series.js";
import * as words from "../../cloud/page/src/measurements/words.js";

const FRAME_S = 0.1;
const FILM = { from_s: 0, to_s: 1200 };
const BEAT = { first_s: 0, frame_s: 1 / 30 };

/** The answer about frames of one column, one frame a bucket; undefined is a frame that is missing. */
function points(/** @type {(number | null | undefined)[]} */ values, first_s = 0) {
  const time = (/** @type {any} */ value, /** @type {number} */ place) =>
    value === undefined ? null : first_s + place * FRAME_S;
  const held = values.map((value) => value ?? null);
  return {
    count: values.map((value) => (value === undefined ? 0 : 1)),
    first_s: values.map(time),
    last_s: values.map(time),
    numbers: { wind: { min: held, max: held, mean: held } },
    statuses: { light: { red: values.map((value) => (value === 1 ? 1 : 0)) } },
  };
}

const series = (/** @type {(number | null | undefined)[]} */ values, first_s = 0) =>
  seriesOf(points(values, first_s), FRAME_S);

test("frames that are missing are one row without a value, so that no line is drawn across them", () => {
  const found = series([1, 2, undefined, undefined, 5]);

  assert.deepEqual(found.numbers.wind?.mean, [1, 2, null, 5]);
  assert.deepEqual(found.count, [1, 1, 0, 1]);
  assert.equal(gapsOf(found).length, 1);
  const [from, to] = gapsOf(found)[0] ?? [0, 0];
  assert.ok(from > 0.1 && from <= 0.2 && to === 0.4);
});

test("a value that is missing stays null and makes a dash, no gap, and 0 stays 0", () => {
  const found = series([0, null, 2]);

  assert.deepEqual(found.numbers.wind?.min, [0, null, 2]);
  assert.deepEqual(gapsOf(found), []);
  assert.equal(words.numberAt(found, 0, "wind", "m/s"), "0 m/s");
  assert.equal(words.numberAt(found, 1, "wind", "m/s"), "–");
  assert.equal(words.numberAt(found, null, "wind", "m/s"), "no frame");
  assert.equal(words.numberAt(null, null, "wind", "m/s"), "…");
});

test("frames that are six frames apart in time have a gap between them, even where the frames are numbered one after the other", () => {
  const holed = (/** @type {number} */ frames) => ({
    ...points([1, 2]),
    first_s: [0, frames * FRAME_S],
    last_s: [0, frames * FRAME_S],
  });

  assert.equal(gapsOf(seriesOf(holed(5), FRAME_S)).length, 0);
  assert.equal(gapsOf(seriesOf(holed(6), FRAME_S)).length, 1);
});

test("rows ascend although the times of frames do not", () => {
  const told = { ...points([1, 2, 3]), first_s: [0, 5, 2], last_s: [4, 5, 2] };
  const found = seriesOf(told, FRAME_S);

  assert.deepEqual(
    found.from_s,
    [...found.from_s].sort((one, other) => one - other),
  );
  assert.deepEqual(
    found.x,
    [...found.x].sort((one, other) => one - other),
  );
});

test("the row of a moment is that of the frame shown then, and none in a gap or outside", () => {
  const found = series([1, 2, undefined, undefined, 5]);

  assert.equal(rowAt(found, 0), 0);
  assert.equal(rowAt(found, 0.099), 1);
  assert.equal(rowAt(found, 0.1), 1);
  assert.equal(rowAt(found, 0.3), null);
  assert.equal(rowAt(found, 0.4), 3);
  assert.equal(rowAt(found, 0.8), null);
  assert.equal(rowAt(found, -1), null);
});

test("finer rows take the place of coarse ones, and a gap beside them stays a gap", () => {
  const whole = series([1, 2, undefined, 4, 5, 6]);
  const both = joined(whole, series([40, 50], 0.3));

  assert.deepEqual(both.numbers.wind?.mean, [1, 2, null, 40, 50, 6]);
  assert.deepEqual(both.words.light?.red, [1, 0, 0, 0, 0, 0]);
  assert.equal(joined(whole, null), whole);
  assert.equal(joined(whole, series([])), whole);
});

test("finer rows without a column leave it empty there", () => {
  const whole = series([1, 2, 3]);
  const finer = { ...series([20], 0.1), numbers: {} };

  assert.deepEqual(joined(whole, finer).numbers.wind?.mean, [1, null, 3]);
});

test("the extent of a view is that of the rows in it, and there is none without values", () => {
  const found = series([1, 9, 3, null]);

  assert.deepEqual(extentOf(found, ["wind"], { from_s: 0, to_s: 0.2 }), [1, 9]);
  assert.equal(extentOf(found, ["rain"], { from_s: 0, to_s: 0.2 }), null);
  assert.deepEqual(rowsIn(found, { from_s: 0.1, to_s: 0.2 }), [0, 4]);
});

test("no more buckets are asked for than pixels, than the API has, and than the answer may weigh", () => {
  const few = { numbers: ["a"], words: [] };
  const many = { numbers: Array(48).fill("a"), words: [] };

  assert.equal(ranges.pointsFor(few, 320, ranges.WHOLE_BYTES), 320);
  assert.equal(ranges.pointsFor(few, 2500, ranges.WHOLE_BYTES), 1000);
  assert.equal(ranges.pointsFor(many, 1000, ranges.WHOLE_BYTES), 266);
});

test("finer rows are asked for only where they are finer, and where few enough frames must be read", () => {
  const ask = (/** @type {number} */ length, row_s = 2.1) =>
    ranges.partToAsk({ from_s: 100, to_s: 100 + length }, FILM, 1 / 30, { width_px: 1000, row_s });

  const most_s = ranges.MOST_FRAMES_READ / 30;
  assert.equal(ask(most_s + 0.1), null);
  assert.ok(ask(most_s));
  assert.deepEqual(ask(40), { from_s: 90, to_s: 150 });
  assert.equal(ask(40, 1 / 30), null);
  assert.equal(ask(100, 0.3), null);
  assert.deepEqual(
    ranges.partToAsk({ from_s: 0, to_s: 10 }, FILM, 1 / 30, { width_px: 1000, row_s: 2 }),
    { from_s: 0, to_s: 12.5 },
  );
});

test("an answer will do for a view within it, until the view is so much shorter that a new one is finer", () => {
  const held = { from_s: 90, to_s: 150 };

  assert.ok(ranges.isEnough(held, { from_s: 100, to_s: 140 }));
  assert.ok(ranges.isEnough(held, { from_s: 90, to_s: 130 }));
  assert.ok(!ranges.isEnough(held, { from_s: 89, to_s: 130 }));
  assert.ok(!ranges.isEnough(held, { from_s: 110, to_s: 151 }));
  assert.ok(!ranges.isEnough(held, { from_s: 100, to_s: 123.9 }));
  assert.ok(!ranges.isEnough(null, held));
});

test("a zoom keeps the moment at its place, and ends at the film and at a few frames", () => {
  const half = ranges.zoomed(FILM, FILM, 1 / 30, 0.5, 300);

  assert.deepEqual(half, { from_s: 150, to_s: 750 });
  assert.deepEqual(ranges.zoomed(half, FILM, 1 / 30, 100, 300), FILM);
  const closest = ranges.zoomed(half, FILM, 1 / 30, 1e-9, 300);
  assert.ok(Math.abs(closest.to_s - closest.from_s - 0.4) < 1e-9);
  assert.deepEqual(ranges.panned(half, FILM, 1e6), { from_s: 600, to_s: 1200 });
  assert.deepEqual(ranges.panned(half, FILM, -1e6), { from_s: 0, to_s: 600 });
});

test("the view follows a film that leaves it and a jump, and leaves a person alone who looks elsewhere", () => {
  const view = { from_s: 100, to_s: 200 };

  assert.equal(ranges.following(view, FILM, 150, 151), view);
  assert.deepEqual(ranges.following(view, FILM, 199.99, 200.03), { from_s: 190.03, to_s: 290.03 });
  assert.equal(ranges.following(view, FILM, 500, 500.03), view);
  assert.deepEqual(ranges.following(view, FILM, 500, 700), { from_s: 690, to_s: 790 });
});

test("a step of a frame ends within the next frame, wherever in the frame the film rests", () => {
  for (const part of [-0.05, 0, 0.25, 0.5, 0.89]) {
    const time_s = (900 + part) / 30;
    assert.equal(Math.floor(ranges.stepped(time_s, 1, BEAT, FILM) * 30), 901);
    assert.equal(Math.floor(ranges.stepped(time_s, -1, BEAT, FILM) * 30), 899);
  }
  assert.equal(ranges.stepped(0, -1, BEAT, FILM), 0);
  assert.equal(ranges.stepped(1200, 1, BEAT, FILM), 1200);
});

const SUMMARY = {
  kind: "papi",
  numbers: { drone_elevation: { count: 1 } },
  lights: {
    papi_a: {
      statuses: { red: 3, white: 0 },
      numbers: { angle: { count: 3 }, red_chromaticity: { count: 3 } },
      transition: { angle: 3.5, interval: [3.49, 3.51] },
    },
    papi_b: {
      statuses: { red: 0 },
      numbers: { angle: { count: 3 } },
      transition: { angle: null, interval: null },
    },
  },
};

test("only what was measured is offered, and the usual plots are chosen first", () => {
  const plots = plotsOf(SUMMARY);

  assert.deepEqual(
    plots.map((plot) => plot.id),
    ["status", "angle", "red_chromaticity", "rgb.r", "rgb.g", "rgb.b", "drone_elevation"],
  );
  assert.deepEqual(firstChoice("papi", plots), ["status", "angle", "red_chromaticity"]);
  const [status, angle] = plots;
  assert.deepEqual(columnsOf([status, angle].filter((plot) => plot !== undefined)), {
    numbers: ["papi_a.angle", "papi_b.angle"],
    words: ["papi_a.status"],
  });
  assert.deepEqual(
    angle?.lines.map((line) => line.turn),
    [{ value: 3.5, interval: [3.49, 3.51] }, null],
  );
});

test("numbers of another kind have a plot each, with the unit that the file names", () => {
  const plots = plotsOf({
    kind: "generic",
    numbers: { wind: {}, gust: {} },
    units: { wind: "m/s" },
  });

  assert.deepEqual(
    plots.map((plot) => [plot.id, plot.unit, plot.lines[0]?.column]),
    [
      ["wind", "m/s", "wind"],
      ["gust", "", "gust"],
    ],
  );
});

test("a row of several frames has their mean, and the least and the greatest of them", () => {
  const wide = { ...series([2]), count: [8] };
  wide.numbers = { wind: { mean: [2.25], min: [1], max: [3] } };

  assert.equal(words.numberAt(wide, 0, "wind", "deg"), "≈ 2.25° (1 to 3)");
  assert.equal(words.statusAt(series([1]), 0, "light"), "red");
  assert.equal(words.statusAt(series([2]), 0, "light"), "–");
});

test("measurements that cannot be shown say why, a file in quarantine in the coordinator's own words", () => {
  const artifact = { receipt: null, index: null, scan: null };

  assert.match(words.whyNot(artifact)?.text ?? "", /not brought it yet/);
  assert.match(words.whyNot({ ...artifact, scan: {} })?.text ?? "", /scan/);
  assert.match(words.whyNot({ ...artifact, receipt: {} })?.text ?? "", /being read/);
  const poison = words.whyNot({ ...artifact, receipt: {}, index: { quarantine: "two frames" } });
  assert.ok(poison?.is_fault && poison.text.endsWith("two frames"));
  assert.equal(words.whyNot({ ...artifact, receipt: {}, index: { quarantine: null } }), null);
});

test("an angle has half of its interval in minutes of arc", () => {
  assert.equal(words.angleText(3.5, [3.45, 3.55]), "3.500° ± 3.0′");
  assert.equal(words.angleText(3.5, null), "3.5°");
  assert.equal(words.angleText(null, null), "–");
  assert.equal(words.arcMinutes(0.05), "3.0′");
});

/** An API that answers these pages one after the other. */
function pages(/** @type {[string, string, string | null][]} */ answers) {
  /** @type {string[]} */
  const asked = [];
  const ask = async (/** @type {string} */ path) => {
    const [text, revision, next] = /** @type {any} */ (answers[asked.length]);
    asked.push(path);
    const headers = new Headers({ "Reelhaul-Revision": revision });
    if (next) headers.set("Reelhaul-Next-Frame", next);
    return { text, headers };
  };
  return { asked, ask };
}

const WANTED = {
  path: "v1/frames",
  artifact_id: "measurements.a",
  part: null,
  signal: new AbortController().signal,
  tell: () => {},
};

test("pages of CSV become one file with one row of names", async () => {
  const api = pages([
    ['frame,"odd\r\n""name"""\r\n1,2\r\n', "r1", "2"],
    ['frame,"odd\r\n""name"""\r\n2,3\r\n', "r1", null],
  ]);

  const pieces = await readCsv({ ...WANTED, part: { from_s: 1, to_s: 2 } }, api.ask);

  assert.equal(pieces.join(""), 'frame,"odd\r\n""name"""\r\n1,2\r\n2,3\r\n');
  assert.deepEqual(api.asked, [
    "v1/frames?artifact=measurements.a&from_s=1&to_s=2",
    "v1/frames?artifact=measurements.a&from_s=1&to_s=2&from_frame=2",
  ]);
  assert.equal(headerOf("frame"), "frame");
});

test("a file is never of two versions of the measurements", async () => {
  const api = pages([
    ["frame\r\n1\r\n", "r1", "2"],
    ["frame\r\n2\r\n", "r2", null],
  ]);

  await assert.rejects(readCsv(WANTED, api.ask), (error) => error instanceof Problem);
});

test("a file's name has no character that a disk refuses", () => {
  assert.equal(fileName("match 17/Größe", "report", "html"), "match_17_Größe.report.html");
});
