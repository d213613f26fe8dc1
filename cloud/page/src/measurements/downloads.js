/** The report, the frames as CSV, and the file itself. */
import { chosenProject, get, getText } from "../api.js";
import { bytes } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { fileName, MOST_FRAMES, readCsv, save } from "./csv.js";

/**
 * @param {object} given
 * @param {any} given.summary
 * @param {string} given.path of the frames
 * @param {any} given.artifact
 * @param {import("./ranges.js").View | null} given.part that is shown; null is the whole film
 */
export function Downloads({ summary, path, artifact, part }) {
  const session = decodeURIComponent(path.split("/")[2] ?? "");
  const asked = new URLSearchParams({ artifact: artifact.artifact_id });
  return html`<div class="downloads">
    ${summary.kind === "papi" && html`<${Report} path=${`${path}/report?${asked}`} name=${fileName(session, "report", "html")} />`}
    <${Csv} summary=${summary} path=${path} artifact=${artifact} part=${part} session=${session} />
    <${Whole} path=${path} artifact=${artifact} />
  </div>`;
}

/** @param {{path: string, name: string}} given */
function Report({ path, name }) {
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  // A link cannot say which project it means, so a report of another project than the token's own is a file.
  if (!chosenProject()) {
    return html`<a class="button plain" href=${path} target="_blank" rel="noopener">Report to print</a>`;
  }
  const load = () => {
    setProblem(null);
    getText(path, "text/html").then(({ text }) => save([text], name, "text/html"), setProblem);
  };
  return html`<button type="button" class="plain" onClick=${load}>Report to print</button>
    ${problem && html`<${ProblemNote} problem=${problem} retry=${load} />`}`;
}

/** @param {{summary: any, path: string, artifact: any, part: import("./ranges.js").View | null, session: string}} given */
function Csv({ summary, path, artifact, part, session }) {
  const [reading, setReading] = useState(/** @type {{at: number} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(), []);
  const share = part ? (part.to_s - part.from_s) / Math.max(summary.duration_s, 1e-3) : 1;
  if (summary.frames * Math.min(share, 1) > MOST_FRAMES) {
    return html`<p class="quiet">
      As CSV the page saves at most ${MOST_FRAMES.toLocaleString()} frames: zoom in, or take the whole file.
    </p>`;
  }
  const load = async () => {
    ending.current = new AbortController();
    setProblem(null);
    setReading({ at: summary.first_frame });
    const { signal } = ending.current;
    try {
      const tell = (/** @type {number} */ at) => setReading({ at });
      const asked = { path, artifact_id: artifact.artifact_id, part, signal, tell };
      const pieces = await readCsv(asked);
      save(pieces, fileName(session, artifact.name, "csv"), "text/csv");
    } catch (error) {
      if (!signal.aborted) setProblem(error);
    } finally {
      setReading(null);
    }
  };
  return html`${
    reading
      ? html`<span class="reading">
        <progress
          aria-label="Frames read"
          max=${summary.last_frame - summary.first_frame + 1}
          value=${reading.at - summary.first_frame}
        ></progress>
        <button type="button" class="plain" onClick=${() => ending.current.abort()}>Stop</button>
      </span>`
      : html`<button type="button" class="plain" onClick=${load}>${part ? "CSV of the part shown" : "CSV of all frames"}</button>`
  }
  ${problem && html`<${ProblemNote} problem=${problem} retry=${load} />`}`;
}

/** @param {{path: string, artifact: any}} given */
function Whole({ path, artifact }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const session = path.slice(0, path.lastIndexOf("/"));
  const ask = () => {
    setProblem(null);
    const asked = `${session}/artifacts/${encodeURIComponent(artifact.artifact_id)}/url`;
    get(asked).then(setFound, setProblem);
  };
  if (found) {
    return html`<a class="button plain" href=${found.url} target="_blank" rel="noopener noreferrer" download>
      ${artifact.name} (${bytes(found.size_bytes)}), for ${Math.round(found.expires_in_s / 60)} min
    </a>`;
  }
  return html`<button type="button" class="plain" onClick=${ask}>The file itself</button>
    ${problem && html`<${ProblemNote} problem=${problem} retry=${ask} />`}`;
}
