/** The stored files of one session: their addresses, what their boxes tell, and which of them this browser plays. */
import { Problem } from "../api.js";
import { Address } from "./address.js";
import { readHeader, Unreadable } from "./boxes.js";
import { whyItDoesNotPlay } from "./plays.js";
import { rangeReader } from "./ranges.js";

/** How much a file's own length may differ from what the coordinator read of the original, to be taken as exact. */
const ALIKE_S = 0.1;

/**
 * @typedef {import("./ways.js").Way} Way
 * @typedef {import("./ways.js").Piece} Piece
 * @typedef {import("./boxes.js").Header} Header
 */

/** See above. */
export class Library {
  /**
   * @param {object} given
   * @param {(artifact_id: string) => Promise<import("./address.js").Told>} given.ask the coordinator for an address
   * @param {import("./plays.js").Browser} given.browser
   * @param {() => number} given.now in seconds
   * @param {typeof fetch} [given.send]
   */
  constructor({ ask, browser, now, send }) {
    this._ask = ask;
    this._browser = browser;
    this._now = now;
    this._send = send;
    /** @type {Map<string, Address>} */
    this._addresses = new Map();
    /** @type {Map<string, Promise<Header>>} */
    this._headers = new Map();
  }

  /** @param {string} artifact_id */
  address(artifact_id) {
    let address = this._addresses.get(artifact_id);
    if (!address) {
      address = new Address(() => this._ask(artifact_id), this._now);
      this._addresses.set(artifact_id, address);
    }
    return address;
  }

  /**
   * What the boxes of a piece's film tell. Raises Unreadable and Problem.
   * @param {Piece & {artifact_id: string}} piece
   */
  header({ artifact_id, size_bytes }) {
    let header = this._headers.get(artifact_id);
    if (!header) {
      header = readHeader(rangeReader(this.address(artifact_id), this._send), size_bytes);
      this._headers.set(artifact_id, header);
      header.catch((error) => {
        // What the network broke may be read later; what the file lacks stays so.
        if (error instanceof Problem) this._headers.delete(artifact_id);
      });
    }
    return header;
  }

  /**
   * A chapter for the player. Raises Problem where the storage or the coordinator does not answer.
   * @param {Piece} piece
   * @returns {Promise<import("./film.js").Chapter>}
   */
  async chapter(piece) {
    const chapter = this.unread(piece);
    if (!hasFilm(piece)) return chapter;
    try {
      const header = await this.header(piece);
      const why = whyItDoesNotPlay(this._browser, header);
      const duration_s = lengthOf(piece, header);
      if (why) return { ...chapter, address: null, lacking: why, duration_s };
      return { ...chapter, duration_s, runs: header.runs };
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return { ...chapter, address: null, lacking: `Its file cannot be played: ${error.message}.` };
    }
  }

  /**
   * A chapter as it is known before its boxes are read.
   * @param {Piece} piece
   * @returns {import("./film.js").Chapter}
   */
  unread({ artifact_id, name, duration_s, lacking }) {
    const address = artifact_id === null ? null : this.address(artifact_id);
    return { name, duration_s: duration_s ?? 0, address, runs: [], lacking };
  }

  /**
   * The camera's time code of a way's first frame; null without one. Raises Unreadable and Problem.
   * @param {Way} way
   */
  async timecode({ pieces: [first] }) {
    return first && hasFilm(first) ? (await this.header(first)).timecode_s : null;
  }

  /**
   * Why this browser shows nothing of a way, judged by its first film; null where it plays. Raises Problem.
   * @param {Way} way
   * @returns {Promise<string | null>}
   */
  async whyNot(way) {
    const first = way.pieces.find(hasFilm);
    if (!first) return way.pieces[0]?.lacking ?? "There is no film.";
    return (await this.chapter(first)).lacking;
  }

  /**
   * The best way that this browser plays, and why it plays none of those before. Raises Problem.
   * @param {Way[]} ways the best first
   * @returns {Promise<{way: Way | null, refused: Map<string, string>}>}
   */
  async choose(ways) {
    /** @type {Map<string, string>} */
    const refused = new Map();
    for (const way of ways) {
      const why = await this.whyNot(way);
      if (why === null) return { way, refused };
      refused.set(way.key, why);
    }
    return { way: null, refused };
  }
}

/**
 * @param {Piece} piece
 * @returns {piece is Piece & {artifact_id: string}}
 */
function hasFilm(piece) {
  return piece.artifact_id !== null;
}

/**
 * The file tells its length exactly; where it is another than the original's, the film's time stays the original's.
 * @param {Piece} piece
 * @param {Header} header
 */
function lengthOf({ duration_s }, header) {
  if (duration_s === null || Math.abs(duration_s - header.duration_s) <= ALIKE_S) {
    return header.duration_s;
  }
  return duration_s;
}
