/** Upload: choose or name a session, drop films into it, see each of them proven. */
import { get } from "../api.js";
import { loadStyle } from "../assets.js";
import { bytes } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { loadSession, MOST_FILMS, whyClosed, withdraw } from "../upload/session.js";

/** @typedef {import("../api.js").Problem} Problem */

const NAME = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,99}";

/** @param {{place: import("../router.js").Place, me: import("../main.js").Me}} given */
export default function View({ place, me }) {
  if (me.role !== "operator") {
    return html`<h1>Upload</h1>
      <p class="card">Only operators upload films. Log in with an operator's token.</p>`;
  }
  return place.name
    ? html`<${IntoSession} name=${place.name} group=${place.query.get("group")} />`
    : html`<${ChooseSession} />`;
}

function ChooseSession() {
  const [open, setOpen] = useState(/** @type {any[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const load = () =>
    get("v1/sessions?device=browser&state=OPEN&limit=20").then(
      (page) => setOpen(page.sessions),
      (error) => setProblem(error),
    );
  useEffect(() => void load(), []);
  /** @param {SubmitEvent} event */
  const go = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const group = String(form.get("group") ?? "").trim();
    const query = group ? `?group=${encodeURIComponent(group)}` : "";
    window.location.hash = `${address("sessions", String(form.get("name")), "upload")}${query}`;
  };
  return html`<h1>Upload films</h1>
    <form class="card narrow-form" onSubmit=${go}>
      <h2>A new session</h2>
      <label>
        Name
        <input name="name" required pattern=${NAME} defaultValue=${suggestedName()} autocomplete="off" spellcheck=${false} />
      </label>
      <p class="quiet">Letters, digits, dots, dashes and underscores. A session holds the films of one camera.</p>
      <label>Group, such as all cameras of a match <input name="group" maxlength="100" autocomplete="off" /></label>
      <div class="buttons"><button type="submit">Choose films</button></div>
    </form>
    ${problem && html`<${ProblemNote} problem=${problem} retry=${load} />`}
    ${
      open?.length
        ? html`<section class="card">
            <h2>Sessions that take more films</h2>
            <ul class="plain-list">
              ${open.map(
                (each) => html`<li key=${each.session_id}>
                  <a href=${address("sessions", each.session_id, "upload")}>${each.session_id}</a>
                  <span class="quiet">${" "}${each.chapters.verified} of ${each.chapters.count} films stored</span>
                </li>`,
              )}
            </ul>
          </section>`
        : null
    }`;
}

/** @param {{name: string, group: string | null}} given */
function IntoSession({ name, group }) {
  const [session, setSession] = useState(/** @type {any} */ (undefined));
  const [limits, setLimits] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const wasOpen = useRef(false);
  const load = async () => {
    try {
      const [found, known] = await Promise.all([loadSession(name), get("v1/limits")]);
      setProblem(null);
      setSession(found);
      setLimits(known);
    } catch (error) {
      setProblem(/** @type {Problem} */ (error));
    }
  };
  useEffect(() => void load(), [name]);
  if (problem)
    return html`<h1>Upload into ${name}</h1><${ProblemNote} problem=${problem} retry=${load} />`;
  if (session === undefined || !limits) {
    return html`<h1>Upload into ${name}</h1><p aria-busy="true">One moment …</p>`;
  }
  const closed = whyClosed(session);
  if (closed === null) wasOpen.current = true;
  return html`<h1>Upload into ${name}</h1>
    <p>
      ${session && html`<a href=${address("sessions", name)}>The session</a> · `}
      <a href=${address("upload")}>Another session</a>
    </p>
    <p class="quiet">
      ${session ? `Group: ${session.group ?? "none"}. ` : `A new session${group ? ` in the group ${group}` : ""}. `}
      Taken here: ${limits.allowed_extensions.join(", ")}${
        limits.largest_file_bytes === null ? "" : ` of at most ${bytes(limits.largest_file_bytes)}`
      }, at most ${MOST_FILMS} films a session. Each part is checked by its checksum; what is stored survives a
      reload of this page, and any browser may continue.
    </p>
    ${closed && html`<p class="card" role="status">${closed}</p>`}
    ${wasOpen.current && html`<${Films} name=${name} group=${group} limits=${limits} changed=${load} />`}
    ${session && html`<${Waiting} session=${session} reload=${load} closed=${closed !== null} />`}`;
}

/** @param {{name: string, group: string | null, limits: any, changed: () => void}} given */
function Films({ name, group, limits, changed }) {
  const [uploads, setUploads] = useState(/** @type {any} */ (null));
  const [failed, setFailed] = useState(false);
  const [, redraw] = useState(0);
  const home = useRef(/** @type {HTMLDivElement | null} */ (null));

  useEffect(() => {
    let wanted = true;
    let end = () => {};
    const mount = async () => {
      const [{ uploadsInto }, { default: Dashboard }, locale] = await Promise.all([
        import("../upload/uploads.js"),
        import("@uppy/dashboard"),
        loadLocale(),
        loadStyle("uppy-style"),
        loadStyle("uppy-dashboard-style"),
      ]);
      if (!wanted || !home.current) return;
      const made = uploadsInto(name, limits, locale);
      made.group = group;
      made.uppy.use(Dashboard, {
        id: "Dashboard",
        target: home.current,
        inline: true,
        width: "100%",
        height: 420,
        theme: "auto",
        disableThumbnailGenerator: true,
        proudlyDisplayPoweredByUppy: false,
        fileManagerSelectionType: "files",
        doneButtonHandler: null,
      });
      const unname = nameLists(home.current);
      const stop = made.subscribe(() => {
        redraw((count) => count + 1);
      });
      const look = () => void changed();
      made.uppy.on("upload-success", look);
      made.uppy.on(/** @type {any} */ ("films-announced"), look);
      end = () => {
        stop();
        unname();
        made.uppy.off("upload-success", look);
        made.uppy.off(/** @type {any} */ ("films-announced"), look);
        const dashboard = made.uppy.getPlugin("Dashboard");
        if (dashboard) made.uppy.removePlugin(dashboard);
      };
      setUploads(made);
    };
    mount().catch(() => wanted && setFailed(true));
    return () => {
      wanted = false;
      end();
    };
  }, [name]);

  return html`<div ref=${home} class="uppy-home"></div>
    ${failed && html`<p role="alert">The uploader could not be loaded. Check the network, then reload the page.</p>`}
    ${!uploads && !failed && html`<p aria-busy="true">One moment …</p>`}
    ${uploads && html`<${Happened} uploads=${uploads} changed=${changed} />`}`;
}

/** Call Uppy's lists lists, as its items ask for. @param {HTMLElement} home @returns {() => void} */
function nameLists(home) {
  const name = () => {
    for (const list of home.querySelectorAll(".uppy-Dashboard-files:not([role])")) {
      list.setAttribute("role", list.querySelector("[role=listitem]") ? "list" : "presentation");
    }
  };
  const observer = new MutationObserver(name);
  observer.observe(home, { childList: true, subtree: true });
  name();
  return () => observer.disconnect();
}

/** What Uppy's dashboard does not say. @param {{uploads: any, changed: () => void}} given */
function Happened({ uploads, changed }) {
  const { refused, odd, cancelled, notes } = uploads.happened;
  const failures = uploads.uppy.getFiles().filter((/** @type {any} */ file) => file.error);
  return html`<div aria-live="polite">
      ${[...notes].map(
        ([film, words]) =>
          html`<p key=${film} class="quiet"><strong>${film}</strong>: ${words}</p>`,
      )}
      ${odd.map(
        (/** @type {any} */ each) =>
          html`<p key=${each.name} class="warn"><strong>${each.name}</strong>: ${each.words}</p>`,
      )}
    </div>
    <div role="alert">
      ${refused.map(
        (/** @type {any} */ each) =>
          html`<p key=${each.name} class="problem"><strong>${each.name}</strong> is not taken: ${each.words}.</p>`,
      )}
      ${failures.map(
        (/** @type {any} */ file) =>
          html`<p key=${file.id} class="problem"><strong>${file.name}</strong>: ${file.error}</p>`,
      )}
    </div>
    ${cancelled.map(
      (/** @type {any} */ each) => html`<p key=${each.name} class="card cancelled" role="status">
        <span><strong>${each.name}</strong> is cancelled. What is stored of it stays for an hour.</span>
        <button type="button" onClick=${() => uploads.undo(each)}>Undo</button>
        <button type="button" class="plain" onClick=${() => {
          uploads.forget(each);
          changed();
        }}>Dismiss</button>
      </p>`,
    )}`;
}

/** The session's films, and which of them still wait for their file. @param {{session: any, reload: () => void, closed: boolean}} given */
function Waiting({ session, reload, closed }) {
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const missing = session.chapters.filter((/** @type {any} */ each) => !each.receipt);
  const count = session.chapters.length;
  if (!missing.length) {
    const all = count === 1 ? "The film is" : `All ${count} films are`;
    return html`<p class="good">${all} stored and proven.</p>`;
  }
  const takeOut = (/** @type {string} */ film) =>
    withdraw(session.session_id, film).then(reload, (error) => setProblem(error));
  return html`<section class="card" aria-labelledby="waiting">
    <h2 id="waiting">Films that this session waits for</h2>
    <p class="quiet">To continue one that began in this or another browser, choose its file again.</p>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    <ul class="plain-list">
      ${missing.map(
        (/** @type {any} */ each) => html`<li key=${each.filename} class="waiting">
          <span>${each.filename} <span class="quiet">${bytes(each.size_bytes)}, ${stateOf(each.upload)}</span></span>
          ${
            !closed && session.chapters.length > 1 && !isLive(each.upload)
              ? html`<button type="button" class="plain" onClick=${() => takeOut(each.filename)}>Take it out of the session</button>`
              : null
          }
        </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {any} upload */
function isLive(upload) {
  return upload?.state === "OPEN" || upload?.state === "COMPLETED";
}

/** @param {any} upload */
function stateOf(upload) {
  if (!upload) return "not begun";
  const words = {
    OPEN: "begun",
    COMPLETED: "being proven",
    CANCELLED: "cancelled",
    EXPIRED: "ended",
    REJECTED: "rejected",
  };
  return words[/** @type {keyof typeof words} */ (upload.state)] ?? upload.state;
}

function suggestedName() {
  const now = new Date();
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `films-${day}-${two(now.getHours())}${two(now.getMinutes())}`;
}

/** Uppy's words in the browser's language, where there is a pack of it here; English has none. */
async function loadLocale() {
  const packs = {
    de: () => import("@uppy/locales/lib/de_DE.js"),
    es: () => import("@uppy/locales/lib/es_ES.js"),
    fr: () => import("@uppy/locales/lib/fr_FR.js"),
    it: () => import("@uppy/locales/lib/it_IT.js"),
    nl: () => import("@uppy/locales/lib/nl_NL.js"),
    pl: () => import("@uppy/locales/lib/pl_PL.js"),
  };
  const language = (navigator.language || "en").slice(0, 2).toLowerCase();
  const load = packs[/** @type {keyof typeof packs} */ (language)];
  return load ? (await load()).default : undefined;
}
