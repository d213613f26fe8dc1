/** A problem, in the coordinator's own words. */
import { html } from "../html.js";

/**
 * @param {object} given
 * @param {import("../api.js").Problem} given.problem
 * @param {() => void} [given.retry] offered as a button
 */
export function ProblemNote({ problem, retry }) {
  return html`<div class="problem" role="alert">
    <p><strong>${problem.title}.</strong> ${problem.detail}</p>
    ${problem.requestId && html`<p class="quiet">Tell an operator this number: <code>${problem.requestId}</code></p>`}
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}
