/** What a pointer, a wheel and keys do in a plot: they move the film, and choose which part of it is shown. */

const DRAG_PX = 4;
const PAGE_S = 10;

/**
 * @typedef {object} Deeds
 * @property {(time_s: number) => void} seek
 * @property {(frames: number) => void} step the film by frames
 * @property {(seconds: number) => void} skip
 * @property {(factor: number, at_s: number | null) => void} zoom null is at the film's time
 * @property {(by_s: number) => void} pan
 * @property {(view: import("./ranges.js").View | null) => void} look null is the whole film
 * @property {(time_s: number | null) => void} point
 */

/**
 * Follow the pointer in a chart's field. Dragging moves the film; with Shift it chooses a part; two fingers zoom and
 * move; the wheel zooms with Ctrl and moves with Shift.
 * @param {import("./chart.js").Chart} chart
 * @param {Deeds} deeds
 * @returns {() => void} ends it
 */
export function followPointer(chart, deeds) {
  const field = chart.field;
  const ending = new AbortController();
  const options = { signal: ending.signal };
  /** @type {Map<number, number>} where each finger is */
  const held = new Map();
  /** @type {{kind: "wait" | "seek" | "choose" | "pinch", from: number} | null} */
  let deed = null;

  field.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      field.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event.clientX);
      if (held.size === 2) deed = { kind: "pinch", from: 0 };
      else if (event.shiftKey) deed = { kind: "choose", from: event.clientX };
      else if (event.pointerType === "touch") deed = { kind: "wait", from: event.clientX };
      else {
        deed = { kind: "seek", from: event.clientX };
        deeds.seek(chart.timeAt(event.clientX));
      }
    },
    options,
  );
  field.addEventListener(
    "pointermove",
    (event) => {
      if (event.pointerType !== "touch") deeds.point(chart.timeAt(event.clientX));
      if (!deed || !held.has(event.pointerId)) return;
      if (deed.kind === "pinch") pinch(event);
      held.set(event.pointerId, event.clientX);
      if (deed.kind === "wait" && Math.abs(event.clientX - deed.from) > DRAG_PX) deed.kind = "seek";
      if (deed.kind === "seek") deeds.seek(chart.timeAt(event.clientX));
      if (deed.kind === "choose") chart.choose(partTo(event.clientX));
    },
    options,
  );
  field.addEventListener(
    "pointerup",
    (event) => {
      if (deed?.kind === "wait") deeds.seek(chart.timeAt(event.clientX));
      if (deed?.kind === "choose" && Math.abs(event.clientX - deed.from) > DRAG_PX)
        deeds.look(partTo(event.clientX));
      letGo(event);
    },
    options,
  );
  field.addEventListener("pointercancel", (event) => letGo(event), options);
  field.addEventListener("pointerleave", () => deeds.point(null), options);
  field.addEventListener(
    "wheel",
    (event) => {
      const length = chart.view.to_s - chart.view.from_s;
      const across = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        deeds.zoom(Math.exp(event.deltaY / 300), chart.timeAt(event.clientX));
      } else if (event.shiftKey || Math.abs(across) > Math.abs(event.deltaY)) {
        event.preventDefault();
        deeds.pan((across / (field.clientWidth || 1)) * length);
      }
    },
    { ...options, passive: false },
  );

  /** @param {PointerEvent} event */
  const pinch = (event) => {
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    const before = held.get(event.pointerId);
    if (other === undefined || before === undefined) return;
    const [was, is] = [Math.abs(before - other), Math.abs(event.clientX - other)];
    if (was > DRAG_PX && is > DRAG_PX) deeds.zoom(was / is, chart.timeAt(other));
  };
  /** @param {number} clientX */
  const partTo = (clientX) => {
    const ends = [chart.timeAt(deed?.from ?? clientX), chart.timeAt(clientX)];
    return { from_s: Math.min(...ends), to_s: Math.max(...ends) };
  };
  /** @param {PointerEvent} event */
  const letGo = (event) => {
    held.delete(event.pointerId);
    chart.choose(null);
    if (held.size === 0) deed = null;
  };
  return () => ending.abort();
}

/**
 * Do what a key in a plot means; the answer is whether it means anything.
 * @param {KeyboardEvent} event
 * @param {{view: import("./ranges.js").View, film: import("./ranges.js").View}} shown
 * @param {Deeds} deeds
 */
export function obeyKey(event, shown, deeds) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const deed = KEYS[event.key];
  if (!deed) return false;
  deed(deeds, shown, event.shiftKey);
  return true;
}

/** @type {Record<string, (deeds: Deeds, shown: {view: import("./ranges.js").View, film: import("./ranges.js").View}, shift: boolean) => void>} */
const KEYS = {
  ArrowLeft: (deeds, _shown, shift) => (shift ? deeds.skip(-1) : deeds.step(-1)),
  ArrowRight: (deeds, _shown, shift) => (shift ? deeds.skip(1) : deeds.step(1)),
  ArrowDown: (deeds, _shown, shift) => (shift ? deeds.skip(-1) : deeds.step(-1)),
  ArrowUp: (deeds, _shown, shift) => (shift ? deeds.skip(1) : deeds.step(1)),
  PageDown: (deeds) => deeds.skip(-PAGE_S),
  PageUp: (deeds) => deeds.skip(PAGE_S),
  Home: (deeds, { film }) => deeds.seek(film.from_s),
  End: (deeds, { film }) => deeds.seek(film.to_s),
  "+": (deeds) => deeds.zoom(0.5, null),
  "=": (deeds) => deeds.zoom(0.5, null),
  "-": (deeds) => deeds.zoom(2, null),
  0: (deeds) => deeds.look(null),
};
