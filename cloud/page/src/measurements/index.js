/** What was measured in the film, in step with it: plots, the values now, and what was found in the whole film. */
import { get, Problem } from "../api.js";
import { loadStyle } from "../assets.js";
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { LONGEST_WAIT_MS, live, POLL_MS } from "../live.js";
import { ProblemNote } from "../parts/problem.js";
import { Clock } from "../player/clock.js";
import { Choice } from "./choice.js";
import { Downloads } from "./downloads.js";
import { Frames } from "./frames.js";
import { Now } from "./now.js";
import { columnsOf, firstChoice, MOST_COLUMNS, plotsOf } from "./plots.js";
import { following, inFilm, panned, stepped, zoomed } from "./ranges.js";
import { gapsOf } from "./series.js";
import { Results } from "./table.js";
import { gapsText, whyNot } from "./words.js";

/**
 * @typedef {object} Given
 * @property {any} artifact measurements, as the list of artifacts tells them
 * @property {string} path of the session, or of its frames
 * @property {import("../player/clock.js").FilmClock} clock
 * @property {() => void} outdated called when another version answers
 */

const USUAL_FRAME_S = 1 / 30;
const BESIDE_THE_FIELD_PX = 80;

/**
 * @param {object} given
 * @param {any} given.session the session as the coordinator answers it
 * @param {import("../player/clock.js").FilmClock} given.clock
 */
export function Measurements({ session, clock }) {
  const path = `v1/sessions/${encodeURIComponent(session.session_id)}`;
  const [{ document, problem }, askAgain] = useArtifacts(path, session);
  const [named, setNamed] = useState(/** @type {string | null} */ (null));
  const measured = (document?.artifacts ?? []).filter(
    (/** @type {any} */ each) => each.kind === "measurements",
  );
  const artifact =
    measured.find((/** @type {any} */ each) => each.artifact_id === named) ??
    measured.find((/** @type {any} */ each) => whyNot(each) === null) ??
    measured[0];
  return html`<section class="card measurements" aria-labelledby="measurements">
    <h2 id="measurements">Measurements</h2>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!document && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${document && !artifact && html`<p class="quiet">Nothing was measured in this film, and its order asks for no measurements.</p>`}
    ${
      measured.length > 1 &&
      html`<label class="which">
        Measurements of
        <select
          value=${artifact.artifact_id}
          onChange=${(/** @type {any} */ event) => setNamed(event.currentTarget.value)}
        >
          ${measured.map(
            (/** @type {any} */ each) =>
              html`<option key=${each.artifact_id} value=${each.artifact_id}>${each.name}</option>`,
          )}
        </select>
      </label>`
    }
    ${
      artifact &&
      html`<${One}
        key=${artifact.artifact_id}
        artifact=${artifact}
        path=${path}
        clock=${clock}
        outdated=${askAgain}
      />`
    }
  </section>`;
}

/**
 * The session's artifacts: asked for often while measurements are on their way, seldom once they are there, and at once
 * when the session changes or `askAgain` is called.
 * @param {string} path
 * @param {any} session
 * @returns {[import("../live.js").News, () => void]}
 */
function useArtifacts(path, session) {
  const [news, setNews] = useState(
    /** @type {import("../live.js").News} */ ({ document: null, problem: null }),
  );
  const [turn, setTurn] = useState(0);
  const isWaiting = !news.document?.artifacts
    .filter((/** @type {any} */ each) => each.kind === "measurements")
    .every((/** @type {any} */ each) => whyNot(each)?.is_fault ?? true);
  const pollMs = isWaiting ? POLL_MS : LONGEST_WAIT_MS;
  useEffect(() => live(`${path}/artifacts`, setNews, { pollMs }), [path, session, turn, pollMs]);
  const askAgain = useCallback(() => setTurn((before) => before + 1), []);
  return [news, askAgain];
}

/**
 * One file of measurements, in its newest version.
 * @param {Given} given
 */
function One({ artifact, path, clock, outdated }) {
  const revision = artifact.index?.revision ?? null;
  const first = useRef(revision);
  first.current ??= revision;
  const why = whyNot(artifact);
  if (why) {
    return why.is_fault
      ? html`<div class="problem" role="alert"><p><strong>${artifact.name}.</strong> ${why.text}</p></div>`
      : html`<p role="status"><strong>${artifact.name}.</strong> ${why.text}</p>`;
  }
  return html`${
    revision !== first.current &&
    html`<p role="status">These frames were measured again: the page shows the newer version.</p>`
  }
    <${Loaded}
      key=${revision}
      artifact=${artifact}
      path=${`${path}/frames`}
      clock=${clock}
      outdated=${outdated}
    />`;
}

/** @param {Given} given */
function Loaded({ artifact, path, clock, outdated }) {
  const [loaded, setLoaded] = useState(/** @type {{summary: any, PlotCard: any} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    const asked = new URLSearchParams({ artifact: artifact.artifact_id });
    setProblem(null);
    Promise.all([
      get(`${path}/summary?${asked}`, ending.signal),
      import("./plot.js").catch(() => Promise.reject(missingPart())),
      loadStyle("uplot-style").catch(() => Promise.reject(missingPart())),
    ]).then(
      ([summary, { PlotCard }]) => !ending.signal.aborted && setLoaded({ summary, PlotCard }),
      (error) => !ending.signal.aborted && setProblem(error),
    );
    return () => ending.abort();
  }, [path, artifact.artifact_id, attempt]);
  if (problem)
    return html`<${ProblemNote} problem=${problem} retry=${() => setAttempt(attempt + 1)} />`;
  if (!loaded) return html`<p aria-busy="true">The measurements are on their way …</p>`;
  return html`<${InStep}
    summary=${loaded.summary}
    PlotCard=${loaded.PlotCard}
    artifact=${artifact}
    path=${path}
    clock=${clock}
    outdated=${outdated}
  />`;
}

/** @param {Given & {summary: any, PlotCard: any}} given */
function InStep({ summary, PlotCard, artifact, path, clock: clockOfFilm, outdated }) {
  const artifact_id = artifact.artifact_id;
  const home = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plots = useMemo(() => plotsOf(summary), [summary]);
  const [choice, setChoice] = useChoice(summary.kind, plots);
  const shownPlots = useMemo(() => chosen(plots, choice), [plots, choice]);
  const beat = useMemo(() => beatOf(summary), [summary]);
  const [film, clock] = useFilm(clockOfFilm, summary.last_s + beat.frame_s);
  const [view, deeds] = useView(clock, film, beat);
  const [isOutdated, setOutdated] = useState(false);
  const { frames, shown } = useFrames(
    { path, artifact_id, revision: summary.revision, frame_s: beat.frame_s, film },
    () => {
      setOutdated(true);
      outdated();
    },
  );

  const columns = columnsOf(shownPlots);
  const asked = [...columns.numbers, ...columns.words].join();
  const isTooMuch = columns.numbers.length + columns.words.length > MOST_COLUMNS;
  useEffect(() => {
    if (!frames || isTooMuch || !asked) return;
    const width = (home.current?.clientWidth ?? 0) - BESIDE_THE_FIELD_PX;
    frames.choose(columnsOf(shownPlots), width);
  }, [frames, asked, isTooMuch]);
  useEffect(() => frames?.look(view), [frames, view]);
  useEffect(() => measureDrawing(shown), [shown]);

  const isWhole = view === film;
  const gaps = useMemo(() => (shown.series ? gapsOf(shown.series) : []), [shown.series]);
  return html`<div ref=${home} class="in-step" data-rows=${shown.newest} data-busy=${shown.busy ? "" : undefined} data-from=${view.from_s} data-to=${view.to_s}>
    ${isOutdated && html`<p role="status">These frames were measured again. The page shows the newer version in a moment.</p>`}
    <div class="tools">
      <${Choice} plots=${plots} choice=${choice} choose=${setChoice} />
      <div class="view" role="group" aria-label="Part of the film">
        <button type="button" class="plain" onClick=${() => deeds.zoom(0.5, null)}>Zoom in</button>
        <button type="button" class="plain" disabled=${isWhole} onClick=${() => deeds.zoom(2, null)}>Zoom out</button>
        <button type="button" class="plain" disabled=${isWhole} aria-label="Earlier" onClick=${() => deeds.pan((view.from_s - view.to_s) / 2)}>◀</button>
        <button type="button" class="plain" disabled=${isWhole} aria-label="Later" onClick=${() => deeds.pan((view.to_s - view.from_s) / 2)}>▶</button>
        <button type="button" class="plain" disabled=${isWhole} onClick=${() => deeds.look(null)}>Whole film</button>
      </div>
    </div>
    ${isTooMuch && html`<p role="alert">These are more than ${MOST_COLUMNS} columns at once: choose fewer plots or lights.</p>`}
    ${shown.problem && html`<${ProblemNote} problem=${shown.problem} retry=${() => frames?.retry()} />`}
    ${shownPlots.map(
      (plot) => html`<${PlotCard}
        key=${plot.id}
        plot=${plot}
        series=${shown.series}
        view=${view}
        film=${film}
        clock=${clock}
        deeds=${deeds}
      />`,
    )}
    <p class="quiet">
      ${gapsText(gaps)} Click or drag in a plot to move the film; arrow keys step by frames. Drag with Shift, or pinch,
      to zoom.
    </p>
    <${Now} plots=${shownPlots} series=${shown.series} clock=${clock} frames=${frames} />
    <h3>In the whole film</h3>
    <${Results} summary=${summary} path=${path} artifact_id=${artifact_id} />
    <${Downloads} summary=${summary} path=${path} artifact=${artifact} part=${isWhole ? null : view} />
  </div>`;
}

/**
 * What a person chose to see, remembered while the tab is open.
 * @param {string} kind
 * @param {import("./plots.js").Plot[]} plots
 * @returns {[import("./choice.js").Chosen, (choice: import("./choice.js").Chosen) => void]}
 */
function useChoice(kind, plots) {
  const key = `reelhaul.plots.${kind}`;
  const [choice, setChoice] = useState(
    () => remembered(key) ?? { plots: firstChoice(kind, plots), hidden: [] },
  );
  return [
    choice,
    (next) => {
      window.sessionStorage.setItem(key, JSON.stringify(next));
      setChoice(next);
    },
  ];
}

/**
 * The frames of a source, and what there is to draw of them.
 * @param {import("./frames.js").Source} source
 * @param {() => void} outdated
 */
function useFrames(source, outdated) {
  const [frames, setFrames] = useState(/** @type {Frames | null} */ (null));
  const [shown, setShown] = useState(/** @type {import("./frames.js").Shown} */ (NOTHING));
  useEffect(() => {
    const made = new Frames(source, { tell: setShown, outdated });
    setFrames(made);
    return () => made.end();
  }, [source.path, source.artifact_id, source.revision, source.film]);
  return { frames, shown };
}

/**
 * The part of the film that is shown, and what people do to it and to the film.
 * @param {import("../player/clock.js").FilmClock} clock
 * @param {import("./ranges.js").View} film
 * @param {{first_s: number, frame_s: number}} beat
 * @returns {[import("./ranges.js").View, import("./gestures.js").Deeds]}
 */
function useView(clock, film, beat) {
  const [part, setPart] = useState(/** @type {import("./ranges.js").View | null} */ (null));
  const view = part ?? film;
  const now = useRef({ view, film });
  now.current = { view, film };
  const deeds = useMemo(() => {
    let wanted = /** @type {number | null} */ (null);
    const seek = (/** @type {number} */ time_s) => {
      if (wanted === null) requestAnimationFrame(go);
      wanted = time_s;
    };
    const go = () => {
      if (wanted !== null) clock.seek(inFilm(wanted, now.current.film));
      wanted = null;
    };
    const look = (/** @type {import("./ranges.js").View | null} */ next) => {
      const { film: whole } = now.current;
      const isWhole = !next || next.to_s - next.from_s >= whole.to_s - whole.from_s - 1e-6;
      now.current = { view: isWhole ? whole : next, film: whole };
      setPart(isWhole ? null : next);
    };
    return {
      seek,
      step: (/** @type {number} */ frames) =>
        seek(stepped(clock.time_s, frames, beat, now.current.film)),
      skip: (/** @type {number} */ seconds) => seek(clock.time_s + seconds),
      zoom: (/** @type {number} */ factor, /** @type {number | null} */ at_s) =>
        look(
          zoomed(now.current.view, now.current.film, beat.frame_s, factor, at_s ?? clock.time_s),
        ),
      pan: (/** @type {number} */ by_s) => look(panned(now.current.view, now.current.film, by_s)),
      look: (/** @type {import("./ranges.js").View | null} */ next) =>
        look(next && zoomed(next, now.current.film, beat.frame_s, 1, next.from_s)),
      point: () => {},
    };
  }, [clock, beat]);
  useEffect(() => {
    let before_s = clock.time_s;
    return clock.subscribe(() => {
      const { view: shown, film: whole } = now.current;
      const next = following(shown, whole, before_s, clock.time_s);
      before_s = clock.time_s;
      if (next !== shown) {
        now.current = { view: next, film: whole };
        setPart(next);
      }
    });
  }, [clock]);
  return [view, deeds];
}

/**
 * The whole film, as long as the player says and at least as long as what was measured, and the clock to follow. Where
 * no film can be shown, the plots have a clock of their own: people can still read them.
 * @param {import("../player/clock.js").FilmClock} clock
 * @param {number} measured_s
 * @returns {[import("./ranges.js").View, import("../player/clock.js").FilmClock]}
 */
function useFilm(clock, measured_s) {
  const [duration_s, setDuration] = useState(clock.duration_s);
  useEffect(() => {
    setDuration(clock.duration_s);
    return clock.subscribe(() => setDuration(clock.duration_s));
  }, [clock]);
  const own = useMemo(() => new Clock({ duration_s: measured_s }), [measured_s]);
  const to_s = Math.max(duration_s, measured_s);
  const film = useMemo(() => ({ from_s: 0, to_s }), [to_s]);
  return [film, duration_s > 0 ? clock : own];
}

/** @param {import("./plots.js").Plot[]} plots @param {import("./choice.js").Chosen} choice */
function chosen(plots, choice) {
  return plots
    .filter((plot) => choice.plots.includes(plot.id))
    .map((plot) => ({
      ...plot,
      lines: plot.lines.filter((line) => !choice.hidden.includes(line.label)),
    }))
    .filter((plot) => plot.lines.length > 0);
}

/**
 * When the first frame is shown, and how long each is.
 * @param {any} summary
 */
function beatOf({ first_s, last_s, first_frame, last_frame }) {
  const frame_s = (last_s - first_s) / (last_frame - first_frame);
  return { first_s, frame_s: frame_s > 0 && Number.isFinite(frame_s) ? frame_s : USUAL_FRAME_S };
}

/** @param {string} key @returns {import("./choice.js").Chosen | null} */
function remembered(key) {
  try {
    const found = JSON.parse(window.sessionStorage.getItem(key) ?? "null");
    return Array.isArray(found?.plots) && Array.isArray(found?.hidden) ? found : null;
  } catch {
    return null;
  }
}

/**
 * Note how long it took to draw what came, for those who measure the page.
 * @param {import("./frames.js").Shown} shown
 */
function measureDrawing(shown) {
  if (!shown.newest || shown.busy) return;
  requestAnimationFrame(() => {
    performance.measure(`measurements-${shown.newest}-drawn`, { start: shown.answered_at });
    performance.measure(`measurements-${shown.newest}`, { start: shown.asked_at });
  });
}

function missingPart() {
  return new Problem({
    title: "A part of the page is missing",
    detail: "The plots could not be loaded. Check the network, then reload the page.",
    status: 0,
  });
}

/** @type {import("./frames.js").Shown} */
const NOTHING = {
  series: null,
  problem: null,
  newest: null,
  asked_at: 0,
  answered_at: 0,
  busy: false,
};
