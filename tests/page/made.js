/** Boxes of an MP4 file, made for tests. */

/**
 * @param {string} kind
 * @param {...(Uint8Array | number[])} contents
 */
export function box(kind, ...contents) {
  const content = joined(...contents);
  return joined(u32(content.length + 8), [...kind].map(code), content);
}

/**
 * A box with the long form of its size.
 * @param {string} kind
 * @param {...(Uint8Array | number[])} contents
 */
export function longBox(kind, ...contents) {
  const content = joined(...contents);
  return joined(u32(1), [...kind].map(code), u64(content.length + 16), content);
}

/** @param {...(Uint8Array | number[])} pieces */
export function joined(...pieces) {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** @param {number} value */
export function u16(value) {
  return [(value >> 8) & 255, value & 255];
}

/** @param {number} value */
export function u32(value) {
  return [...u16(Math.floor(value / 65_536)), ...u16(value & 65_535)];
}

/** @param {number} value */
export function u64(value) {
  return [...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)];
}

/** @param {number} count */
export function zeros(count) {
  return new Array(count).fill(0);
}

/** @param {string} character */
function code(character) {
  return character.charCodeAt(0);
}

/** The record of HEVC, Main 10, level 5.1, as GoPro cameras write it. */
export const HVCC = box(
  "hvcC",
  [1, 0x02],
  u32(0x20000000),
  [0xb0, 0, 0, 0, 0, 0],
  [153],
  zeros(10),
);
export const AVCC = box("avcC", [1, 0x64, 0x00, 0x33, 0xff], zeros(8));

/**
 * @param {object} [given]
 * @param {string} [given.entry]
 * @param {Uint8Array} [given.record]
 * @param {number} [given.timescale]
 * @param {[number, number][]} [given.runs] of frames, each with its length
 */
export function videoTrack({
  entry = "avc1",
  record = AVCC,
  timescale = 30_000,
  runs = [[90, 1001]],
} = {}) {
  const duration = runs.reduce((sum, [frames, length]) => sum + frames * length, 0);
  const described = box(entry, zeros(24), u16(1920), u16(1080), zeros(50), record);
  return box(
    "trak",
    box("tkhd", zeros(84)),
    box(
      "mdia",
      box("mdhd", zeros(12), u32(timescale), u32(duration), zeros(4)),
      box("hdlr", zeros(8), [..."vide"].map(code), zeros(12)),
      box(
        "minf",
        box(
          "stbl",
          box("stsd", zeros(4), u32(1), described),
          box(
            "stts",
            zeros(4),
            u32(runs.length),
            runs.flatMap(([frames, length]) => [...u32(frames), ...u32(length)]),
          ),
        ),
      ),
    ),
  );
}

/**
 * A film with `moov` at its end, as cameras write it.
 * @param {Uint8Array[]} tracks
 * @param {Uint8Array} [pictures]
 */
export function film(tracks, pictures = box("mdat", zeros(100))) {
  return joined(
    box("ftyp", zeros(12)),
    pictures,
    box("moov", box("mvhd", zeros(12), u32(1000), u32(3003), zeros(80)), ...tracks),
  );
}

/** @param {Uint8Array} bytes */
export function reader(bytes) {
  let reads = 0;
  return {
    /** @type {import("../../cloud/page/src/player/boxes.js").Read} */
    read: async (at, count) => {
      reads += 1;
      return bytes.subarray(at, at + count);
    },
    get reads() {
      return reads;
    },
  };
}
