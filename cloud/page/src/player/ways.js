/** The ways in which a session can be watched: each of its outputs, its proxies, its originals. */

/**
 * @typedef {object} Piece
 * @property {string | null} artifact_id null where this way has no film of the chapter
 * @property {string} name of the chapter or output
 * @property {number} size_bytes of its film, without what follows the last box; 0 where it has none
 * @property {number | null} duration_s of the original as the coordinator read it
 * @property {string | null} lacking why there is no film of it, as a sentence
 */

/**
 * @typedef {object} Way
 * @property {string} key
 * @property {"output" | "proxy" | "original"} kind
 * @property {string} label
 * @property {number} size_bytes of all its films
 * @property {Piece[]} pieces in the order of the film
 */

const FILM = /\.(mp4|mov|m4v|360)$/i;

/**
 * All ways that have at least one film, the best first.
 * @param {any} session as the API answers it
 * @param {any[]} artifacts likewise
 * @returns {Way[]}
 */
export function waysOf(session, artifacts) {
  const length_s = filmLength(session);
  const outputs = artifacts
    .filter(
      ({ kind, name, receipt, cleaned }) =>
        kind === "output" && receipt && !cleaned && FILM.test(name),
    )
    .sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name))
    .map((artifact) => outputWay(artifact, length_s));
  const cleaned = new Set(
    artifacts.filter((each) => each.cleaned).map(({ artifact_id }) => artifact_id),
  );
  const proxies = way("proxy", "Proxies of the camera", session.chapters.map(proxyOf));
  const originals = way(
    "original",
    "Originals",
    session.chapters.map((/** @type {any} */ chapter) => originalOf(chapter, cleaned)),
  );
  return [...outputs, proxies, originals].filter(({ pieces }) =>
    pieces.some(({ artifact_id }) => artifact_id !== null),
  );
}

/**
 * How long the originals are together, as far as the coordinator knows.
 * @param {any} session
 * @returns {number | null} null while one is unknown
 */
export function filmLength(session) {
  let sum = 0;
  for (const { film } of session.chapters) {
    if (typeof film?.duration_ms !== "number") return null;
    sum += film.duration_ms;
  }
  return sum / 1000;
}

/** @param {{name: string}} artifact */
function rank({ name }) {
  return name.toLowerCase().includes("enhanced") ? 0 : 1;
}

/**
 * @param {any} artifact
 * @param {number | null} duration_s
 * @returns {Way}
 */
function outputWay({ artifact_id, name, receipt }, duration_s) {
  const { size_bytes } = receipt;
  return {
    key: artifact_id,
    kind: "output",
    label: name,
    size_bytes,
    pieces: [{ artifact_id, name, size_bytes, duration_s, lacking: null }],
  };
}

/**
 * @param {"proxy" | "original"} kind
 * @param {string} label
 * @param {Piece[]} pieces
 * @returns {Way}
 */
function way(kind, label, pieces) {
  const size_bytes = pieces.reduce((sum, piece) => sum + piece.size_bytes, 0);
  return { key: kind, kind, label, size_bytes, pieces };
}

/**
 * @param {any} chapter
 * @returns {Piece}
 */
function proxyOf(chapter) {
  const { proxy } = chapter;
  const has = proxy?.receipt && !proxy.cleaned;
  return {
    artifact_id: has ? proxy.artifact_id : null,
    name: chapter.filename,
    size_bytes: has ? proxy.receipt.size_bytes : 0,
    duration_s: lengthOf(chapter),
    lacking: has ? null : "No proxy of this chapter was hauled.",
  };
}

/**
 * @param {any} chapter
 * @param {Set<string>} cleaned
 * @returns {Piece}
 */
function originalOf(chapter, cleaned) {
  const lacking = whyNoOriginal(chapter, cleaned.has(chapter.artifact_id));
  return {
    artifact_id: lacking ? null : chapter.artifact_id,
    name: chapter.filename,
    size_bytes: lacking ? 0 : chapter.size_bytes - chapter.trailing_bytes,
    duration_s: lengthOf(chapter),
    lacking,
  };
}

/**
 * @param {any} chapter
 * @param {boolean} isCleaned
 */
function whyNoOriginal(chapter, isCleaned) {
  if (chapter.lost) return `This chapter is lost: ${chapter.lost.reason}`;
  if (!chapter.receipt) return "This chapter is not in the storage yet.";
  if (isCleaned) return "This chapter was cleaned. An operator can restore it.";
  if (chapter.unfinished) return "The camera did not finish this chapter: it does not play.";
  return null;
}

/** @param {any} chapter */
function lengthOf(chapter) {
  const duration_ms = chapter.film?.duration_ms;
  return typeof duration_ms === "number" ? duration_ms / 1000 : null;
}
