/** Group: its owner builds it. */
import { html } from "../html.js";

export default function View() {
  return html`<h1>Group</h1>`;
}
