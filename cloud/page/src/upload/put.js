/** One PUT of a piece to an address, which reports its progress and is cut when nothing moves. */
import { Interrupted, PutFailed } from "./errors.js";

/** Without any progress for so long a PUT is cut: a slow link may take hours, a dead one takes none. */
export const STALL_MS = 30_000;
/** How long S3 may take to answer once all bytes are sent. */
export const ANSWER_MS = 120_000;

/** What the browser sets itself, and refuses to take from a script. */
const OF_THE_BROWSER = new Set(["content-length", "host"]);

/**
 * Send `piece`; resolves once S3 has it. Raises PutFailed, Interrupted.
 * @param {{url: string, headers: Record<string, string>}} address
 * @param {Blob} piece
 * @param {(sentBytes: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function put(address, piece, progress, signal) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const cut = () => {
      request.abort();
      fail(new PutFailed(0));
    };
    const watch = (/** @type {number} */ ms) => {
      clearTimeout(timer);
      timer = setTimeout(cut, ms);
    };
    const interrupt = () => {
      request.abort();
      fail(new Interrupted());
    };
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupt);
    };
    request.open("PUT", address.url);
    for (const [name, value] of Object.entries(address.headers)) {
      if (!OF_THE_BROWSER.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => {
      progress(event.loaded);
      watch(event.loaded < piece.size ? STALL_MS : ANSWER_MS);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) done();
      else fail(failureOf(request));
    };
    request.onerror = () => fail(new PutFailed(0));
    request.onloadend = end;
    if (signal.aborted) return interrupt();
    signal.addEventListener("abort", interrupt);
    watch(STALL_MS);
    request.send(piece);
  });
}

/** @param {XMLHttpRequest} request */
function failureOf(request) {
  const code = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(request.responseText)?.[1];
  // S3 sends none as a rule, and a script may read it only where the bucket says so.
  const told =
    request.status >= 500 || request.status === 429 ? headerOf(request, "Retry-After") : null;
  return new PutFailed(request.status, { code, retryAfterS: Number(told) || null });
}

/** @param {XMLHttpRequest} request @param {string} name */
function headerOf(request, name) {
  const all = request.getAllResponseHeaders().toLowerCase();
  return all.includes(`${name.toLowerCase()}:`) ? request.getResponseHeader(name) : null;
}
