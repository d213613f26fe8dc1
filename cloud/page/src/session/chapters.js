/**
 * How far each chapter is, and both ways that its bytes take: from the card to the device, and from there to S3.
 *
 * What S3 has of a chapter, its receipt and the parts of its open upload tell exactly. What lies on the device and is
 * not in S3 yet is the difference of what the last heartbeat counted on both ways; devices read the chapters in order.
 */
import { duration, percent, rate } from "../format.js";

/** A device tells how far it is every 15 seconds. */
export const SILENT_AFTER_S = 120;
const MOST_UPLOADS = 3;
const LIVE = new Set(["OPEN", "COMPLETED"]);

/** @typedef {"proven" | "stored" | "device" | "card" | "cleaned" | "lost" | "unknown"} Whereabouts */

/**
 * @typedef {object} Segment
 * @property {Whereabouts} where
 * @property {number} bytes
 */

/**
 * @typedef {object} ChapterMap
 * @property {string} artifactId
 * @property {string} name directory and filename
 * @property {number} bytes
 * @property {Segment[]} segments in the order of the file
 * @property {number} downBytes what has left the card; of a browser's film, what is in S3
 * @property {number | null} upBytes what is in S3; null where nobody looked
 * @property {boolean} isProven
 * @property {boolean} isLost until it is hauled again
 * @property {string | null} parts such as `3 of 10 parts`; null where nobody looked
 */

/**
 * @typedef {object} Leg
 * @property {number} chapter the number of the chapter that is under way
 * @property {number | null} part bytes of it that are over this leg
 * @property {number} whole its bytes
 * @property {number | null} rate bytes a second
 * @property {number | null} etaS
 */

/** @type {Readonly<Record<Whereabouts, string>>} */
export const WHEREABOUTS = {
  proven: "proven: S3 has it whole, with a receipt",
  stored: "in S3, not proven yet",
  device: "on the device",
  card: "on the card",
  cleaned: "cleaned: S3 keeps it hidden for a while",
  lost: "lost",
  unknown: "not proven yet",
};

/** @type {Readonly<Record<Whereabouts, string>>} */
const SHORT = { ...WHEREABOUTS, proven: "proven", stored: "in S3", cleaned: "cleaned" };

/**
 * The uploads worth a look: those that are open, at most three.
 * @param {any} session
 * @returns {string[]} their ids
 */
export function uploadsToWatch(session) {
  return session.chapters
    .filter((/** @type {any} */ each) => !each.receipt && LIVE.has(each.upload?.state))
    .slice(0, MOST_UPLOADS)
    .map((/** @type {any} */ each) => each.upload.upload_id);
}

/**
 * Where the bytes of each chapter are.
 * @param {any} session the answer of `GET /v1/sessions/{id}`
 * @param {ReadonlyMap<string, any>} uploads the open uploads that were looked at, by id
 * @param {any[]} [artifacts] they tell what of a session is cleaned while it is being cleaned
 * @returns {ChapterMap[]}
 */
export function mapChapters(session, uploads, artifacts = []) {
  const cleaned = new Set(artifacts.filter((each) => each.cleaned).map((each) => each.artifact_id));
  const told = session.progress;
  let ahead = told ? Math.max(0, told.bytes_down - told.bytes_up) : 0;
  return session.chapters.map((/** @type {any} */ chapter) => {
    const map = {
      artifactId: chapter.artifact_id,
      name: `${chapter.directory}/${chapter.filename}`,
      bytes: chapter.size_bytes,
    };
    const isCleaned = session.state === "CLEANED" || cleaned.has(chapter.artifact_id);
    const end = ended(chapter, isCleaned);
    if (end) {
      return {
        ...map,
        segments: [{ where: end, bytes: chapter.size_bytes }],
        downBytes: chapter.size_bytes,
        upBytes: end === "lost" ? null : chapter.size_bytes,
        isProven: end !== "lost",
        isLost: end === "lost",
        parts: null,
      };
    }
    const upload = uploads.get(chapter.upload?.upload_id);
    const segments = segmentsOf(chapter, upload, ahead, session.device_id !== null);
    const here = sum(segments, "device");
    ahead -= here;
    const stored = sum(segments, "stored");
    return {
      ...map,
      segments,
      downBytes: stored + here,
      upBytes: upload || !LIVE.has(chapter.upload?.state) ? stored : null,
      isProven: false,
      isLost: false,
      parts: upload ? partsOf(upload) : null,
    };
  });
}

/**
 * @param {any} chapter
 * @param {boolean} isCleaned
 * @returns {Whereabouts | null} null while the chapter is on its way
 */
function ended(chapter, isCleaned) {
  if (chapter.receipt) return isCleaned ? "cleaned" : "proven";
  return chapter.lost && !LIVE.has(chapter.upload?.state) ? "lost" : null;
}

/**
 * @param {any} chapter
 * @param {any} upload
 * @param {number} ahead bytes that lie on the device and are not in S3
 * @param {boolean} hasDevice
 * @returns {Segment[]}
 */
function segmentsOf(chapter, upload, ahead, hasDevice) {
  /** @type {Segment[]} */
  const segments = [];
  /** @param {Whereabouts} where @param {number} bytes */
  const add = (where, bytes) => {
    const last = segments.at(-1);
    if (last?.where === where) last.bytes += bytes;
    else if (bytes > 0) segments.push({ where, bytes });
  };
  const there = new Set(upload ? storedParts(upload) : []);
  const { part_size_bytes: step, part_count: count } = upload?.plan ?? {
    part_size_bytes: chapter.size_bytes,
    part_count: 1,
  };
  let left = ahead;
  for (let number = 1; number <= count; number += 1) {
    const bytes = Math.min(step, chapter.size_bytes - (number - 1) * step);
    if (there.has(number)) {
      add("stored", bytes);
      continue;
    }
    const here = Math.min(left, bytes);
    left -= here;
    add("device", here);
    add(hasDevice ? "card" : "unknown", bytes - here);
  }
  return segments;
}

/**
 * An upload that is being completed has all its parts: S3 lists them no longer.
 * @param {any} upload
 * @returns {number[]}
 */
function storedParts(upload) {
  if (upload.state === "OPEN" && (upload.missing.length || upload.parts.length)) {
    return upload.parts.map((/** @type {any} */ part) => part.number);
  }
  return Array.from({ length: upload.plan.part_count }, (_, index) => index + 1);
}

/** @param {any} upload */
function partsOf(upload) {
  return `${storedParts(upload).length} of ${upload.plan.part_count} parts`;
}

/** @param {Segment[]} segments @param {Whereabouts} where */
function sum(segments, where) {
  return segments.reduce((bytes, each) => (each.where === where ? bytes + each.bytes : bytes), 0);
}

/**
 * A chapter's map in words, such as `3 of 10 parts in S3, 20 % on the device, 50 % on the card`.
 * @param {ChapterMap} map
 */
export function wordsOf(map) {
  const wheres = /** @type {Whereabouts[]} */ ([
    ...new Set(map.segments.map((each) => each.where)),
  ]);
  if (wheres.length === 1 && wheres[0] && !map.parts) return WHEREABOUTS[wheres[0]];
  const words = wheres
    .filter((where) => !(where === "stored" && map.parts))
    .map((where) => `${percent(sum(map.segments, where), map.bytes)} ${SHORT[where]}`);
  return [...(map.parts ? [`${map.parts} in S3`] : []), ...words].join(", ");
}

/**
 * Both ways as they are now; null for one on which nothing is left to do, or that nobody goes.
 * @param {any} session
 * @param {ChapterMap[]} maps
 * @returns {{down: Leg | null, up: Leg | null}}
 */
export function legsOf(session, maps) {
  const told = session.progress;
  const down = maps.findIndex((map) => map.segments.some((each) => each.where === "card"));
  const up = maps.findIndex(isOnItsWay);
  return {
    down:
      told && down >= 0 ? leg(maps, down, (map) => map.downBytes, told.rate_down_bytes_s) : null,
    up: up >= 0 ? leg(maps, up, (map) => map.upBytes, told?.rate_up_bytes_s ?? null) : null,
  };
}

/**
 * @param {ChapterMap[]} maps
 * @param {number} index
 * @param {(map: ChapterMap) => number | null} over
 * @param {number | null} bytesPerSecond
 * @returns {Leg}
 */
function leg(maps, index, over, bytesPerSecond) {
  const map = /** @type {ChapterMap} */ (maps[index]);
  const left = maps
    .filter((each) => !each.isLost)
    .reduce((bytes, each) => bytes + each.bytes - (over(each) ?? 0), 0);
  return {
    chapter: index + 1,
    part: over(map),
    whole: map.bytes,
    rate: bytesPerSecond,
    etaS: bytesPerSecond ? left / bytesPerSecond : null,
  };
}

/** @param {ChapterMap} map */
function isOnItsWay(map) {
  return !map.isProven && !map.isLost;
}

/**
 * The haul in a line: `chapter 5 of 14, down 50 %, up 75 %`; null where no chapter is on its way.
 * @param {any} session
 * @param {ChapterMap[]} maps
 */
export function headline(session, maps) {
  const index = maps.findIndex(isOnItsWay);
  const map = maps[index];
  if (!map) return null;
  const down = session.progress ? `, down ${percent(map.downBytes, map.bytes)}` : "";
  return `chapter ${index + 1} of ${maps.length}${down}, up ${percent(map.upBytes, map.bytes)}`;
}

/**
 * One way in words, such as `chapter 5 of 14, 50 %, 31 MB/s, 12 min 3 s left`.
 * @param {Leg} way
 * @param {number} chapters
 */
export function legWords(way, chapters) {
  return [
    `chapter ${way.chapter} of ${chapters}`,
    percent(way.part, way.whole),
    way.rate === null ? "no rate yet" : rate(way.rate),
    way.etaS === null ? "time left unknown" : `${duration(way.etaS)} left`,
  ].join(", ");
}

/**
 * Whether the device is silent: what its last heartbeat told may be long over.
 * @param {any} progress
 * @param {number} nowMs
 */
export function isSilent(progress, nowMs) {
  return nowMs - new Date(progress.heard_at).getTime() > SILENT_AFTER_S * 1000;
}
