/** A plot as a part of the page: it takes the pointer and the keys, and tells in words where the film is. */
import { position } from "../format.js";
import { html, useEffect, useId, useRef } from "../html.js";
import { Chart } from "./chart.js";
import { followPointer, obeyKey } from "./gestures.js";
import { rowAt } from "./series.js";
import { numberAt, statusAt, unitText } from "./words.js";

/**
 * @param {object} given
 * @param {import("./plots.js").Plot} given.plot
 * @param {import("./series.js").Series | null} given.series
 * @param {import("./ranges.js").View} given.view
 * @param {import("./ranges.js").View} given.film
 * @param {import("../player/clock.js").FilmClock} given.clock
 * @param {import("./gestures.js").Deeds} given.deeds
 */
export function PlotCard({ plot, series, view, film, clock, deeds }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const chart = useRef(/** @type {Chart | null} */ (null));
  const present = useRef({ series, plot });
  present.current = { series, plot };
  const title = useId();

  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (host.current);
    const made = new Chart(element, plot);
    chart.current = made;
    const everyPlot = {
      ...deeds,
      point: (/** @type {number | null} */ time_s) => made.point(time_s),
    };
    const endPointer = followPointer(made, everyPlot);
    return () => {
      endPointer();
      made.end();
      chart.current = null;
    };
  }, [plot, deeds]);
  useEffect(() => {
    chart.current?.show(series, view);
  }, [plot, deeds, series, view]);
  useEffect(() => {
    const place = () => {
      chart.current?.place(clock.time_s);
      const { series: now, plot: drawnPlot } = present.current;
      tell(host.current, drawnPlot, now, clock.time_s);
    };
    place();
    return clock.subscribe(place);
  }, [clock, plot, deeds, series]);

  /** @param {KeyboardEvent} event */
  const obey = (event) => {
    if (!obeyKey(event, { view, film }, deeds)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<figure class="plot" data-plot=${plot.id}>
    <figcaption id=${title}>${plot.title}${plot.unit ? ` (${unitText(plot.unit).trim()})` : ""}</figcaption>
    <div
      ref=${host}
      class="field"
      role="slider"
      tabindex="0"
      aria-labelledby=${title}
      aria-valuemin=${film.from_s}
      aria-valuemax=${film.to_s}
      onKeyDown=${obey}
    ></div>
  </figure>`;
}

/**
 * Tell those who do not see the plot where the film is, and what the plot has there.
 * @param {HTMLElement | null} host
 * @param {import("./plots.js").Plot} plot
 * @param {import("./series.js").Series | null} series
 * @param {number} time_s
 */
function tell(host, plot, series, time_s) {
  const row = series ? rowAt(series, time_s) : null;
  const values = plot.lines.map((line) => {
    const text =
      plot.form === "bands"
        ? statusAt(series, row, line.column)
        : numberAt(series, row, line.column, plot.unit);
    return `${line.label} ${text}`;
  });
  host?.setAttribute("aria-valuenow", time_s.toFixed(3));
  host?.setAttribute("aria-valuetext", `${position(time_s, 2)}: ${values.join("; ")}`);
}
