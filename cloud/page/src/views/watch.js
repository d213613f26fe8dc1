/** One session's film over all its chapters, and what was measured in it. */
import { html, useMemo } from "../html.js";
import { Measurements } from "../measurements/index.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";
import { Clock } from "../player/clock.js";
import { address } from "../router.js";

/** @param {{place: import("../router.js").Place}} given */
export default function Watch({ place }) {
  const { document: session, problem } = useLive(`v1/sessions/${encodeURIComponent(place.name)}`);
  const clock = useMemo(() => new Clock({ duration_s: lengthOf(session) }), [lengthOf(session)]);
  return html`<h1>Watch <a href=${address("sessions", place.name)}>${place.name}</a></h1>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${session && html`<${Measurements} session=${session} clock=${clock} />`}`;
}

/** @param {any} session */
function lengthOf(session) {
  /** @type {{film: {duration_ms: number | null} | null}[]} */
  const chapters = session?.chapters ?? [];
  return chapters.reduce((sum, { film }) => sum + (film?.duration_ms ?? 0), 0) / 1000;
}
