/** Links with which somebody may watch one session for a while: make one, see all, revoke. */
import { call, get, post } from "../api.js";
import { time } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Dialog } from "../parts/dialog.js";
import { ProblemNote } from "../parts/problem.js";
import { Copy } from "./copy.js";

/** @type {ReadonlyArray<readonly [number, string]>} */
const TERMS = [
  [3_600, "an hour"],
  [86_400, "a day"],
  [259_200, "three days"],
  [604_800, "a week"],
];

/**
 * The address that opens a share. The token stands after the `#`: no server and no log sees it there.
 * @param {string} page the page's own address
 * @param {string} token
 */
export function shareAddress(page, token) {
  return `${new URL(page).href.replace(/#.*$/, "")}#/share/${encodeURIComponent(token)}`;
}

/**
 * @param {any} share
 * @param {number} nowMs
 * @returns {"good" | "expired" | "revoked"}
 */
export function shareState(share, nowMs) {
  if (share.revoked_at) return "revoked";
  return Date.parse(share.expires_at) <= nowMs ? "expired" : "good";
}

/** A button that opens the dialog. @param {{name: string}} given */
export function ShareButton({ name }) {
  const [open, setOpen] = useState(false);
  return html`<button type="button" class="plain" onClick=${() => setOpen(true)}>Share …</button>
    ${open && html`<${ShareDialog} name=${name} close=${() => setOpen(false)} />`}`;
}

/** @param {{name: string, close: () => void}} given */
function ShareDialog({ name, close }) {
  const path = `v1/sessions/${encodeURIComponent(name)}/shares`;
  const [shares, setShares] = useState(/** @type {any[] | null} */ (null));
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  /** @param {() => Promise<void>} change */
  const carryOut = async (change) => {
    try {
      await change();
      setShares((await get(path)).shares);
      setProblem(null);
    } catch (error) {
      setProblem(/** @type {import("../api.js").Problem} */ (error));
    }
  };
  useEffect(() => void carryOut(async () => {}), []);
  /** @param {string} id */
  const revoke = (id) =>
    carryOut(async () => {
      await call("DELETE", `${path}/${encodeURIComponent(id)}`);
      if (made?.share_id === id) setMade(null);
    });
  return html`<${Dialog} title="Share the session" close=${close}>
    <p>
      A link shows this one session, its films and its measurements, to everybody who has it, until it expires or you
      revoke it. It changes nothing and shows no other session. Making, using and revoking it are in the audit trail.
    </p>
    <${ShareForm} make=${(/** @type {unknown} */ body) => carryOut(async () => setMade(await post(path, body)))} />
    ${made && html`<${Made} made=${made} />`}
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    ${shares && html`<${Shares} shares=${shares} revoke=${revoke} />`}
    <div class="buttons"><button type="button" class="plain" onClick=${close}>Close</button></div>
  <//>`;
}

/** @param {{make: (body: unknown) => Promise<void>}} given */
function ShareForm({ make }) {
  const [busy, setBusy] = useState(false);
  /** @param {SubmitEvent} event */
  const send = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const given = new FormData(form);
    setBusy(true);
    await make({ label: String(given.get("label")).trim(), ttl_s: Number(given.get("term")) });
    setBusy(false);
    /** @type {HTMLInputElement} */ (form.elements.namedItem("label")).value = "";
  };
  return html`<form onSubmit=${send}>
    <label>Who it is for <input name="label" required maxlength="100" autocomplete="off" /></label>
    <label>
      Good for
      <select name="term">
        ${TERMS.map(([seconds, words]) => html`<option key=${seconds} value=${seconds} selected=${seconds === 86_400}>${words}</option>`)}
      </select>
    </label>
    <div class="buttons"><button type="submit" disabled=${busy}>Make a link</button></div>
  </form>`;
}

/** @param {{made: any}} given */
function Made({ made }) {
  return html`<div class="notice" role="status">
    <p><strong>Copy the link for ${made.label} now.</strong> It is shown this once, and is good until ${time(made.expires_at)}.</p>
    <${Copy} text=${shareAddress(document.baseURI, made.token)} label="the link" />
  </div>`;
}

/** @param {{shares: any[], revoke: (id: string) => Promise<void>}} given */
function Shares({ shares, revoke }) {
  if (shares.length === 0) return html`<p class="quiet">No link was made yet.</p>`;
  return html`<ul class="made-list">
    ${shares.map((share) => {
      const state = shareState(share, Date.now());
      return html`<li key=${share.share_id}>
        <div class="row">
          <span class="name">${share.label}</span>
          ${state === "good" && html`<button type="button" class="plain small" onClick=${() => revoke(share.share_id)} aria-label=${`Revoke the link for ${share.label}`}>Revoke</button>`}
        </div>
        <p class="quiet">${SAYS[state](share)} Made ${time(share.created_at)} by ${share.made_by}.</p>
      </li>`;
    })}
  </ul>`;
}

/** @type {Readonly<Record<"good" | "expired" | "revoked", (share: any) => string>>} */
const SAYS = {
  good: (share) => `Good until ${time(share.expires_at)}.`,
  expired: (share) => `Expired ${time(share.expires_at)}.`,
  revoked: (share) => `Revoked ${time(share.revoked_at)}.`,
};
