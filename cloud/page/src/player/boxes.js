/**
 * What the boxes of an MP4 or QuickTime file tell about its film, in a few short reads; its pictures are not touched.
 *
 * `moov` may be at the end. Tables of samples, which grow with the film, are stepped over.
 * Source: ISO/IEC 14496-12 (boxes), 14496-15 (avcC, hvcC) with its annex E (the codec's name).
 */

export const WINDOW_BYTES = 16_384;
export const MOST_READS = 64;
const MOST_BOXES = 500;
const MOST_RUNS = 1024;

/**
 * Reads `count` bytes from `at` on: as many, or fewer at the file's end.
 * @typedef {(at: number, count: number) => Promise<Uint8Array>} Read
 */

/**
 * Frames of the same length, one after the other.
 * @typedef {object} Run
 * @property {number} frames
 * @property {number} frame_s how long each is shown
 */

/**
 * @typedef {object} Header
 * @property {number} duration_s of its pictures, or of all where it has none
 * @property {string | null} video the codec of its pictures as browsers name it, such as `avc1.640028`; null without
 * @property {Run[]} runs of frames, in order; empty where the file tells none
 * @property {number | null} timecode_s the camera's time code of the first frame, in seconds after midnight
 */

/** A file that tells nothing of its film; the message says why. */
export class Unreadable extends Error {}

/**
 * @typedef {object} Box
 * @property {string} kind
 * @property {number} content_at
 * @property {number} end
 */

/**
 * Read what a file tells about its film. Raises Unreadable, and what `read` raises.
 * @param {Read} read
 * @param {number} size_bytes of the file
 * @returns {Promise<Header>}
 */
export async function readHeader(read, size_bytes) {
  const file = new File(read, size_bytes);
  const movie = await find(file, { kind: "", content_at: 0, end: size_bytes }, "moov");
  if (!movie) throw new Unreadable("it has no moov box: its camera did not finish it");
  const overall = await find(file, movie, "mvhd");
  /** @type {Track[]} */
  const tracks = [];
  for await (const box of boxes(file, movie)) {
    if (box.kind === "trak") tracks.push(await readTrack(file, box));
  }
  const video = tracks.find(({ handler }) => handler === "vide");
  const timecode = tracks.find(({ handler }) => handler === "tmcd");
  const whole_s = overall ? (await readTimes(file, overall)).duration_s : 0;
  return {
    duration_s: video?.duration_s || whole_s,
    video: video?.codec ?? null,
    runs: video?.runs ?? [],
    timecode_s: timecode?.timecode_s ?? null,
  };
}

/**
 * @typedef {object} Track
 * @property {string} handler
 * @property {number} duration_s
 * @property {string | null} codec
 * @property {Run[]} runs
 * @property {number | null} timecode_s
 */

/**
 * @param {File} file
 * @param {Box} track
 * @returns {Promise<Track>}
 */
async function readTrack(file, track) {
  const media = await demand(file, track, "mdia");
  const { timescale, duration_s } = await readTimes(file, await demand(file, media, "mdhd"));
  const handlerBox = await demand(file, media, "hdlr");
  const handler = text(await file.take(handlerBox.content_at + 8, 4), 0);
  /** @type {Track} */
  const told = {
    handler,
    duration_s,
    codec: null,
    runs: [],
    timecode_s: null,
  };
  if (handler !== "vide" && handler !== "tmcd") return told;
  const samples = await demand(file, await demand(file, media, "minf"), "stbl");
  const entry = await firstEntry(file, await demand(file, samples, "stsd"));
  if (handler === "tmcd") return { ...told, timecode_s: await readTimecode(file, samples, entry) };
  return {
    ...told,
    codec: await videoCodec(file, entry),
    runs: await readRuns(file, await demand(file, samples, "stts"), timescale),
  };
}

/**
 * The time scale and duration of an `mvhd` or `mdhd`.
 * @param {File} file
 * @param {Box} box
 */
async function readTimes(file, box) {
  const isLong = (await file.take(box.content_at, 1))[0] === 1;
  const told = view(await file.take(box.content_at + (isLong ? 20 : 12), isLong ? 12 : 8));
  const timescale = told.getUint32(0);
  const duration = isLong ? Number(told.getBigUint64(4)) : told.getUint32(4);
  const isTold = timescale > 0 && duration !== (isLong ? 2 ** 64 : 2 ** 32 - 1);
  return { timescale, duration_s: isTold ? duration / timescale : 0 };
}

/**
 * The first description of samples in an `stsd`.
 * @param {File} file
 * @param {Box} box
 */
async function firstEntry(file, box) {
  for await (const entry of boxes(file, { ...box, content_at: box.content_at + 8 })) return entry;
  throw new Unreadable("its stsd box describes no samples");
}

/**
 * The name that browsers have for the codec of a video entry.
 * @param {File} file
 * @param {Box} entry
 */
async function videoCodec(file, entry) {
  const within = { ...entry, content_at: entry.content_at + 78 };
  if (entry.kind === "avc1" || entry.kind === "avc3") {
    const record = await file.take((await demand(file, within, "avcC")).content_at, 4);
    return `${entry.kind}.${[...record.subarray(1, 4)].map(hex).join("")}`;
  }
  if (entry.kind === "hvc1" || entry.kind === "hev1") {
    const record = await file.take((await demand(file, within, "hvcC")).content_at, 13);
    return `${entry.kind}.${hevcName(record)}`;
  }
  return entry.kind.trim();
}

/**
 * Profile, compatibility, tier with level, and constraints of an `hvcC`, such as `1.6.L153.B0`.
 * @param {Uint8Array} record
 */
function hevcName(record) {
  const [, profile = 0] = record;
  const space = ["", "A", "B", "C"][profile >> 6];
  const compatible = reversed(view(record).getUint32(2)).toString(16).toUpperCase();
  const constraints = [...record.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  return [
    `${space}${profile & 31}`,
    compatible,
    `${profile & 32 ? "H" : "L"}${record[12]}`,
    ...constraints.map((each) => each.toString(16).toUpperCase()),
  ].join(".");
}

/** @param {number} word of 32 bits */
function reversed(word) {
  let turned = 0;
  for (let bit = 0; bit < 32; bit += 1) turned = turned * 2 + ((word >>> bit) & 1);
  return turned;
}

/**
 * @param {File} file
 * @param {Box} box an `stts`
 * @param {number} timescale
 */
async function readRuns(file, box, timescale) {
  const count = view(await file.take(box.content_at + 4, 4)).getUint32(0);
  /** @type {Run[]} */
  const runs = [];
  if (!timescale || count > MOST_RUNS || box.content_at + 8 + count * 8 > box.end) return runs;
  const table = view(await file.take(box.content_at + 8, count * 8));
  for (let place = 0; place < count; place += 1) {
    const frame_s = table.getUint32(place * 8 + 4) / timescale;
    if (frame_s > 0) runs.push({ frames: table.getUint32(place * 8), frame_s });
  }
  return runs;
}

/**
 * @param {File} file
 * @param {Box} samples the `stbl` of a track of time code
 * @param {Box} entry
 */
async function readTimecode(file, samples, entry) {
  if (entry.kind !== "tmcd" || entry.end - entry.content_at < 24) return null;
  const told = view(await file.take(entry.content_at + 16, 8));
  const [scale, frame] = [told.getUint32(0), told.getUint32(4)];
  const offsets = (await find(file, samples, "stco")) ?? (await find(file, samples, "co64"));
  if (!scale || !frame || !offsets) return null;
  const isLong = offsets.kind === "co64";
  const offset = view(await file.take(offsets.content_at + 8, isLong ? 8 : 4));
  const at = isLong ? Number(offset.getBigUint64(0)) : offset.getUint32(0);
  // Three real cameras count true frames since midnight, and note no frames that are left out of the count.
  return (view(await file.take(at, 4)).getUint32(0) * frame) / scale;
}

/** The bytes of a file, read a window at a time, and only so often. */
class File {
  /**
   * @param {Read} read
   * @param {number} size_bytes
   */
  constructor(read, size_bytes) {
    this.size_bytes = size_bytes;
    this._read = read;
    this._reads = 0;
    this._boxes = 0;
    this._at = 0;
    this._window = /** @type {Uint8Array} */ (new Uint8Array(0));
  }

  /**
   * `count` bytes from `at` on; there must be as many.
   * @param {number} at
   * @param {number} count
   */
  async take(at, count) {
    if (at < 0 || at + count > this.size_bytes) {
      throw new Unreadable(`it ends within what begins at byte ${at}`);
    }
    if (at < this._at || at + count > this._at + this._window.length) {
      this._reads += 1;
      if (this._reads > MOST_READS) throw new Unreadable(`${MOST_READS} reads were not enough`);
      const wanted = Math.min(Math.max(count, WINDOW_BYTES), this.size_bytes - at);
      this._window = await this._read(at, wanted);
      this._at = at;
      if (this._window.length < count) throw new Unreadable(`byte ${at} could not be read`);
    }
    return this._window.subarray(at - this._at, at - this._at + count);
  }

  countBox() {
    this._boxes += 1;
    if (this._boxes > MOST_BOXES) throw new Unreadable(`it has more than ${MOST_BOXES} boxes`);
  }
}

/**
 * The boxes within `around`.
 * @param {File} file
 * @param {Box} around
 * @returns {AsyncGenerator<Box>}
 */
async function* boxes(file, around) {
  let at = around.content_at;
  while (at + 8 <= around.end) {
    file.countBox();
    const header = await file.take(at, 8);
    const kind = text(header, 4);
    let size = view(header).getUint32(0);
    let content_at = at + 8;
    if (size === 1) {
      size = Number(view(await file.take(at + 8, 8)).getBigUint64(0));
      content_at = at + 16;
    }
    // A last box without a size reaches to the end.
    const end = size === 0 ? around.end : at + size;
    if (end < content_at || end > around.end) {
      throw new Unreadable(`its box at byte ${at} has ${size} bytes; ${around.end - at} are left`);
    }
    yield { kind, content_at, end };
    at = end;
  }
}

/**
 * @param {File} file
 * @param {Box} around
 * @param {string} kind
 */
async function find(file, around, kind) {
  for await (const box of boxes(file, around)) if (box.kind === kind) return box;
  return null;
}

/**
 * @param {File} file
 * @param {Box} around
 * @param {string} kind
 */
async function demand(file, around, kind) {
  const found = await find(file, around, kind);
  if (!found) throw new Unreadable(`its ${around.kind} box has no ${kind} box`);
  return found;
}

/** @param {Uint8Array} bytes */
function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Four characters.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function text(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** @param {number} byte */
function hex(byte) {
  return byte.toString(16).padStart(2, "0");
}
