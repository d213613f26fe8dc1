/** One plot on a canvas, by uPlot: lines with the spread of each row behind them, or the statuses of lights as bands. */
import uPlot from "uplot";
import { position } from "../format.js";
import { coloursOf, DASHES, followScheme } from "./colours.js";
import { extentOf, rowsIn } from "./series.js";
import { STATUSES, unitText } from "./words.js";

const LINES_PX = 170;
const BAND_PX = 26;
const AXIS_PX = 30;
const SIDE_PX = 58;
const RIGHT_PX = 22;
const POINT_SPACE_PX = 9;
const LABEL_PX = 13;
/** The order in which statuses lie in a band, from below; the least of them is still seen. */
const STACK = ["not_visible", "red", "transition", "white"];
const LEAST_BAND_PX = 3;

/**
 * @typedef {import("./plots.js").Plot} Plot
 * @typedef {import("./series.js").Series} Series
 * @typedef {import("./ranges.js").View} View
 */

/** @typedef {{word: string, from: number, to: number}} Run rows in a row with one status, in pixels of the canvas */

/** What is drawn, and where a moment of the film lies in it. */
export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {Plot} plot
   */
  constructor(host, plot) {
    this.host = host;
    this.plot = plot;
    /** @type {Series | null} */
    this.series = null;
    /** @type {View} */
    this.view = { from_s: 0, to_s: 1 };
    this.colours = coloursOf(host);
    this.time_s = 0;
    this.u = new uPlot(this._options(), [[], ...plot.lines.map(() => [])], host);
    this.marks = document.createElement("div");
    this.marks.className = "film-time";
    this.pointed = document.createElement("div");
    this.pointed.className = "pointed-time";
    this.range = document.createElement("div");
    this.range.className = "chosen-range";
    this.u.over.append(this.range, this.pointed, this.marks);
    this.point(null);
    this.choose(null);
    this._endScheme = followScheme(() => {
      this.colours = coloursOf(host);
      this.u.redraw(false, true);
    });
    this._sizes = new ResizeObserver(() => this._fit());
    this._sizes.observe(host);
  }

  /** Where the plot takes the pointer. */
  get field() {
    return this.u.over;
  }

  /**
   * Draw this part of these rows.
   * @param {Series | null} series
   * @param {View} view
   */
  show(series, view) {
    const isNew = series !== this.series;
    this.series = series;
    this.view = view;
    this.u.batch(() => {
      if (isNew && series) this.u.setData(this._data(series), false);
      this.u.setScale("x", { min: view.from_s, max: view.to_s });
    });
    this.place(this.time_s);
  }

  /**
   * Move the line that marks the film's time.
   * @param {number} time_s
   */
  place(time_s) {
    this.time_s = time_s;
    this._put(this.marks, time_s);
  }

  /**
   * Mark where the pointer is; null is nowhere.
   * @param {number | null} time_s
   */
  point(time_s) {
    this._put(this.pointed, time_s);
    this.pointed.textContent = time_s === null ? "" : position(time_s, 2);
  }

  /**
   * Mark the part that is being chosen.
   * @param {View | null} part
   */
  choose(part) {
    this.range.hidden = part === null;
    if (!part) return;
    const [left, right] = [this._px(part.from_s), this._px(part.to_s)];
    this.range.style.transform = `translateX(${left}px)`;
    this.range.style.width = `${right - left}px`;
  }

  /**
   * The time of the film at a place of the window.
   * @param {number} clientX
   */
  timeAt(clientX) {
    const field = this.field.getBoundingClientRect();
    const share = (clientX - field.left) / (field.width || 1);
    return this.view.from_s + share * (this.view.to_s - this.view.from_s);
  }

  end() {
    this._endScheme();
    this._sizes.disconnect();
    this.u.destroy();
  }

  /** @param {HTMLElement} mark @param {number | null} time_s */
  _put(mark, time_s) {
    const isIn = time_s !== null && time_s >= this.view.from_s && time_s <= this.view.to_s;
    mark.hidden = !isIn;
    if (isIn) mark.style.transform = `translateX(${this._px(time_s)}px)`;
  }

  /** @param {number} time_s in CSS pixels from the left of the field */
  _px(time_s) {
    const width = this.u.bbox.width / uPlot.pxRatio;
    return ((time_s - this.view.from_s) / (this.view.to_s - this.view.from_s)) * width;
  }

  _fit() {
    const width = Math.floor(this.host.clientWidth);
    if (width > 0 && width !== this.u.width) {
      this.u.setSize({ width, height: this.u.height });
      this.place(this.time_s);
    }
  }

  /** @param {Series} series @returns {uPlot.AlignedData} */
  _data(series) {
    const empty = series.x.map(() => null);
    const isLines = this.plot.form === "lines";
    return [
      series.x,
      ...this.plot.lines.map((line) => (isLines && series.numbers[line.column]?.mean) || empty),
    ];
  }

  /** @returns {uPlot.Options} */
  _options() {
    const isLines = this.plot.form === "lines";
    const lines = this.plot.lines;
    const ink = () => this.colours.quiet;
    const grid = { stroke: () => this.colours.line, width: 1 };
    return {
      width: Math.max(200, Math.floor(this.host.clientWidth)),
      height: AXIS_PX + 8 + (isLines ? LINES_PX : lines.length * BAND_PX),
      padding: [8, RIGHT_PX, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false },
        y: { range: () => (isLines ? this._rangeOfValues() : [0, lines.length]) },
      },
      axes: [
        {
          stroke: ink,
          grid,
          ticks: grid,
          size: AXIS_PX,
          space: 70,
          incrs: STEPS_S,
          values: (_u, splits, _axis, _space, step) =>
            splits.map((time_s) => position(time_s, decimalsOf(step))),
        },
        isLines
          ? {
              stroke: ink,
              grid,
              ticks: grid,
              size: SIDE_PX,
              values: (_u, splits, _axis, _space, step) =>
                splits.map((value) => value.toFixed(decimalsOf(step)) + unitText(this.plot.unit)),
            }
          : {
              stroke: ink,
              grid: { show: false },
              ticks: { show: false },
              size: SIDE_PX,
              splits: () => lines.map((_, place) => place + 0.5),
              values: () => lines.map((line) => line.label).reverse(),
            },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          stroke: () => this.colours.inks[line.ink] ?? this.colours.ink,
          width: 2,
          dash: DASHES[line.ink] ?? [],
          points: {
            show: () => isLines && this._hasRoomForPoints(),
            size: 5,
            fill: () => this.colours.card,
          },
        })),
      ],
      hooks: {
        drawAxes: [() => (isLines ? this._drawBehind() : this._drawBands())],
        draw: [() => isLines && this._drawLabels()],
      },
    };
  }

  /** @returns {[number, number]} */
  _rangeOfValues() {
    const columns = this.plot.lines.map((line) => line.column);
    const [least, greatest] = (this.series && extentOf(this.series, columns, this.view)) ?? [0, 1];
    const room = (greatest - least) * 0.08 || Math.abs(least) * 0.05 || 1;
    return [least - room, greatest + room];
  }

  _hasRoomForPoints() {
    if (!this.series) return false;
    const [start, end] = rowsIn(this.series, this.view);
    return (end - start) * POINT_SPACE_PX < this.u.bbox.width / uPlot.pxRatio;
  }

  /** The spread of each row, a row that has no neighbour, and the angle at which each light turns. */
  _drawBehind() {
    const series = this.series;
    if (!series) return;
    this._clipped((context) => {
      for (const line of this.plot.lines) {
        context.fillStyle = this.colours.inks[line.ink] ?? this.colours.ink;
        context.globalAlpha = 0.28;
        this._fillSpread(context, series, line.column);
        if (line.turn) this._drawTurn(context, line);
      }
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {Series} series @param {string} column */
  _fillSpread(context, series, column) {
    const spread = series.numbers[column];
    if (!spread) return;
    const least = 2 * uPlot.pxRatio;
    const [start, end] = rowsIn(series, this.view);
    context.beginPath();
    for (let row = start; row < end; row += 1) {
      const [min, max] = [spread.min[row] ?? null, spread.max[row] ?? null];
      if (min === null || max === null) continue;
      const isAlone =
        (spread.mean[row - 1] ?? null) === null && (spread.mean[row + 1] ?? null) === null;
      if (min === max && !isAlone) continue;
      const [left, width] = this._span(series, row);
      const [top, bottom] = [this.u.valToPos(max, "y", true), this.u.valToPos(min, "y", true)];
      context.rect(left, top - least / 2, Math.max(width, least), Math.max(bottom - top, least));
    }
    context.fill();
  }

  /** @param {CanvasRenderingContext2D} context @param {import("./plots.js").Line} line */
  _drawTurn(context, line) {
    const { left, width } = this.u.bbox;
    const { value, interval } = /** @type {NonNullable<typeof line.turn>} */ (line.turn);
    const at = this.u.valToPos(value, "y", true);
    if (interval) {
      const [low, high] = interval.map((angle) => this.u.valToPos(angle, "y", true));
      const height = Math.max(/** @type {number} */ (low) - /** @type {number} */ (high), 1);
      context.globalAlpha = 0.35;
      context.fillRect(left, /** @type {number} */ (high), width, height);
    }
    context.globalAlpha = 0.9;
    context.strokeStyle = context.fillStyle;
    context.lineWidth = uPlot.pxRatio;
    context.setLineDash([2 * uPlot.pxRatio, 3 * uPlot.pxRatio]);
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(left + width, at);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    this._write(
      context,
      `${line.label} turns ${value.toFixed(2)}°`,
      left + 4 * uPlot.pxRatio,
      at - 7 * uPlot.pxRatio,
    );
  }

  /** The letter of each line at its end, so that no line is known by its colour alone. */
  _drawLabels() {
    const series = this.series;
    if (!series || this.plot.lines.length < 2) return;
    const [start, end] = rowsIn(series, this.view);
    const { left, top, width, height } = this.u.bbox;
    const labels = this.plot.lines.flatMap((line) => {
      const means = series.numbers[line.column]?.mean ?? [];
      for (let row = end - 1; row >= start; row -= 1) {
        const value = means[row] ?? null;
        if (value !== null) return [{ line, y: this.u.valToPos(value, "y", true) }];
      }
      return [];
    });
    labels.sort((one, other) => one.y - other.y);
    const step = LABEL_PX * uPlot.pxRatio;
    let lowest = top + step / 2;
    const last = top + height - step / 2;
    labels.forEach((label, place) => {
      const room = last - (labels.length - 1 - place) * step;
      label.y = Math.max(lowest, Math.min(label.y, room));
      lowest = label.y + step;
    });
    const { ctx } = this.u;
    ctx.save();
    for (const { line, y } of labels) {
      ctx.fillStyle = this.colours.inks[line.ink] ?? this.colours.ink;
      this._write(ctx, line.label, left + width + 6 * uPlot.pxRatio, y, true);
    }
    ctx.restore();
  }

  /** The statuses of each row, as high as their share, with hatching for a transition and a word where there is room. */
  _drawBands() {
    const series = this.series;
    if (!series) return;
    this._clipped((context) => {
      for (const [place, line] of this.plot.lines.entries())
        this._drawBand(context, series, line.column, place);
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {Series} series @param {string} column @param {number} place */
  _drawBand(context, series, column, place) {
    const [start, end] = rowsIn(series, this.view);
    const lines = this.plot.lines.length;
    const gap = 3 * uPlot.pxRatio;
    const top = this.u.valToPos(lines - place, "y", true) + gap;
    const bottom = this.u.valToPos(lines - place - 1, "y", true) - gap;
    /** @type {Run[]} */
    const runs = [];
    for (let row = start; row < end; row += 1) {
      const stack = stackOf(series.words[column], row, bottom - top);
      const [left, width] = this._span(series, row);
      let base = bottom;
      for (const [word, height] of stack) {
        this._fillStatus(
          context,
          word,
          left,
          base - height,
          Math.max(width, uPlot.pxRatio),
          height,
        );
        base -= height;
      }
      const [only] = stack.length === 1 ? stack : [];
      const last = runs.at(-1);
      if (only && last?.word === only[0] && left <= last.to + gap) last.to = left + width;
      else runs.push({ word: only?.[0] ?? "", from: left, to: left + width });
    }
    for (const run of runs) if (run.word) this._label(context, run, (top + bottom) / 2);
  }

  /** @param {CanvasRenderingContext2D} context @param {string} word @param {number} left @param {number} top @param {number} width @param {number} height */
  _fillStatus(context, word, left, top, width, height) {
    context.fillStyle = this.colours.statuses[word] ?? this.colours.quiet;
    context.fillRect(left, top, width, height);
    if (word === "red") return;
    context.strokeStyle = this.colours.ink;
    context.lineWidth = uPlot.pxRatio / 2;
    if (word === "white") {
      context.beginPath();
      context.moveTo(left, top);
      context.lineTo(left + width, top);
      context.moveTo(left, top + height);
      context.lineTo(left + width, top + height);
      context.stroke();
    } else if (word === "transition") {
      this._hatch(context, left, top, width, height);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {number} width @param {number} height */
  _hatch(context, left, top, width, height) {
    const step = 6 * uPlot.pxRatio;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.lineWidth = uPlot.pxRatio;
    context.beginPath();
    for (let x = Math.floor((left - height) / step) * step; x < left + width; x += step) {
      context.moveTo(x, top + height);
      context.lineTo(x + height, top);
    }
    context.stroke();
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context @param {Run} run @param {number} y */
  _label(context, run, y) {
    const { left, width } = this.u.bbox;
    const from = Math.max(run.from, left);
    const to = Math.min(run.to, left + width);
    const text = STATUSES[run.word] ?? run.word;
    context.font = `${11 * uPlot.pxRatio}px system-ui, sans-serif`;
    const needed = context.measureText(text).width + 8 * uPlot.pxRatio;
    if (to - from < needed) return;
    context.fillStyle = run.word === "red" ? "#ffffff" : "#000000";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, (from + to) / 2, y);
  }

  /**
   * Where a row lies, in whole pixels of the canvas, so that neighbours have no seam: its left and its width.
   * @param {Series} series
   * @param {number} row
   * @returns {[number, number]}
   */
  _span(series, row) {
    const half = series.frame_s / 2;
    const from = /** @type {number} */ (series.from_s[row]) - half;
    const to = /** @type {number} */ (series.to_s[row]) + half;
    const left = Math.round(this.u.valToPos(from, "x", true));
    return [left, Math.round(this.u.valToPos(to, "x", true)) - left];
  }

  /** @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y @param {boolean} [isBold] */
  _write(context, text, x, y, isBold = false) {
    context.font = `${isBold ? "bold " : ""}${11 * uPlot.pxRatio}px system-ui, sans-serif`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineWidth = 3 * uPlot.pxRatio;
    context.strokeStyle = this.colours.card;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  /** @param {(context: CanvasRenderingContext2D) => void} draw */
  _clipped(draw) {
    const { ctx, bbox } = this.u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw(ctx);
    ctx.restore();
  }
}

const STEPS_S = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
];

/**
 * How many decimals tell two labels apart without rounding either.
 * @param {number} step between them
 */
function decimalsOf(step) {
  const exact = [0, 1, 2, 3, 4, 5].find((decimals) => {
    const scaled = step * 10 ** decimals;
    return Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled;
  });
  return exact ?? 6;
}

/**
 * The statuses of a row with their heights, from below; each that occurs is high enough to be seen.
 * @param {Record<string, number[]> | undefined} words
 * @param {number} row
 * @param {number} height
 * @returns {[string, number][]}
 */
export function stackOf(words, row, height) {
  const said = STACK.map((word) => /** @type {const} */ ([word, words?.[word]?.[row] ?? 0]));
  const held = said.filter(([, count]) => count > 0);
  const total = held.reduce((sum, [, count]) => sum + count, 0);
  const least = Math.min(LEAST_BAND_PX * 2, height / STACK.length);
  const heights = held.map(([, count]) => Math.max(least, (count / total) * height));
  const scale = height / heights.reduce((sum, each) => sum + each, 0);
  return held.map(([word], place) => [word, /** @type {number} */ (heights[place]) * scale]);
}
