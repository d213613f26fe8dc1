/** What was found in the whole film: a row for each light with its verdict, or for each number. */
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { letterOf } from "./plots.js";
import { angleText, arcMinutes, valueText } from "./words.js";

/**
 * @param {object} given
 * @param {any} given.summary
 * @param {string} given.path of the frames
 * @param {string} given.artifact_id
 */
export function Results({ summary, path, artifact_id }) {
  return html`${
    summary.kind === "papi"
      ? html`<${Lights} summary=${summary} path=${path} artifact_id=${artifact_id} />`
      : html`<${Numbers} summary=${summary} />`
  }
    <${Rejected} summary=${summary} />`;
}

/** @param {{summary: any, path: string, artifact_id: string}} given */
function Lights({ summary, path, artifact_id }) {
  const [report, setReport] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const ending = new AbortController();
    const asked = new URLSearchParams({ artifact: artifact_id });
    get(`${path}/report?${asked}`, ending.signal).then(setReport, (error) => {
      if (!ending.signal.aborted) setProblem(error);
    });
    return () => ending.abort();
  }, [path, artifact_id]);
  if (problem) return html`<${ProblemNote} problem=${problem} />`;
  if (!report) return html`<p aria-busy="true">The verdicts are on their way …</p>`;
  const { inspection } = report;
  return html`<p>
      <${Verdict} verdict=${inspection.verdict} /> ${inspection.reason}
      ${report.needs_index && html` <strong>${report.needs_index}</strong>`}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Lights">
      <table class="lights">
        <caption class="quiet">At which angle each light turns from red to white, ± the half of its 95 % interval</caption>
        <thead>
          <tr>
            <th scope="col">Light</th>
            <th scope="col">Box</th>
            <th scope="col" class="number">Angle</th>
            <th scope="col" class="number">Width</th>
            <th scope="col" class="number">Nominal</th>
            <th scope="col">Runs</th>
            <th scope="col">Verdict</th>
          </tr>
        </thead>
        <tbody>
          ${inspection.lights.map(
            (/** @type {any} */ light) =>
              html`<${Light} key=${light.light} light=${light} found=${summary.lights?.[light.light]} />`,
          )}
        </tbody>
      </table>
    </div>
    <${Symmetry} symmetry=${inspection.symmetry} />
    <${GlidePaths} paths=${inspection.glide_paths} />`;
}

/** @param {{light: any, found: any}} given */
function Light({ light, found }) {
  return html`<tr>
    <th scope="row">${letterOf(light.light)}</th>
    <td>${[light.wing, light.box].filter((each) => each !== null).join(" ") || "–"}</td>
    <td class="number">${angleText(light.angle, light.interval)}</td>
    <td class="number">${arcMinutes(light.width)}</td>
    <td class="number">
      ${valueText(light.nominal_angle, "deg")}${light.tolerance !== null ? ` ± ${arcMinutes(light.tolerance)}` : ""}
    </td>
    <td>${runsText(found?.transition)}</td>
    <td><${Verdict} verdict=${light.verdict} /> ${light.reason}</td>
  </tr>`;
}

/** @param {{symmetry: any}} given */
function Symmetry({ symmetry }) {
  if (!symmetry) return null;
  const pairs = symmetry.pairs ?? [];
  return html`<p>
    <strong>Symmetry:</strong> <${Verdict} verdict=${symmetry.verdict} />
    ${symmetry.reason}
    ${pairs.map(
      (/** @type {any} */ pair) =>
        html` <span class="pair">Box ${pair.box}: left minus right ${arcMinutes(pair.difference)}.</span>`,
    )}
  </p>`;
}

/** @param {{paths: any[]}} given */
function GlidePaths({ paths }) {
  return (paths ?? []).map(
    (path) => html`<p key=${path.wing}>
      <strong>Glide path${path.wing ? `, ${path.wing} wing` : ""}:</strong>
      ${` ${angleText(path.angle, path.interval)} `}
      <${Verdict} verdict=${path.verdict} /> ${path.reason}
    </p>`,
  );
}

/** @param {{verdict: string | null}} given */
function Verdict({ verdict }) {
  if (!verdict) return null;
  const kind = verdict === "pass" ? "good" : verdict === "fail" ? "bad" : "warn";
  return html`<span class="badge ${kind}">${verdict}</span>`;
}

/** @param {{summary: any}} given */
function Numbers({ summary }) {
  const numbers = Object.entries(summary.numbers ?? {});
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Numbers">
    <table>
      <thead>
        <tr>
          <th scope="col">Number</th>
          <th scope="col" class="number">Frames</th>
          <th scope="col" class="number">Least</th>
          <th scope="col" class="number">Mean</th>
          <th scope="col" class="number">Greatest</th>
        </tr>
      </thead>
      <tbody>
        ${numbers.map(([name, { count, min, mean, max }]) => {
          const unit = summary.units?.[name] ?? "";
          return html`<tr key=${name}>
            <th scope="row">${name}</th>
            <td class="number">${count}</td>
            <td class="number">${valueText(min, unit)}</td>
            <td class="number">${valueText(mean, unit)}</td>
            <td class="number">${valueText(max, unit)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

/** @param {{summary: any}} given */
function Rejected({ summary }) {
  if (!summary.rejected) return null;
  return html`<details>
    <summary>${summary.rejected} of ${summary.rejected + summary.frames} frames were rejected</summary>
    <ul>
      ${summary.first_rejects.map(
        (/** @type {any} */ reject, /** @type {number} */ place) =>
          html`<li key=${place}>Frame ${reject.frame} of the file: ${reject.reason}</li>`,
      )}
    </ul>
  </details>`;
}

/**
 * How many runs the angle of a light was fitted from.
 * @param {any} transition
 */
function runsText(transition) {
  const runs = transition?.runs;
  if (!Array.isArray(runs)) return "–";
  const fitted = runs.filter((run) => run.outcome === "fitted").length;
  const further = transition.further_runs ? `, ${transition.further_runs} more not listed` : "";
  const aside = sumOf(transition.frames_set_aside);
  return `${fitted} of ${runs.length} fitted${further}; ${transition.frames_used ?? 0} frames used, ${aside} set aside`;
}

/** @param {any} aside a number, or numbers by reason */
function sumOf(aside) {
  if (typeof aside === "number") return aside;
  return Object.values(aside ?? {}).reduce((sum, count) => sum + Number(count), 0);
}
