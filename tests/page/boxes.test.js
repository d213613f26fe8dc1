import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { MOST_READS, readHeader, Unreadable } from "../../cloud/page/src/player/boxes.js";
import { box, film, HVCC, joined, longBox, reader, u32, u64, videoTrack, zeros } from "./made.js";

const GOPRO = new URL("../../../shared/data/gopro/mp4/", import.meta.url);
const HAS_GOPRO = existsSync(GOPRO);

/** @param {Uint8Array} bytes */
function headerOf(bytes) {
  return readHeader(reader(bytes).read, bytes.length);
}

test("a film tells its codec as browsers name it, its length and its frames", async () => {
  const header = await headerOf(film([videoTrack()]));

  assert.equal(header.video, "avc1.640033");
  assert.equal(header.duration_s, (90 * 1001) / 30_000);
  assert.deepEqual(header.runs, [{ frames: 90, frame_s: 1001 / 30_000 }]);
});

test("HEVC is named with profile, compatibility, tier, level and constraints", async () => {
  for (const entry of ["hvc1", "hev1"]) {
    const header = await headerOf(film([videoTrack({ entry, record: HVCC })]));
    assert.equal(header.video, `${entry}.2.4.L153.B0`);
  }
});

test("a codec that is not known here keeps the name of its entry", async () => {
  const header = await headerOf(
    film([videoTrack({ entry: "av01", record: box("av1C", zeros(4)) })]),
  );
  assert.equal(header.video, "av01");
});

test("frames of several lengths are told in order", async () => {
  const runs = /** @type {[number, number][]} */ ([
    [10, 1000],
    [1, 3000],
    [5, 1000],
  ]);
  const header = await headerOf(film([videoTrack({ runs })]));
  assert.deepEqual(
    header.runs.map(({ frames, frame_s }) => [frames, frame_s * 30_000]),
    runs,
  );
});

test("sizes of 64 bits are read, also of a film beyond 4 GiB whose pictures are not", async () => {
  assert.equal(
    (await headerOf(film([videoTrack()], longBox("mdat", zeros(64))))).video,
    "avc1.640033",
  );

  const head = joined(box("ftyp", zeros(12)), u32(1), [109, 100, 97, 116], u64(12_000_000_000));
  const movie = film([videoTrack()]).subarray(20 + 108);
  const moov_at = 20 + 12_000_000_000;
  /** @type {[number, number][]} */
  const asked = [];
  const header = await readHeader(async (at, count) => {
    asked.push([at, count]);
    if (at < moov_at) return joined(head, zeros(count)).subarray(at, at + count);
    return movie.subarray(at - moov_at, at - moov_at + count);
  }, moov_at + movie.length);

  assert.equal(header.video, "avc1.640033");
  assert.ok(asked.length <= 3);
  assert.ok(asked.reduce((sum, [, count]) => sum + count, 0) < 100_000);
});

test("a file without moov says that its camera did not finish it", async () => {
  const bytes = joined(box("ftyp", zeros(12)), box("mdat", zeros(50)));
  await assert.rejects(headerOf(bytes), /camera did not finish it/);
});

test("a box that is longer than what is left, or shorter than its header, is refused", async () => {
  for (const size of [0xffffffff, 21, 7]) {
    const bytes = joined(u32(size), [102, 116, 121, 112], zeros(12));
    await assert.rejects(headerOf(bytes), Unreadable, `${size}`);
  }
  const huge = joined(u32(1), [109, 111, 111, 118], u64(2 ** 53), zeros(8));
  await assert.rejects(headerOf(huge), Unreadable);
});

test("a box without a size reaches to the end of the file", async () => {
  const last = film([videoTrack()]);
  const moov_at = 20 + 108;
  const open = joined(last.subarray(0, moov_at), zeros(4), last.subarray(moov_at + 4));
  assert.equal((await headerOf(open)).video, "avc1.640033");
});

test("an endless row of boxes ends the reading, and so do too many reads", async () => {
  const many = joined(...Array.from({ length: 600 }, () => box("free")));
  await assert.rejects(headerOf(many), /more than 500 boxes/);

  const size = 20_000;
  let reads = 0;
  const far = readHeader(async (_at, count) => {
    reads += 1;
    return joined(u32(size), [102, 114, 101, 101], zeros(count - 8));
  }, size * 400);
  await assert.rejects(far, /reads were not enough/);
  assert.equal(reads, MOST_READS);
});

test("a table that claims more entries than it has tells no frames", async () => {
  const bytes = film([videoTrack()]);
  const at = bytes.findIndex(
    (_, place) => String.fromCharCode(...bytes.subarray(place, place + 4)) === "stts",
  );
  bytes.set(u32(1000), at + 8);
  assert.deepEqual((await headerOf(bytes)).runs, []);
});

test("every cut of a film's head is refused or read, and nothing else is thrown", async () => {
  const bytes = film([videoTrack({ entry: "hvc1", record: HVCC })]);
  for (let length = 0; length < bytes.length; length += 7) {
    await headerOf(bytes.subarray(0, length)).catch((error) =>
      assert.ok(error instanceof Unreadable),
    );
  }
});

test("any byte may be wrong: the film is refused or read, and nothing else is thrown", async () => {
  const bytes = film([videoTrack({ entry: "hvc1", record: HVCC })]);
  for (let place = 0; place < bytes.length; place += 1) {
    for (const value of [0, 255]) {
      const wrong = Uint8Array.from(bytes);
      wrong[place] = value;
      await headerOf(wrong).catch((error) => assert.ok(error instanceof Unreadable, String(error)));
    }
  }
});

const FILMS = /** @type {const} */ ([
  ["hero7.mp4", "avc1.4d402a", 11.7451, 40408.1],
  ["karma.mp4", "avc1.4d401f", 12.0787, 70078.14],
  ["max-heromode.mp4", "avc1.4d402a", 10.5105, 56732.01],
]);
for (const [name, codec, duration_s, timecode_s] of FILMS) {
  test(`a real film tells codec, length and time code: ${name}`, { skip: !HAS_GOPRO }, async () => {
    const bytes = readFileSync(fileURLToPath(new URL(name, GOPRO)));
    const source = reader(bytes);

    const header = await readHeader(source.read, bytes.length);

    assert.equal(header.video, codec);
    assert.ok(Math.abs(header.duration_s - duration_s) < 0.001, `${header.duration_s}`);
    assert.ok(Math.abs((header.timecode_s ?? 0) - timecode_s) < 0.01, `${header.timecode_s}`);
    assert.equal(header.runs.length, 1);
    assert.ok(source.reads <= 12, `${source.reads} reads`);
  });
}
