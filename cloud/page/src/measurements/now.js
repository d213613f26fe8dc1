/** The values at the film's time, as a table: it is also the key of the plots, and the plots in words. */
import { position } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { DASHES } from "./colours.js";
import { rowAt } from "./series.js";
import { numberAt, statusAt } from "./words.js";

/** A film that rests for so long shows one frame, whose own values are asked for. */
const REST_MS = 150;

/**
 * @param {object} given
 * @param {import("./plots.js").Plot[]} given.plots
 * @param {import("./series.js").Series | null} given.series
 * @param {import("../player/clock.js").FilmClock} given.clock
 * @param {import("./frames.js").Frames | null} given.frames
 */
export function Now({ plots, series, clock, frames }) {
  const [time_s, setTime] = useState(clock.time_s);
  const [exact, setExact] = useState(
    /** @type {{time_s: number, series: import("./series.js").Series, row: number} | null} */ (
      null
    ),
  );
  useEffect(() => {
    setTime(clock.time_s);
    return clock.subscribe(() => setTime(clock.time_s));
  }, [clock]);
  const row = series ? rowAt(series, time_s) : null;
  const isOneFrame = !series || row === null || series.count[row] === 1;
  useEffect(() => {
    if (isOneFrame || !frames) return undefined;
    const ending = new AbortController();
    const timer = setTimeout(() => {
      if (clock.playing) return;
      frames.frameAt(time_s, ending.signal).then(
        (found) => setExact(found && { ...found, time_s }),
        () => setExact(null),
      );
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [time_s, isOneFrame, frames]);

  const isExact = !isOneFrame && exact?.time_s === time_s;
  const shown = isExact ? exact.series : series;
  const at = isExact ? exact.row : row;
  const labels = [...new Map(plots.flatMap((plot) => plot.lines.map((it) => [it.label, it])))];
  const isByLight = labels.length < plots.reduce((sum, plot) => sum + plot.lines.length, 0);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Values now">
    <table class="now">
      <caption>Values at <span data-time=${time_s}>${position(time_s, 2)}</span></caption>
      ${isByLight ? byLight(plots, labels, shown, at) : byColumn(plots, shown, at)}
    </table>
  </div>`;
}

/**
 * @param {import("./plots.js").Plot[]} plots
 * @param {[string, import("./plots.js").Line][]} labels
 * @param {import("./series.js").Series | null} series
 * @param {number | null} row
 */
function byLight(plots, labels, series, row) {
  return html`<thead>
      <tr>
        <th scope="col">Light</th>
        ${plots.map((plot) => html`<th scope="col" key=${plot.id}>${plot.title}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${labels.map(
        ([label, line]) => html`<tr key=${label}>
          <th scope="row"><${Sample} ink=${line.ink} /> ${label}</th>
          ${plots.map((plot) => {
            const own = plot.lines.find((it) => it.label === label);
            return html`<td key=${plot.id}>${own ? textOf(plot, own, series, row) : ""}</td>`;
          })}
        </tr>`,
      )}
    </tbody>`;
}

/**
 * @param {import("./plots.js").Plot[]} plots
 * @param {import("./series.js").Series | null} series
 * @param {number | null} row
 */
function byColumn(plots, series, row) {
  return html`<thead>
      <tr>
        <th scope="col">Number</th>
        <th scope="col">Value</th>
      </tr>
    </thead>
    <tbody>
      ${plots.flatMap((plot) =>
        plot.lines.map(
          (line) => html`<tr key=${line.column}>
            <th scope="row"><${Sample} ink=${line.ink} /> ${line.label}</th>
            <td>${textOf(plot, line, series, row)}</td>
          </tr>`,
        ),
      )}
    </tbody>`;
}

/**
 * @param {import("./plots.js").Plot} plot
 * @param {import("./plots.js").Line} line
 * @param {import("./series.js").Series | null} series
 * @param {number | null} row
 */
function textOf(plot, line, series, row) {
  return plot.form === "bands"
    ? statusAt(series, row, line.column)
    : numberAt(series, row, line.column, plot.unit);
}

/** How a line is drawn. @param {{ink: number}} given */
export function Sample({ ink }) {
  return html`<svg class="sample ink-${ink}" width="28" height="8" aria-hidden="true">
    <line x1="0" y1="4" x2="28" y2="4" stroke-dasharray=${(DASHES[ink] ?? []).join(" ")} />
  </svg>`;
}
