/** The picture: two video elements that take turns, and what is to be said over them. */
import { html, useEffect, useRef, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { FilmPlayer } from "./film.js";
import { TIMERS } from "./timers.js";

/**
 * @typedef {import("./ways.js").Way} Way
 * @typedef {import("./library.js").Library} Library
 */

/**
 * @param {object} given
 * @param {string} given.label for screen readers
 * @param {Way} given.way
 * @param {Library} given.library
 * @param {import("./clock.js").Clock} given.clock
 * @param {(player: FilmPlayer | null) => void} given.take is given the player once there is one
 * @param {() => void} [given.press] a press on the picture
 */
export function Screen({ label, way, library, clock, take, press }) {
  const [first, second] = [
    useRef(/** @type {HTMLVideoElement | null} */ (null)),
    useRef(/** @type {HTMLVideoElement | null} */ (null)),
  ];
  const [player, setPlayer] = useState(/** @type {FilmPlayer | null} */ (null));
  const [looks, setLooks] = useState(/** @type {import("./film.js").Looks | null} */ (null));
  useEffect(() => {
    if (!first.current || !second.current) return;
    const made = new FilmPlayer({
      elements: [first.current, second.current],
      chapters: way.pieces.map((piece) => library.unread(piece)),
      timers: TIMERS,
      tell: setLooks,
      clock,
    });
    const begin_s = clock.time_s;
    let isShown = true;
    void readAll(library, way, (number, chapter) => {
      if (!isShown) return;
      made.learn(number, chapter);
      if (number === 0) made.seek(begin_s);
    });
    setPlayer(made);
    take(made);
    return () => {
      isShown = false;
      take(null);
      clock.tell({ playing: false });
      made.end();
    };
  }, [way, library, clock]);

  const front = looks?.front ?? 0;
  return html`<div class="screen">
    <div class="picture" onClick=${press}>
      <video ref=${first} class=${front === 0 ? "front" : ""} aria-hidden=${front !== 0} aria-label=${label}
        playsinline disableRemotePlayback></video>
      <video ref=${second} class=${front === 1 ? "front" : ""} aria-hidden=${front !== 1} aria-label=${label}
        playsinline disableRemotePlayback></video>
      ${looks?.waiting && html`<span class="waiting" aria-hidden="true"></span>`}
    </div>
    ${looks?.slow && html`<p class="word" role="status">The film waits for the network.</p>`}
    ${looks?.notice && html`<p class="word" role="status">${looks.notice}</p>`}
    ${
      looks?.problem &&
      html`<${ProblemNote} problem=${looks.problem} retry=${() => player?.retry()} />`
    }
  </div>`;
}

/**
 * Read the boxes of every film, the first one first. What cannot be read now is played as far as it goes.
 * @param {Library} library
 * @param {Way} way
 * @param {(number: number, chapter: Partial<import("./film.js").Chapter>) => void} tell
 */
async function readAll(library, way, tell) {
  for (const [number, piece] of way.pieces.entries()) {
    tell(number, await library.chapter(piece).catch(() => ({})));
  }
}
