/** The receipts of a session, to read and to print. */
import { get } from "../api.js";
import { bytes } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { ProblemNote } from "../parts/problem.js";
import { address } from "../router.js";
import { receiptLines, utc } from "../session/receipt.js";

/**
 * @param {object} given
 * @param {import("../router.js").Place} given.place
 * @param {import("../main.js").Me} given.me
 */
export default function ReceiptView({ place, me }) {
  const [session, setSession] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {import("../api.js").Problem | null} */ (null));
  const ask = () => {
    setProblem(null);
    get(`v1/sessions/${encodeURIComponent(place.name)}`).then(setSession, setProblem);
  };
  useEffect(ask, [place.name]);
  if (problem) return html`<${ProblemNote} problem=${problem} retry=${ask} />`;
  if (!session) return html`<p aria-busy="true">One moment …</p>`;
  return html`<${Receipt} session=${session} me=${me} at=${new Date().toISOString()} />`;
}

/** @param {{session: any, me: import("../main.js").Me, at: string}} given */
function Receipt({ session, me, at }) {
  const lines = receiptLines(session);
  const proven = lines.filter((line) => line.receipt);
  const missing = lines.length - proven.length;
  const size = proven.reduce((all, line) => all + line.receipt.size_bytes, 0);
  const { camera } = session;
  return html`<article class="card receipt">
    <h1>Receipt of session ${session.session_id}</h1>
    <dl class="facts">
      <dt>Project</dt><dd>${session.project}${session.group ? `, group ${session.group}` : ""}</dd>
      <dt>Camera</dt><dd>${[camera.model, camera.serial, camera.firmware].filter((each) => each).join(", ")}</dd>
      <dt>Brought by</dt><dd>${session.device_id ?? (session.storage.origin === "device" ? "a browser" : "an import from the older system")}</dd>
      <dt>Chapters</dt><dd>${proven.length} of ${lines.length} with a receipt, ${bytes(size)} (${size} bytes)</dd>
      <dt>Evidence</dt><dd>${session.guarantee.level ?? "none for the session yet"}${session.guarantee.agrees ? "" : ", and two reads of a card differ: keep the card"}</dd>
      <dt>Told by</dt><dd>${coordinator()}, version ${session.version} of the session, at ${utc(at)}, to ${me.session ? "the holder of a shared link" : `the ${me.role}`} of ${me.project === "*" ? "all projects" : `project ${me.project}`}</dd>
    </dl>
    ${missing > 0 && html`<p class="notice warn"><strong>${missing} ${missing === 1 ? "chapter has" : "chapters have"} no receipt.</strong> Do not erase the card.</p>`}
    ${session.state === "CLEANED" && html`<p class="notice warn">The originals were cleaned at ${utc(session.cleaned_at)}, after every required output was verified.</p>`}
    <p>
      Each receipt says: at this time S3 had exactly this many bytes with this CRC64NVME as this version of this key, and
      they are the bytes that were read from the card. It does not say that the camera recorded what it should, that the
      first read was right (the level of evidence tells how surely that is known), or that S3 still has the bytes
      today: ${session.proven_at ? `the last proof at rest began at ${utc(session.proven_at)}` : "nobody has proven that yet"}.
    </p>
    <div class="scroll"><table>
      <thead><tr><th>Chapter</th><th class="number">Bytes</th><th>Verified</th><th>Evidence</th></tr></thead>
      ${lines.map((line) => html`<${Line} key=${line.chapter} line=${line} />`)}
    </table></div>
    <p class="buttons">
      <a class="button plain" href=${address("sessions", session.session_id)}>Back to the session</a>
      <button type="button" onClick=${() => window.print()}>Print</button>
    </p>
  </article>`;
}

/** @param {{line: import("../session/receipt.js").ReceiptLine}} given */
function Line({ line }) {
  const { receipt } = line;
  if (!receipt) {
    return html`<tbody><tr class="of-chapter"><td class="name">${line.chapter}</td><td class="number">–</td><td>no receipt</td><td>–</td></tr></tbody>`;
  }
  return html`<tbody>
    <tr class="of-chapter">
      <td class="name"><strong>${line.chapter}</strong></td>
      <td class="number">${receipt.size_bytes}</td>
      <td>${utc(receipt.verified_at)}</td>
      <td>${line.level}${line.agrees ? "" : ", differs"}</td>
    </tr>
    <tr class="of-chapter"><td colspan="4" class="name">
      <code>${receipt.key}</code> version <code>${receipt.version_id}</code>
    </td></tr>
    <tr><td colspan="4" class="name">
      CRC64NVME <code>${receipt.crc64nvme}</code>${line.xxh128 && html`, xxh128 <code>${line.xxh128}</code>`}
    </td></tr>
  </tbody>`;
}

/** The coordinator's address, as a reader on paper can find it again. */
function coordinator() {
  return new URL(".", document.baseURI).href;
}
