/** The coordinator's API: the only module that calls `fetch` for it. */

const PROJECT_KEY = "reelhaul.project";

/** What the coordinator answered in place of what was asked for, or why it did not answer. */
export class Problem extends Error {
  /**
   * @param {object} told
   * @param {string} told.title in few words
   * @param {string} told.detail what happened and what helps, in the coordinator's words
   * @param {number} told.status the HTTP status; 0 where no answer came
   * @param {string} [told.slug] the problem's name, such as `state-conflict`
   * @param {string} [told.action] what the client does next: retry, resign, reopen, replan or stop
   * @param {string | null} [told.requestId]
   * @param {number | null} [told.retryAfterS]
   * @param {Record<string, any>} [told.members] all that the problem says
   */
  constructor(told) {
    super(told.detail);
    this.name = "Problem";
    this.title = told.title;
    this.detail = told.detail;
    this.status = told.status;
    this.slug = told.slug ?? "";
    this.action = told.action ?? "stop";
    this.requestId = told.requestId ?? null;
    this.retryAfterS = told.retryAfterS ?? null;
    this.members = told.members ?? {};
  }

  /** Whether the page session ended, or there was none. */
  get isLoggedOut() {
    return this.status === 401;
  }
}

/**
 * @typedef {object} Answered
 * @property {any} document the JSON of the answer; null where it has none, or nothing changed
 * @property {string | null} etag
 * @property {boolean} unchanged whether the coordinator said 304
 */

/**
 * Call the coordinator. Raises Problem.
 * @param {string} method
 * @param {string} path relative to the page, such as `v1/sessions`
 * @param {object} [options]
 * @param {unknown} [options.body] sent as JSON
 * @param {string | null} [options.etag] the answer that is known; an unchanged one is not sent again
 * @param {Record<string, string>} [options.headers]
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<Answered>}
 */
export async function call(method, path, options = {}) {
  const response = await answered(method, path, options);
  const etag = response.headers.get("ETag");
  if (response.status === 304) return { document: null, etag, unchanged: true };
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return { document: text ? JSON.parse(text) : null, etag, unchanged: false };
}

/**
 * The JSON that a GET answers. Raises Problem.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function get(path, signal) {
  return (await call("GET", path, { signal })).document;
}

/**
 * What a GET answers in another form than JSON, and its headers. Raises Problem.
 * @param {string} path
 * @param {string} form such as `text/csv`
 * @param {AbortSignal} [signal]
 */
export async function getText(path, form, signal) {
  const response = await answered("GET", path, { headers: { Accept: form }, signal });
  if (!response.ok) throw await problemOf(response);
  return { text: await response.text(), headers: response.headers };
}

/**
 * Send a change. Raises Problem.
 * @param {string} path
 * @param {unknown} body
 */
export async function post(path, body) {
  return (await call("POST", path, { body })).document;
}

/** The project that the page shows where the token is of all projects; null is the token's own. */
export function chosenProject() {
  return window.sessionStorage.getItem(PROJECT_KEY);
}

/** @param {string | null} project */
export function chooseProject(project) {
  if (project) window.sessionStorage.setItem(PROJECT_KEY, project);
  else window.sessionStorage.removeItem(PROJECT_KEY);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, etag?: string | null, headers?: Record<string, string>, signal?: AbortSignal}} options
 */
async function answered(method, path, options) {
  const project = chosenProject();
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...options.headers };
  if (project) headers["Reelhaul-Project"] = project;
  if (options.etag) headers["If-None-Match"] = options.etag;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(new URL(path, document.baseURI), {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: "same-origin",
      cache: "no-store",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem({
      title: "No answer",
      detail: "The coordinator does not answer. Check the network; the page tries again.",
      status: 0,
      action: "retry",
    });
  }
}

/**
 * The problem that an answer tells; the gateway's own answers are no problems, and get words here.
 * @param {Response} response
 */
async function problemOf(response) {
  const members = await response.json().catch(() => ({}));
  const type = typeof members.type === "string" ? members.type : "";
  const retryAfter = Number(response.headers.get("Retry-After"));
  return new Problem({
    title: members.title ?? WORDS.get(response.status)?.[0] ?? "The call failed",
    detail:
      members.detail ??
      WORDS.get(response.status)?.[1] ??
      "The coordinator could not answer. Try again in a minute.",
    status: response.status,
    slug: type.replace("urn:reelhaul:problem:", ""),
    action: members.action ?? (response.status >= 429 ? "retry" : "stop"),
    requestId: members.request_id ?? response.headers.get("X-Request-Id"),
    retryAfterS: retryAfter > 0 ? retryAfter : null,
    members,
  });
}

/** @type {ReadonlyMap<number, readonly [string, string]>} */
const WORDS = new Map([
  [403, ["Not permitted", "The coordinator does not know this address. Reload the page."]],
  [429, ["Too many calls", "Too many calls came at once. The page tries again by itself."]],
  [502, ["The call failed", "The coordinator failed. Try again; tell an operator if it stays so."]],
  [503, ["Busy", "The coordinator is busy. The page tries again by itself."]],
  [504, ["No answer in time", "The coordinator took too long. The page tries again by itself."]],
]);
