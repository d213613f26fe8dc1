/**
 * The frames of one file of measurements, as plots need them: the whole film first, then finer where a person looks.
 *
 * A question that is outdated is aborted, and its answer is never shown.
 */
import { get, Problem } from "../api.js";
import { FINER_BYTES, isEnough, partToAsk, pointsFor, WHOLE_BYTES } from "./ranges.js";
import { joined, rowAt, seriesOf } from "./series.js";

/** One frame lies between its neighbours. */
const FEW = 10;
/** A view that changes again within this time is not asked for. */
const CALM_MS = 100;

/**
 * @typedef {object} Shown what there is to draw
 * @property {import("./series.js").Series | null} series null before the first answer
 * @property {Problem | null} problem why the last question failed
 * @property {"whole" | "finer" | null} newest which answer came last
 * @property {number} asked_at when it was asked for, on the page's own clock in ms
 * @property {number} answered_at when it had come, on the same clock
 * @property {boolean} busy
 */

/**
 * @typedef {object} Source
 * @property {string} path of the frames, such as `v1/sessions/match-17/frames`
 * @property {string} artifact_id
 * @property {string} revision that all answers must have
 * @property {number} frame_s how long a frame is shown
 * @property {import("./ranges.js").View} film
 */

export class Frames {
  /**
   * @param {Source} source
   * @param {{tell: (shown: Shown) => void, outdated: () => void}} listener `outdated`: another revision answers now
   */
  constructor(source, listener) {
    this.source = source;
    this.listener = listener;
    /** @type {{numbers: string[], words: string[]}} */
    this.columns = { numbers: [], words: [] };
    this.width_px = 0;
    /** @type {import("./ranges.js").View} */
    this.view = source.film;
    /** @type {import("./series.js").Series | null} */
    this.whole = null;
    this.row_s = 0;
    /** @type {{part: import("./ranges.js").View, series: import("./series.js").Series} | null} */
    this.finer = null;
    this.asking = new AbortController();
    this.askingFiner = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {Shown} */
    this.shown = {
      series: null,
      problem: null,
      newest: null,
      asked_at: 0,
      answered_at: 0,
      busy: false,
    };
  }

  /**
   * Draw these columns, in plots of this width.
   * @param {{numbers: string[], words: string[]}} columns
   * @param {number} width_px
   */
  choose(columns, width_px) {
    this.columns = columns;
    this.width_px = width_px;
    this.finer = null;
    this._abortFiner();
    void this._askWhole();
  }

  /** @param {import("./ranges.js").View} view */
  look(view) {
    this.view = view;
    if (!this.whole) return;
    const part = this._partOf(view);
    this._abortFiner();
    if (!part || isEnough(this.finer?.part ?? null, view)) return;
    this.timer = setTimeout(() => void this._askFiner(part), CALM_MS);
  }

  /** Ask again for what failed. */
  retry() {
    if (this.whole) this.look(this.view);
    else void this._askWhole();
  }

  /**
   * The very frame that is shown at `time_s`, alone: a series of one row; null where none was measured. Raises Problem.
   * @param {number} time_s
   * @param {AbortSignal} signal
   */
  async frameAt(time_s, signal) {
    const half = this.source.frame_s / 2;
    const part = { from_s: Math.max(0, time_s - 2 * half), to_s: time_s + 2 * half };
    const points = await get(this._path(part, FEW), signal);
    if (points.revision !== this.source.revision) return null;
    const series = seriesOf(points, this.source.frame_s);
    const row = rowAt(series, time_s);
    return row === null ? null : { series, row };
  }

  end() {
    this.asking.abort();
    this._abortFiner();
  }

  async _askWhole() {
    this.asking.abort();
    this.asking = new AbortController();
    const points = pointsFor(this.columns, this.width_px, WHOLE_BYTES);
    await this._ask(null, points, this.asking.signal, "whole", (document) => {
      this.whole = seriesOf(document, this.source.frame_s);
      this.row_s = document.frames_per_bucket * this.source.frame_s;
    });
    this.look(this.view);
  }

  /** @param {import("./ranges.js").View} part */
  async _askFiner(part) {
    const points = pointsFor(this.columns, this.width_px, FINER_BYTES);
    await this._ask(part, points, this.askingFiner.signal, "finer", (document) => {
      this.finer = { part, series: seriesOf(document, this.source.frame_s) };
    });
  }

  /**
   * @param {import("./ranges.js").View | null} part
   * @param {number} points
   * @param {AbortSignal} signal
   * @param {"whole" | "finer"} which
   * @param {(document: any) => void} take
   */
  async _ask(part, points, signal, which, take) {
    const asked_at = performance.now();
    this._tell({ busy: true });
    try {
      const document = await get(this._path(part, points), signal);
      if (signal.aborted) return;
      const answered_at = performance.now();
      if (document.revision !== this.source.revision) {
        this._tell({ busy: false });
        this.listener.outdated();
        return;
      }
      take(document);
      const series = this.whole && joined(this.whole, this.finer?.series ?? null);
      this._tell({ series, problem: null, newest: which, asked_at, answered_at, busy: false });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this._tell({ problem: error, busy: false });
    }
  }

  /**
   * @param {import("./ranges.js").View | null} part
   * @param {number} points
   */
  _path(part, points) {
    const asked = new URLSearchParams({
      artifact: this.source.artifact_id,
      points: String(points),
    });
    const columns = [...this.columns.numbers, ...this.columns.words];
    // The API separates columns by commas: a name with one in it is only in an answer of all columns.
    if (!columns.some((column) => column.includes(","))) asked.set("columns", columns.join(","));
    if (part) {
      asked.set("from_s", part.from_s.toFixed(4));
      asked.set("to_s", part.to_s.toFixed(4));
    }
    return `${this.source.path}?${asked}`;
  }

  /** @param {import("./ranges.js").View} view */
  _partOf(view) {
    const { film, frame_s } = this.source;
    return partToAsk(view, film, frame_s, { width_px: this.width_px, row_s: this.row_s });
  }

  _abortFiner() {
    clearTimeout(this.timer);
    this.askingFiner.abort();
    this.askingFiner = new AbortController();
  }

  /** @param {Partial<Shown>} change */
  _tell(change) {
    this.shown = { ...this.shown, ...change };
    this.listener.tell(this.shown);
  }
}
