/** The order, and what was made for it. */
import { bytes, time } from "../format.js";
import { html } from "../html.js";
import { Download } from "./download.js";
import { artifactState } from "./words.js";

/**
 * @param {object} given
 * @param {any} given.session
 * @param {any[]} given.artifacts
 */
export function Outputs({ session, artifacts }) {
  const { order } = session;
  const made = artifacts.filter((each) => !["original", "proxy", "thumbnail"].includes(each.kind));
  return html`<section class="card" aria-labelledby="order">
    <h2 id="order">Order and outputs</h2>
    ${order ? html`<${Order} order=${order} />` : html`<p>It is not ordered: nothing is made of it, and nothing is cleaned.</p>`}
    ${made.length > 0 && html`<${Made} session=${session} made=${made} />`}
  </section>`;
}

/** @param {{order: any}} given */
function Order({ order }) {
  const parameters = Object.keys(order.parameters).length > 0;
  return html`<dl class="facts">
    <dt>Number</dt><dd>${order.number}${order.imported ? ", of an import: it is never sent" : ""}</dd>
    <dt>Ordered</dt><dd>${time(order.ordered_at)}</dd>
    <dt>Sent</dt><dd>${order.sent_at ? time(order.sent_at) : "not yet"}</dd>
    <dt>Required</dt><dd>${order.required.join(", ")}</dd>
    ${order.added.length > 0 && html`<dt>Added here</dt><dd>${order.added.join(", ")}</dd>`}
    ${order.left_out.length > 0 && html`<dt>Left out</dt><dd>${order.left_out.join(", ")}: ${order.below_minimum_reason}</dd>`}
    ${order.accepted && html`<dt>Accepted</dt><dd>${order.accepted}</dd>`}
    ${parameters && html`<dt>Parameters</dt><dd><details><summary>Show them</summary><pre>${JSON.stringify(order.parameters, null, 2)}</pre></details></dd>`}
  </dl>`;
}

/** @param {{session: any, made: any[]}} given */
function Made({ session, made }) {
  return html`<ul class="made-list">
    ${made.map((each) => {
      const state = artifactState(each, session);
      const isThere = each.receipt && !each.cleaned;
      return html`<li key=${each.artifact_id}>
        <div class="row">
          <span class="name">${each.artifact_id}${each.required ? html` <span class="badge">required</span>` : ""}</span>
          <span class="quiet">${bytes(each.size_bytes)}</span>
        </div>
        <div class="row">
          <span class=${`state ${state.kind}`}>${state.words}</span>
          ${isThere && html`<${Download} session=${session.session_id} artifactId=${each.artifact_id} name=${each.name}>Download<//>`}
        </div>
      </li>`;
    })}
  </ul>`;
}
