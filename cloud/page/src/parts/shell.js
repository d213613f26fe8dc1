/** What is around every view: the name, the ways to the main views, who is logged in, and the way out. */
import { call, chooseProject, chosenProject } from "../api.js";
import { html } from "../html.js";
import { address } from "../router.js";

/**
 * @param {object} given
 * @param {import("../main.js").Me | null} given.me
 * @param {import("../router.js").Place} given.place
 * @param {() => void} given.leave
 * @param {any} given.children
 */
export function Shell({ me, place, leave, children }) {
  const logOut = async () => {
    await call("DELETE", "v1/login").catch(() => null);
    leave();
    window.location.hash = address("login");
  };
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="bar">
      <a class="brand" href=${me?.session ? address("sessions", me.session, "watch") : "#/"}>
        <img src="assets/icon.svg" alt="" width="24" height="24" /> reelhaul
      </a>
      ${
        me &&
        !me.session &&
        html`<nav aria-label="Main">
          <${Way} to="#/" here=${place.view === "fleet"}>Fleet<//>
          <${Way} to=${address("sessions")} here=${place.view === "sessions"}>Sessions<//>
          ${
            me.role === "operator" &&
            html`<${Way} to=${address("upload")} here=${place.view === "upload"}>Upload<//>`
          }
        </nav>`
      }
      ${me && html`<${Who} me=${me} logOut=${logOut} />`}
    </header>
    <main id="main" tabindex="-1">${children}</main>`;
}

/** @param {{to: string, here: boolean, children?: any}} given */
function Way({ to, here, children }) {
  return html`<a href=${to} aria-current=${here ? "page" : undefined}>${children}</a>`;
}

/** @param {{me: import("../main.js").Me, logOut: () => void}} given */
function Who({ me, logOut }) {
  return html`<div class="who">
    ${me.project === "*" ? html`<${ProjectChoice} />` : html`<span class="quiet">${me.project}</span>`}
    <span class="quiet">${me.session ? "shared link" : me.role}</span>
    <button type="button" class="plain" onClick=${logOut}>Log out</button>
  </div>`;
}

function ProjectChoice() {
  /** @param {SubmitEvent} event */
  const choose = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    chooseProject(String(new FormData(form).get("project") ?? "").trim() || null);
    window.location.reload();
  };
  return html`<form class="inline" onSubmit=${choose}>
    <label>Project <input name="project" size="8" defaultValue=${chosenProject() ?? "main"} /></label>
  </form>`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
