/** Frames as CSV: page after page of the API, as one file. */
import { getText, Problem } from "../api.js";

/** A longer film's file would be too large for a page's memory; its own address has all of it. */
export const MOST_FRAMES = 100_000;

const END = "\r\n";

/**
 * The frames of a part of a film as one CSV. Raises Problem.
 * @param {object} asked
 * @param {string} asked.path of the frames, such as `v1/sessions/match-17/frames`
 * @param {string} asked.artifact_id
 * @param {import("./ranges.js").View | null} asked.part null is the whole film
 * @param {AbortSignal} asked.signal
 * @param {(lastFrame: number) => void} asked.tell the number of the frame that was reached
 * @param {typeof getText} [ask]
 * @returns {Promise<string[]>} pieces of the file, in order
 */
export async function readCsv({ path, artifact_id, part, signal, tell }, ask = getText) {
  const pieces = [];
  let [header, revision] = ["", ""];
  let next = null;
  do {
    const asked = new URLSearchParams({ artifact: artifact_id });
    if (part) {
      asked.set("from_s", String(part.from_s));
      asked.set("to_s", String(part.to_s));
    }
    if (next !== null) asked.set("from_frame", next);
    const { text, headers } = await ask(`${path}?${asked}`, "text/csv", signal);
    const told = headers.get("Reelhaul-Revision") ?? "";
    if (pieces.length === 0) [header, revision] = [headerOf(text), told];
    if (told !== revision) throw replaced();
    pieces.push(pieces.length === 0 ? text : withoutHeader(text, header));
    next = headers.get("Reelhaul-Next-Frame");
    if (next !== null) tell(Number(next));
  } while (next !== null);
  return pieces;
}

/**
 * The first row of a CSV with its line end; a name in quotes may have line ends in it.
 * @param {string} text
 */
export function headerOf(text) {
  let isQuoted = false;
  for (let place = 0; place < text.length; place += 1) {
    if (text[place] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && text.startsWith(END, place)) return text.slice(0, place + END.length);
  }
  return text;
}

/** @param {string} text @param {string} header */
function withoutHeader(text, header) {
  if (!text.startsWith(header)) throw replaced();
  return text.slice(header.length);
}

function replaced() {
  return new Problem({
    title: "The measurements changed",
    detail:
      "They were made again while the page read them, so the file would be of two versions. Start again.",
    status: 409,
  });
}

/**
 * Have the browser save a file.
 * @param {BlobPart[]} pieces
 * @param {string} name
 * @param {string} type
 */
export function save(pieces, name, type) {
  const url = URL.createObjectURL(new Blob(pieces, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * A file's name of a session's name and what is in it, without characters that a disk refuses.
 * @param {...string} parts
 */
export function fileName(...parts) {
  return parts.join(".").replace(/[^\p{L}\p{N}._-]+/gu, "_");
}
