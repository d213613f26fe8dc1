/** What all sessions of the project add up to. */
import { bytes, duration, money, percent } from "../format.js";
import { html } from "../html.js";

/** @param {{overview: any}} given */
export function Figures({ overview }) {
  const { figures, days } = overview;
  return html`<div class="tiles">
    <${Safety} guarantee=${figures.guarantee} />
    <${Storage} sizes=${figures.bytes} costs=${figures.monthly_cost_usd} />
    <${Success} figures=${figures} />
    <${Days} days=${days} />
  </div>`;
}

/** @param {{guarantee: any}} given */
function Safety({ guarantee }) {
  const { p50, p90, p99 } = guarantee.safe_after_at_most_s;
  return html`<section class="card">
    <h3>Time to safe</h3>
    <p class="figure">${duration(p50)}</p>
    <p class="quiet">
      ${
        guarantee.sessions
          ? `Half of the sessions (${guarantee.sessions}) were safe within this time after the camera closed them.`
          : "No session has told its time yet."
      }
    </p>
    <dl class="facts">
      <dt>9 of 10 within</dt><dd>${duration(p90)}</dd>
      <dt>99 of 100 within</dt><dd>${duration(p99)}</dd>
      <dt>Within ${duration(guarantee.within_s)}</dt><dd>${share(guarantee.share_within)}</dd>
      <dt>Time unknown</dt><dd>${guarantee.unknown} sessions</dd>
    </dl>
  </section>`;
}

/** @param {{sizes: any, costs: any}} given */
function Storage({ sizes, costs }) {
  return html`<section class="card">
    <h3>Bytes and what they cost a month</h3>
    <p class="figure">${bytes(sizes.held)} <span class="quiet">held, ${money(costs.held)}</span></p>
    <dl class="facts">
      <dt>Hidden by a cleanup</dt><dd>${bytes(sizes.hidden)}, ${money(costs.hidden)}</dd>
      <dt>Freed</dt><dd>${bytes(sizes.freed)}, ${money(costs.saved)} saved</dd>
      <dt>Orphaned parts, at most</dt><dd>${bytes(sizes.orphaned_at_most)}, ${money(costs.orphaned_at_most)}</dd>
      <dt>Being uploaded, at most</dt><dd>${bytes(sizes.uploading_at_most)}, ${money(costs.uploading_at_most)}</dd>
    </dl>
  </section>`;
}

/** @param {{figures: any}} given */
function Success({ figures }) {
  const { sessions, chapters, uploads, retried_parts: retried } = figures;
  const done = sessions.PROCESSED + sessions.CLEANED;
  return html`<section class="card">
    <h3>Sessions</h3>
    <p class="figure">
      ${percent(done, done + sessions.FAILED)} <span class="quiet">processed, of those that ended</span>
    </p>
    <dl class="facts">
      <dt>Under way</dt><dd>${sessions.OPEN} open, ${sessions.STORED} stored</dd>
      <dt>Ended</dt><dd>${done} processed (${sessions.CLEANED} of them cleaned), ${sessions.FAILED} failed</dd>
      <dt>Chapters</dt><dd>${chapters.count - chapters.waiting} proven, ${chapters.waiting} waiting, ${chapters.lost} lost</dd>
      <dt>Sent again</dt><dd>${uploads.repeated} uploads${retried.count === null ? "" : `, ${retried.count} parts`}</dd>
    </dl>
  </section>`;
}

const STEP = 10;
const HEIGHT = 60;

/** @param {{days: any[]}} given */
function Days({ days }) {
  const most = Math.max(1, ...days.map((each) => each.sessions));
  const total = days.reduce((sum, each) => sum + each.sessions, 0);
  const told = days.filter((each) => each.sessions);
  return html`<section class="card">
    <h3>The last ${days.length} days</h3>
    <p class="figure">${total} <span class="quiet">sessions opened</span></p>
    <svg
      class="days"
      viewBox=${`0 0 ${days.length * STEP} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label=${`Sessions a day, at most ${most}; the table below has each day`}
    >
      ${days.map((each, place) => html`<${Bar} key=${each.day} day=${each} x=${place * STEP} most=${most} />`)}
    </svg>
    <details>
      <summary>Day by day (UTC)</summary>
      ${
        told.length === 0
          ? html`<p class="quiet">No session was opened.</p>`
          : html`<table>
              <thead><tr><th scope="col">Day</th><th scope="col" class="number">Sessions</th><th scope="col" class="number">Failed</th><th scope="col" class="number">Originals</th></tr></thead>
              <tbody>
                ${told.map(
                  (each) => html`<tr key=${each.day}>
                    <th scope="row">${each.day}</th>
                    <td class="number">${each.sessions}</td>
                    <td class="number">${each.failed}</td>
                    <td class="number">${bytes(each.size_bytes)}</td>
                  </tr>`,
                )}
              </tbody>
            </table>`
      }
    </details>
  </section>`;
}

/** @param {{day: any, x: number, most: number}} given */
function Bar({ day, x, most }) {
  const whole = (day.sessions / most) * (HEIGHT - 2);
  const failed = (day.failed / most) * (HEIGHT - 2);
  return html`<g>
    <rect class="base" x=${x} y=${HEIGHT - 1} width=${STEP - 2} height="1" />
    <rect class="whole" x=${x} y=${HEIGHT - 1 - whole} width=${STEP - 2} height=${whole} />
    <rect class="failed" x=${x} y=${HEIGHT - 1 - failed} width=${STEP - 2} height=${failed} />
  </g>`;
}

/** @param {number | null} part from 0 to 1 */
function share(part) {
  return part === null ? "–" : percent(Math.floor(part * 10_000), 10_000);
}
