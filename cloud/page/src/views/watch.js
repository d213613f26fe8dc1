/** One session's film over all its chapters, and what was measured in it. */
import { html, useMemo } from "../html.js";
import { Measurements } from "../measurements/index.js";
import { useLive } from "../parts/live.js";
import { ProblemNote } from "../parts/problem.js";
import { Clock } from "../player/clock.js";
import { SessionFilm } from "../player/session-film.js";
import { address } from "../router.js";

/** @param {{place: import("../router.js").Place}} given */
export default function Watch({ place }) {
  const { document: session, problem } = useLive(`v1/sessions/${encodeURIComponent(place.name)}`);
  const clock = useMemo(() => new Clock(), []);
  return html`<h1>Watch <a href=${address("sessions", place.name)}>${place.name}</a></h1>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${!session && !problem && html`<p aria-busy="true">One moment …</p>`}
    ${session && html`<${SessionFilm} session=${session} clock=${clock} />`}
    ${session && html`<${Measurements} session=${session} clock=${clock} />`}`;
}
