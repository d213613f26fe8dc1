/** The way to an artifact's bytes: its address is asked for at the click, and the page keeps none. */
import { get } from "../api.js";
import { html, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";

/**
 * A button that opens an artifact, or says why it cannot.
 * @param {object} given
 * @param {string} given.session
 * @param {string} given.artifactId
 * @param {string} given.name what the artifact is called for people
 * @param {string} given.children what the button says
 */
export function Download({ session, artifactId, name, children }) {
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const fetchIt = async () => {
    setBusy(true);
    setProblem(null);
    try {
      open(await addressOf(session, artifactId), name);
    } catch (error) {
      setProblem(/** @type {import("../api.js").Problem} */ (error));
    } finally {
      setBusy(false);
    }
  };
  return html`<span class="download">
    <button type="button" class="plain small" disabled=${busy} onClick=${fetchIt} aria-label=${`${children}: ${name}`}>
      ${children}
    </button>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
  </span>`;
}

/**
 * Where to read an artifact for the next 15 minutes. Raises Problem.
 * @param {string} session
 * @param {string} artifactId
 * @returns {Promise<string>}
 */
async function addressOf(session, artifactId) {
  const path = `v1/sessions/${encodeURIComponent(session)}/artifacts/${encodeURIComponent(artifactId)}/url`;
  return (await get(path)).url;
}

/** @param {string} url @param {string} name */
function open(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.download = name;
  link.click();
}
