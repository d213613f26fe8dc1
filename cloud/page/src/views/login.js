/** Log in with a token. */
import { call, Problem } from "../api.js";
import { html, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";

/**
 * @param {object} given
 * @param {import("../main.js").Me | null} given.me
 * @param {(me: import("../main.js").Me) => void} given.enter
 */
export default function Login({ me, enter }) {
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  /** @param {SubmitEvent} event */
  const logIn = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const token = String(new FormData(form).get("token") ?? "").trim();
    setBusy(true);
    try {
      enter(await logInWith(token));
      if (window.location.hash.startsWith("#/login")) window.location.hash = "#/";
    } catch (error) {
      setProblem(/** @type {import("../api.js").Problem} */ (error));
    } finally {
      setBusy(false);
    }
  };
  if (me) return html`<p>You are logged in. <a href="#/">To the fleet</a></p>`;
  return html`<section class="card narrow">
    <h1>Log in</h1>
    <form onSubmit=${logIn}>
      <label>
        Token of an operator or a viewer
        <input name="token" type="password" autocomplete="current-password" required autofocus />
      </label>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="buttons"><button type="submit" disabled=${busy}>Log in</button></div>
    </form>
    <p class="quiet">
      An operator makes tokens with <code>reelhaul-admin</code>. The browser keeps no token: it gets a cookie that
      ends by itself.
    </p>
  </section>`;
}

const TOKEN = /^[a-z]_[\x21-\x2d\x2f-\x7e]+\.[\x21-\x7e]+$/;

/**
 * Exchange a token for the page's cookie. Raises Problem.
 * @param {string} token
 * @returns {Promise<import("../main.js").Me>}
 */
export async function logInWith(token) {
  if (!TOKEN.test(token)) throw refused("A token looks like t_….…; paste all of it.");
  const headers = { Authorization: `Bearer ${token}` };
  try {
    return (await call("POST", "v1/login", { body: {}, headers })).document;
  } catch (error) {
    // Of a device's token the coordinator first asks for the version of a client.
    if (!(error instanceof Problem && error.slug === "client-too-old")) throw error;
    throw refused("This is a device's token. Log in with the token of an operator or a viewer.");
  }
}

/** @param {string} detail */
function refused(detail) {
  return new Problem({ title: "Not logged in", detail, status: 0 });
}
