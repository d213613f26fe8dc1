/** Open a share link: its token is exchanged for the page's cookie, and leaves the address. */
import { html, useEffect, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { logInWith } from "./login.js";

/**
 * @param {object} given
 * @param {import("../router.js").Place} given.place
 * @param {(me: import("../main.js").Me) => void} given.enter
 */
export default function Share({ place, enter }) {
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  useEffect(() => {
    logInWith(place.name).then(
      (me) => {
        window.location.replace(address("sessions", me.session ?? "", "watch"));
        enter(me);
      },
      (error) => setProblem(error),
    );
  }, []);
  if (!problem) return html`<p aria-busy="true">The link is being opened …</p>`;
  return html`<section class="card narrow">
    <h1>This link does not open</h1>
    <${ProblemNote} problem=${problem} />
    <p>It may have expired, or somebody revoked it. Ask the person who sent it for a new one.</p>
  </section>`;
}
