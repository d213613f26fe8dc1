/** What a file on this computer is, before the first byte is sent: its boxes, its camera, its place among others. */

export const DIRECTORY = "000FILMS";
/** The serial of a camera that nobody knows. */
export const NO_CAMERA = "browser";

const BOXES = new Set([
  "ftyp",
  "moov",
  "mdat",
  "free",
  "skip",
  "wide",
  "uuid",
  "moof",
  "styp",
  "sidx",
]);
const OF_A_FILM = new Set(["ftyp", "moov", "mdat", "moof"]);
const MOST_BOXES = 200;
const MOST_HEAD_BYTES = 64 * 1024;
const SECONDS_1904_TO_1970 = 2_082_844_800;
const SERIAL = /^[A-Za-z0-9]{1,40}$/;

/**
 * @typedef {object} Limits what GET /v1/limits answers
 * @property {string[]} allowed_extensions
 * @property {number | null} largest_file_bytes
 */

/**
 * @typedef {object} Facts
 * @property {string | null} fault why the file is not taken; null where it is
 * @property {string | null} warning what is odd about a file that is taken all the same
 * @property {string | null} serial of the camera, where the film names it
 * @property {string | null} model
 * @property {number | null} created when the camera began it, by its own clock, as an epoch in seconds
 */

/**
 * What a file's name and size say against it; null where nothing does.
 * @param {{name: string, size: number}} file
 * @param {Limits} limits
 * @returns {string | null}
 */
export function faultOf(file, limits) {
  const name = file.name.toLowerCase();
  if (!limits.allowed_extensions.some((extension) => name.endsWith(extension))) {
    return `only files that end in ${limits.allowed_extensions.join(" or ")} are taken here`;
  }
  if (file.size === 0) return "the file is empty";
  const most = limits.largest_file_bytes;
  if (most !== null && file.size > most) {
    return `it has ${file.size.toLocaleString("en")} bytes; files of at most ${most.toLocaleString("en")} bytes are taken here`;
  }
  if (file.name.length > 100 || /[/\\\p{Cc}]/u.test(file.name)) {
    return "its name has more than 100 characters, a slash or a control character";
  }
  return null;
}

/**
 * What the bytes are: a few short reads, wherever the boxes lie. The coordinator decides; this only asks early.
 * @param {Blob} file
 * @returns {Promise<Facts>}
 */
export async function inspect(file) {
  const facts = { fault: null, warning: null, serial: null, model: null, created: null };
  /** @type {Set<string>} */
  const seen = new Set();
  let at = 0;
  for (let count = 0; at < file.size && count < MOST_BOXES; count += 1) {
    const box = await boxAt(file, at);
    if (!box || (!BOXES.has(box.type) && !seen.size)) break;
    seen.add(box.type);
    if (box.type === "moov") Object.assign(facts, await cameraOf(file, at, box.sizeBytes));
    at += box.sizeBytes;
  }
  if (![...OF_A_FILM].some((type) => seen.has(type))) {
    return { ...facts, fault: "it is no film: it has none of a film's boxes" };
  }
  if (at > file.size) return { ...facts, warning: "the film is cut short; it is kept as it is" };
  if (!seen.has("moov"))
    return { ...facts, warning: "the film was never finished; it is kept as it is" };
  return facts;
}

/** @param {Blob} file @param {number} at */
async function boxAt(file, at) {
  const head = await read(file, at, 16);
  if (head.byteLength < 8) return null;
  const type = textAt(head, 4, 4);
  let sizeBytes = head.getUint32(0);
  if (sizeBytes === 1) {
    if (head.byteLength < 16) return null;
    sizeBytes = Number(head.getBigUint64(8));
  }
  if (sizeBytes === 0) sizeBytes = file.size - at;
  return sizeBytes >= 8 ? { type, sizeBytes } : null;
}

/**
 * The serial and model that a GoPro writes into `moov/udta/GPMF`, and when the film began; nulls where nothing is told.
 * @param {Blob} file
 * @param {number} at
 * @param {number} sizeBytes
 */
async function cameraOf(file, at, sizeBytes) {
  const moov = await read(file, at, Math.min(sizeBytes, MOST_HEAD_BYTES));
  const udta = childOf(moov, 8, moov.byteLength, "udta");
  const gpmf = udta && childOf(moov, udta.first, udta.end, "GPMF");
  const told = gpmf
    ? { serial: textOf(moov, gpmf, "CASN"), model: textOf(moov, gpmf, "MINF") }
    : null;
  return {
    serial: told?.serial && SERIAL.test(told.serial) ? told.serial : null,
    model: told?.model || null,
    created: createdOf(moov),
  };
}

/** What `moov/mvhd` says of the beginning; null where it says nothing. @param {DataView} moov */
function createdOf(moov) {
  const mvhd = childOf(moov, 8, moov.byteLength, "mvhd");
  if (!mvhd || mvhd.first + 12 > mvhd.end) return null;
  const isLong = moov.getUint8(mvhd.first) === 1;
  const told = isLong ? Number(moov.getBigUint64(mvhd.first + 4)) : moov.getUint32(mvhd.first + 4);
  return told > SECONDS_1904_TO_1970 ? told - SECONDS_1904_TO_1970 : null;
}

/**
 * A box among those from `first` to `end`.
 * @param {DataView} view @param {number} first @param {number} end @param {string} type
 */
function childOf(view, first, end, type) {
  for (let at = first; at + 8 <= Math.min(end, view.byteLength); ) {
    const sizeBytes = view.getUint32(at);
    if (sizeBytes < 8) return null;
    if (textAt(view, at + 4, 4) === type) {
      return { first: at + 8, end: Math.min(at + sizeBytes, view.byteLength) };
    }
    at += sizeBytes;
  }
  return null;
}

/**
 * The text of a key of GoPro's metadata: key, `c`, size of one, count, then the characters.
 * @param {DataView} view @param {{first: number, end: number}} within @param {string} key
 */
function textOf(view, within, key) {
  for (let at = within.first; at + 8 <= within.end; at += 4) {
    if (textAt(view, at, 4) !== key || textAt(view, at + 4, 1) !== "c") continue;
    const length = view.getUint8(at + 5) * view.getUint16(at + 6);
    if (at + 8 + length > within.end) return null;
    return textAt(view, at + 8, length)
      .replace(/\0+$/, "")
      .trim();
  }
  return null;
}

/** @param {Blob} file @param {number} at @param {number} count */
async function read(file, at, count) {
  return new DataView(await file.slice(at, at + count).arrayBuffer());
}

/** @param {DataView} view @param {number} at @param {number} count */
function textAt(view, at, count) {
  const codes = Array.from({ length: count }, (_, place) => view.getUint8(at + place));
  return String.fromCharCode(...codes);
}

const GOPRO = /^G[A-Z](\d{2})(\d{4})\.(?:mp4|360)$/i;
const FIRST_OF_AN_OLD_ONE = /^GOPR(\d{4})\.mp4$/i;

/**
 * Names in the order of recording: a GoPro's chapters by recording, then chapter; others as people count.
 * @param {readonly string[]} names
 */
export function inOrder(names) {
  const collator = new Intl.Collator("en", { numeric: true });
  return [...names].sort((a, b) => {
    const [first, second] = [placeOf(a), placeOf(b)];
    if (first && second)
      return first.recording - second.recording || first.chapter - second.chapter;
    if (first || second) return first ? -1 : 1;
    return collator.compare(a, b);
  });
}

/** @param {string} name */
function placeOf(name) {
  const [, chapter, recording] = GOPRO.exec(name) ?? [];
  if (recording) return { recording: Number(recording), chapter: Number(chapter) };
  const [, old] = FIRST_OF_AN_OLD_ONE.exec(name) ?? [];
  return old ? { recording: Number(old), chapter: 0 } : null;
}

/** The artifact's id of a film of a browser's session. @param {string} name */
export function artifactId(name) {
  const escaped = [...new TextEncoder().encode(name)].map((byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9._-]/.test(char)
      ? char
      : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return `original.${DIRECTORY}.${escaped.join("")}`;
}
