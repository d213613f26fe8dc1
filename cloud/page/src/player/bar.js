/** The bar below a film: play, seek, speed, sound, full screen, time; with keys for all of it. */
import { html, useEffect, useRef, useState } from "../html.js";
import { Dialog } from "../parts/dialog.js";
import { useClock } from "./follow.js";
import { actionOf, HELP, nextRate, RATES, SEEKS } from "./keys.js";
import { cameraTime, exact, markAt, spoken } from "./times.js";

/**
 * What the bar moves: one film, or several in step.
 * @typedef {object} Transport
 * @property {import("./clock.js").FilmClock} clock
 * @property {() => void} play
 * @property {() => void} pause
 * @property {(direction: 1 | -1) => void} step
 * @property {(rate: number) => void} setRate
 * @property {(volume: number, muted: boolean) => void} setSound
 * @property {number[][]} buffered_s
 */

const WIDTH = 1000;

/**
 * @param {object} given
 * @param {Transport} given.transport
 * @param {import("./times.js").Mark[]} given.marks
 * @param {() => Element | null} given.frame what fills the screen
 */
export function Bar({ transport, marks, frame }) {
  const { clock } = transport;
  const playing = useClock(clock, (now) => now.playing);
  const rate = useClock(clock, (now) => now.rate);
  const [sound, setSound] = useState({ volume: 1, muted: false });
  const [isHelp, setHelp] = useState(false);
  const [said, setSaid] = useState("");

  useEffect(() => transport.setSound(sound.volume, sound.muted), [transport, sound]);

  const act = useRef(/** @type {(action: string) => void} */ (() => undefined));
  act.current = (action) => {
    const [name, count] = action.split("-");
    if (name === "tenth") clock.seek((clock.duration_s * Number(count)) / 10);
    else if (action === "full-screen") fill(frame());
    else if (action === "help") setHelp((shown) => !shown);
    else if (action === "mute") setSound({ ...sound, muted: !sound.muted });
    else if (action === "louder" || action === "softer") {
      const by = action === "louder" ? 0.1 : -0.1;
      setSound({ volume: Math.min(1, Math.max(0, sound.volume + by)), muted: false });
    } else if (action === "say-time") {
      const of = `${spoken(clock.time_s)} of ${spoken(clock.duration_s)}`;
      const day = cameraTime(marks, clock.time_s);
      // Said again where it is the same: a space makes it new.
      setSaid((before) => {
        const text = day ? `${of}, camera's clock ${day}` : of;
        return before === text ? `${text} ` : text;
      });
    } else perform(transport, marks, action);
  };
  useEffect(() => {
    const hear = (/** @type {KeyboardEvent} */ event) => {
      if (document.querySelector("dialog[open]") || event.defaultPrevented) return;
      const focused = /** @type {HTMLInputElement | null} */ (document.activeElement);
      const action = actionOf(event, focused);
      if (!action) return;
      event.preventDefault();
      act.current(action);
    };
    document.addEventListener("keydown", hear);
    return () => document.removeEventListener("keydown", hear);
  }, []);

  const press = (/** @type {string} */ action) => () => act.current(action);
  return html`<div class="controls" role="group" aria-label="Player">
    <${Line} transport=${transport} marks=${marks} />
    <div class="row">
      <${Key} label=${playing ? "Pause" : "Play"} keys="k" press=${press("toggle")} shape=${playing ? PAUSE : PLAY} />
      <${Key} label="One frame back" keys="," press=${press("frame-back")} shape=${FRAME_BACK} />
      <${Key} label="One frame ahead" keys="." press=${press("frame-ahead")} shape=${FRAME_AHEAD} />
      <${Times} clock=${clock} marks=${marks} />
      <span class="rest">
        <label class="rate">
          <span class="unseen">Speed</span>
          <select
            value=${String(rate)}
            onChange=${(/** @type {any} */ event) => transport.setRate(Number(event.currentTarget.value))}
          >
            ${RATES.map((each) => html`<option value=${String(each)}>${each}×</option>`)}
          </select>
        </label>
        <${Key} label=${sound.muted ? "Sound on" : "Sound off"} keys="m" press=${press("mute")} shape=${sound.muted ? MUTED : LOUD} />
        <input
          class="volume"
          type="range"
          min="0"
          max="1"
          step="0.05"
          aria-label="Volume"
          value=${sound.muted ? 0 : sound.volume}
          onInput=${(/** @type {any} */ event) => setSound({ volume: Number(event.currentTarget.value), muted: false })}
        />
        <${Key} label="Keys" keys="?" press=${press("help")} shape=${HELP_SHAPE} />
        <${Key} label="Full screen" keys="f" press=${press("full-screen")} shape=${FULL} />
      </span>
    </div>
    <p class="unseen" role="status">${said}</p>
    ${isHelp && html`<${Help} close=${() => setHelp(false)} />`}
  </div>`;
}

/**
 * @param {Transport} transport
 * @param {import("./times.js").Mark[]} marks
 * @param {string} action
 */
function perform(transport, marks, action) {
  const { clock } = transport;
  const [name, count] = action.split("-");
  if (action === "toggle") clock.playing ? transport.pause() : transport.play();
  else if (action === "frame-back") transport.step(-1);
  else if (action === "frame-ahead") transport.step(1);
  else if (action === "slower") transport.setRate(nextRate(clock.rate, -1));
  else if (action === "faster") transport.setRate(nextRate(clock.rate, 1));
  else if (action === "beginning") clock.seek(0);
  else if (action === "end") clock.seek(clock.duration_s);
  else if (action === "chapter-back") clock.seek(markAt(marks, clock.time_s - 2)?.start_s ?? 0);
  else if (action === "chapter-ahead") {
    const next = marks.find(({ start_s }) => start_s > clock.time_s);
    clock.seek(next ? next.start_s : clock.duration_s);
  } else if (name === "back") clock.seek(clock.time_s - Number(count));
  else if (name === "ahead") clock.seek(clock.time_s + Number(count));
}

/**
 * The line to seek on, with what is here already and where chapters begin.
 * @param {{transport: Transport, marks: import("./times.js").Mark[]}} given
 */
function Line({ transport, marks }) {
  const { clock } = transport;
  const time_s = useClock(clock, (now) => now.time_s);
  const duration_s = useClock(clock, (now) => now.duration_s);
  const x = (/** @type {number} */ at_s) => (duration_s ? (at_s / duration_s) * WIDTH : 0);
  return html`<div class="line">
    <svg viewBox="0 0 ${WIDTH} 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="whole" x="0" y="2" width=${WIDTH} height="4" />
      ${transport.buffered_s.map(
        ([from = 0, to = 0]) =>
          html`<rect class="here" x=${x(from)} y="2" width=${Math.max(0, x(to) - x(from))} height="4" />`,
      )}
      <rect class="played" x="0" y="2" width=${x(time_s)} height="4" />
      ${marks.slice(1).map(({ start_s }) => html`<rect class="mark" x=${x(start_s) - 1} y="0" width="2" height="8" />`)}
    </svg>
    <input
      type="range"
      class=${SEEKS}
      min="0"
      max=${duration_s}
      step="any"
      value=${time_s}
      aria-label="Position in the film"
      aria-valuetext=${`${spoken(time_s)} of ${spoken(duration_s)}`}
      onInput=${(/** @type {any} */ event) => clock.seek(Number(event.currentTarget.value))}
    />
  </div>`;
}

/** @param {{clock: import("./clock.js").FilmClock, marks: import("./times.js").Mark[]}} given */
function Times({ clock, marks }) {
  const time_s = useClock(clock, (now) => now.time_s);
  const duration_s = useClock(clock, (now) => now.duration_s);
  const day = cameraTime(marks, time_s);
  return html`<span class="times">
    <span class="number">${exact(time_s)} / ${exact(duration_s)}</span>
    ${day && html`<span class="quiet" title="As the camera's own clock had it, in its time zone">${day} <span class="unseen">by the</span><span class="short"> camera's clock</span></span>`}
  </span>`;
}

/** @param {{label: string, keys: string, press: () => void, shape: string}} given */
function Key({ label, keys, press, shape }) {
  return html`<button type="button" class="key" aria-label=${label} title=${`${label} (${keys})`} onClick=${press}>
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d=${shape} /></svg>
  </button>`;
}

/** @param {{close: () => void}} given */
function Help({ close }) {
  return html`<${Dialog} title="Keys of the player" close=${close}>
    <table class="keys">
      <tbody>
        ${HELP.map(([keys, does]) => html`<tr><th scope="row"><kbd>${keys}</kbd></th><td>${does}</td></tr>`)}
      </tbody>
    </table>
    <div class="buttons"><button type="button" onClick=${close}>Close</button></div>
  <//>`;
}

/** @param {Element | null} frame */
function fill(frame) {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void frame?.requestFullscreen?.().catch(() => undefined);
}

const PLAY = "M7 4v16l13-8z";
const PAUSE = "M6 4h4v16H6zM14 4h4v16h-4z";
const FRAME_BACK = "M16 5v14l-9-7zM4 5h2v14H4z";
const FRAME_AHEAD = "M8 5v14l9-7zM18 5h2v14h-2z";
const LOUD = "M4 9v6h4l5 4V5L8 9zM15 8c2 1.500 2 6.500 0 8zM17 5c4 3 4 11 0 14l1 1c5-4 5-12 0-16z";
const MUTED = "M4 9v6h4l5 4V5L8 9zM15 9l6 6 1-1-6-6zM21 8l-6 6 1 1 6-6z";
const FULL = "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z";
const HELP_SHAPE =
  "M11 16h2v2h-2zM12 5a4 4 0 0 0-4 4h2a2 2 0 1 1 3 1.700c-1.300.8-2 1.600-2 3.300h2c0-1 .5-1.400 1.300-1.900A4 4 0 0 0 12 5z";
