/** An address that names no view. */
import { html } from "../html.js";

export default function Missing() {
  return html`<section class="card narrow">
    <h1>There is no such page</h1>
    <p><a href="#/">To the fleet</a></p>
  </section>`;
}
