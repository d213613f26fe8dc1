/** The page: asks who is here, then shows the view that the address names. */
import { call, Problem } from "./api.js";
import { html, render, useEffect, useState } from "./html.js";
import { ProblemNote } from "./parts/problem.js";
import { Shell } from "./parts/shell.js";
import { address, followAddress } from "./router.js";

/**
 * @typedef {object} Me
 * @property {"operator" | "viewer"} role
 * @property {string} project `*` for all
 * @property {string | null} session the one session of a share link
 * @property {string} expires_at
 */

/** @type {Record<string, () => Promise<{default: any}>>} */
const VIEWS = {
  fleet: () => import("./views/fleet.js"),
  sessions: () => import("./views/sessions.js"),
  session: () => import("./views/session.js"),
  receipt: () => import("./views/receipt.js"),
  watch: () => import("./views/watch.js"),
  group: () => import("./views/group.js"),
  "watch-group": () => import("./views/watch-group.js"),
  upload: () => import("./views/upload.js"),
  login: () => import("./views/login.js"),
  share: () => import("./views/share.js"),
  missing: () => import("./views/missing.js"),
};

const WITHOUT_LOGIN = new Set(["login", "share"]);
const OF_A_SHARE = new Set(["session", "watch", "receipt", "login", "share"]);

function Page() {
  const [place, setPlace] = useState(/** @type {import("./router.js").Place | null} */ (null));
  const [me, setMe] = useState(/** @type {Me | null | undefined} */ (undefined));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));

  const askWho = () =>
    whoIsHere().then(
      (found) => {
        setProblem(null);
        setMe(found);
      },
      (error) => setProblem(error),
    );
  useEffect(() => followAddress(setPlace), []);
  useEffect(() => void askWho(), []);

  if (problem)
    return html`<main class="lone"><${ProblemNote} problem=${problem} retry=${askWho} /></main>`;
  if (!place || me === undefined)
    return html`<main class="lone" aria-busy="true"><p>One moment …</p></main>`;
  const view = viewOf(place.view, me);
  return html`<${Shell} me=${me} place=${place} leave=${() => setMe(null)}>
    <${Loaded} key=${view} view=${view} place=${place} me=${me} enter=${setMe} />
  <//>`;
}

/**
 * A view, fetched when it is first needed.
 * @param {{view: string, place: import("./router.js").Place, me: Me | null, enter: (me: Me) => void}} given
 */
function Loaded({ view, place, me, enter }) {
  const [View, setView] = useState(/** @type {{of: any} | null} */ (null));
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let wanted = true;
    const load = VIEWS[view] ?? VIEWS.missing;
    load?.().then(
      (loaded) => wanted && setView({ of: loaded.default }),
      () => wanted && setFailed(true),
    );
    return () => {
      wanted = false;
    };
  }, [view]);
  if (failed) {
    return html`<p role="alert">This part of the page could not be loaded. Check the network, then reload the page.</p>`;
  }
  if (!View) return html`<p aria-busy="true">One moment …</p>`;
  return html`<${View.of} key=${`${view} ${place.name}`} place=${place} me=${me} enter=${enter} />`;
}

/** @returns {Promise<Me | null>} null where nobody is logged in */
async function whoIsHere() {
  try {
    return (await call("GET", "v1/login")).document;
  } catch (error) {
    if (error instanceof Problem && error.isLoggedOut) return null;
    throw error;
  }
}

/**
 * The view to show: without a login only the login, and of a share only its session's views.
 * @param {string} wanted
 * @param {Me | null} me
 */
function viewOf(wanted, me) {
  if (!me) return WITHOUT_LOGIN.has(wanted) ? wanted : "login";
  if (me.session && !OF_A_SHARE.has(wanted)) {
    window.location.hash = address("sessions", me.session, "watch");
    return "missing";
  }
  return wanted;
}

const home = document.getElementById("page");
if (home) render(html`<${Page} />`, home);
