/** What happened, in order of time, and for operators who did it. */
import { get } from "../api.js";
import { time } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { eventsOf, trailLines } from "./events.js";

/**
 * @param {object} given
 * @param {any} given.session
 * @param {any[]} given.artifacts
 * @param {boolean} given.mayAct
 */
export function History({ session, artifacts, mayAct }) {
  return html`<section class="card" aria-labelledby="events">
    <h2 id="events">Events</h2>
    <ol class="events">
      ${eventsOf(session, artifacts).map(
        (event, index) => html`<li key=${index} class=${event.kind}>
          <time dateTime=${event.at}>${time(event.at)}</time> <span>${event.what}</span>
        </li>`,
      )}
    </ol>
    ${mayAct && html`<${Trail} session=${session} />`}
  </section>`;
}

/** Who changed what; it is asked for when it is opened. @param {{session: any}} given */
function Trail({ session }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary>Audit trail: who did what</summary>
    ${open && html`<${Entries} name=${session.session_id} version=${session.version} />`}
  </details>`;
}

/** @param {{name: string, version: number}} given */
function Entries({ name, version }) {
  const [entries, setEntries] = useState(/** @type {any[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  useEffect(() => {
    const ending = new AbortController();
    wholeTrail(name, ending.signal).then(
      (found) => {
        setProblem(null);
        setEntries(found);
      },
      (error) => ending.signal.aborted || setProblem(error),
    );
    return () => ending.abort();
  }, [name, version]);
  if (problem) return html`<${ProblemNote} problem=${problem} />`;
  if (!entries) return html`<p aria-busy="true">One moment …</p>`;
  return html`<div class="scroll"><table>
    <thead><tr><th>When</th><th>Who</th><th>What</th><th>By which call</th></tr></thead>
    <tbody>
      ${entries.map(
        (entry) => html`<tr key=${entry.version}>
          <td>${time(entry.at)}</td>
          <td class="name">${entry.who}</td>
          <td class="name">${trailLines(entry).map((line, index) => html`<div key=${index}>${line}</div>`)}</td>
          <td class="name quiet">${entry.route ?? "–"}</td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

const MOST_PAGES = 20;

/**
 * All entries, up to 2,000 of them. Raises Problem.
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function wholeTrail(name, signal) {
  /** @type {any[]} */
  const entries = [];
  let cursor = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
    const answer = await get(`v1/sessions/${encodeURIComponent(name)}/audit${query}`, signal);
    entries.push(...answer.entries);
    cursor = answer.cursor;
    if (!cursor) break;
  }
  return entries;
}
