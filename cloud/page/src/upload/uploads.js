/** The uploads of this tab: one Uppy for each session, which goes on while other views are shown. */
import Uppy from "@uppy/core";
import { call, Problem, post } from "../api.js";
import { Checksums } from "./checksums.js";
import { Interrupted } from "./errors.js";
import { artifactId, faultOf, inspect } from "./films.js";
import { Lanes } from "./lanes.js";
import { CoordinatorUploader } from "./plugin.js";
import { put } from "./put.js";
import { announce, pathOf } from "./session.js";
import { LANES } from "./transfer.js";

/**
 * @typedef {object} Happened what the view shows beside Uppy's own dashboard
 * @property {{name: string, words: string}[]} refused files that are not taken, and why
 * @property {{name: string, words: string}[]} odd files that are taken and are odd
 * @property {{name: string, file: any}[]} cancelled files whose upload can be undone
 * @property {Map<string, string>} notes what a film waits for, by name
 */

/** @type {Map<string, SessionUploads>} */
const uploads = new Map();
const lanes = new Lanes(LANES);
/** @type {Checksums | undefined} */
let checksums;

/**
 * The uploads into a session; the same ones as long as this tab has them.
 * @param {string} session
 * @param {import("./films.js").Limits} limits
 * @param {any} locale
 */
export function uploadsInto(session, limits, locale) {
  const known = uploads.get(session);
  if (known) return known;
  const made = new SessionUploads(session, limits, locale);
  uploads.set(session, made);
  return made;
}

window.addEventListener("beforeunload", (event) => {
  if ([...uploads.values()].some((each) => each.isBusy)) event.preventDefault();
});

export class SessionUploads {
  /** @type {Happened} */
  happened = { refused: [], odd: [], cancelled: [], notes: new Map() };
  /** @type {string | null} the group of a session that is not there yet */
  group = null;
  /** @type {Map<string, Promise<import("./films.js").Facts>>} by the file's id */
  #facts = new Map();
  /** @type {Map<string, string>} the coordinator's uploads, by film */
  #opened = new Map();
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {string} session @param {import("./films.js").Limits} limits @param {any} locale */
  constructor(session, limits, locale) {
    this.session = session;
    this.uppy = new Uppy({
      id: `into-${session}`,
      locale,
      autoProceed: false,
      allowMultipleUploadBatches: true,
      onBeforeFileAdded: (file, files) => this.#admit(file, files, limits),
      logger: { debug: () => {}, warn: () => {}, error: () => {} },
    });
    this.uppy.use(CoordinatorUploader, {
      prepare: (/** @type {any[]} */ files) => this.#prepare(files),
      portsOf: (/** @type {any} */ file, /** @type {any} */ tell) => this.#portsOf(file, tell),
      cancelled: (/** @type {any} */ file) => void this.#cancel(file),
    });
    this.plugin = /** @type {CoordinatorUploader} */ (this.uppy.getPlugin("CoordinatorUploader"));
    this.uppy.on("file-added", (file) => void this.#inspect(file));
    this.uppy.on("upload-success", () => this.#changed());
    this.uppy.on(
      /** @type {any} */ ("film-note"),
      (/** @type {any} */ file, /** @type {string} */ text) => {
        if (text) this.happened.notes.set(file.name, text);
        else this.happened.notes.delete(file.name);
        this.#changed();
      },
    );
  }

  get isBusy() {
    return this.plugin.isBusy;
  }

  /** @param {() => void} listener @returns {() => void} */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Put a cancelled film back; opening its upload again is the undo. @param {{name: string, file: any}} cancelled */
  undo(cancelled) {
    this.forget(cancelled);
    this.uppy.addFile({
      name: cancelled.file.name,
      type: cancelled.file.type,
      data: cancelled.file.data,
    });
    void this.uppy.upload();
  }

  /** @param {{name: string, file: any}} cancelled */
  forget(cancelled) {
    this.happened.cancelled = this.happened.cancelled.filter((each) => each !== cancelled);
    this.#changed();
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }

  /** @param {any} file @param {Record<string, any>} files @param {import("./films.js").Limits} limits */
  #admit(file, files, limits) {
    const isThere = Object.values(files).some((each) => each.name === file.name);
    const fault = isThere
      ? "a film of this name is in the list already"
      : faultOf({ name: file.name, size: file.data.size }, limits);
    if (fault) this.#refuse(file.name, fault);
    return !fault;
  }

  /** @param {string} name @param {string} words */
  #refuse(name, words) {
    const others = this.happened.refused.filter((each) => each.name !== name);
    this.happened.refused = [...others, { name, words }];
    this.#changed();
  }

  /** @param {any} file */
  async #inspect(file) {
    const looking = inspect(file.data).catch(() => ({
      fault: "it cannot be read",
      warning: null,
      serial: null,
      model: null,
      created: null,
    }));
    this.#facts.set(file.id, looking);
    const { fault, warning } = await looking;
    if (fault) {
      this.uppy.removeFile(file.id);
      this.#refuse(file.name, fault);
      return;
    }
    this.happened.refused = this.happened.refused.filter((each) => each.name !== file.name);
    this.happened.odd = this.happened.odd.filter((each) => each.name !== file.name);
    if (warning) this.happened.odd.push({ name: file.name, words: warning });
    this.#changed();
  }

  /** Nothing is sent before every file was looked at and the coordinator expects it. @param {any[]} files */
  async #prepare(files) {
    const films = [];
    for (const file of files) {
      const facts = await this.#facts.get(file.id);
      films.push({
        name: file.name,
        size: file.size,
        serial: facts?.serial ?? null,
        model: facts?.model ?? null,
        created: facts?.created ?? null,
      });
    }
    await announce(this.session, this.group, films);
    this.uppy.emit(/** @type {any} */ ("films-announced"));
  }

  /**
   * @param {any} file
   * @param {{progress: (bytes: number) => void, note: (text: string) => void}} tell
   * @returns {import("./transfer.js").Ports}
   */
  #portsOf(file, tell) {
    checksums ??= new Checksums();
    const worker = checksums;
    const asked = { artifact_id: artifactId(file.name), size_bytes: file.size, way: "one-put" };
    return {
      open: async () => {
        const upload = await post(`${pathOf(this.session)}/uploads`, asked);
        this.#opened.set(file.name, upload.upload_id);
        return upload;
      },
      sign: async (id, parts, crc64nvme) =>
        (await post(`v1/uploads/${id}/part-urls`, { parts, crc64nvme })).part_urls,
      complete: (id, crc64nvme) => post(`v1/uploads/${id}/complete`, { crc64nvme }),
      put,
      checksum: (piece) => worker.of(piece),
      sleep,
      lane: (signal) => lanes.take(signal),
      now: () => performance.now(),
      random: Math.random,
      ...tell,
    };
  }

  /** Cancel softly: the coordinator keeps the parts for an hour. @param {any} file */
  async #cancel(file) {
    const id = this.#opened.get(file.name);
    try {
      if (id) await call("DELETE", `v1/uploads/${id}`);
      this.happened.cancelled = [...this.happened.cancelled, { name: file.name, file }];
      this.#changed();
    } catch (error) {
      // Complete by now, as a rule.
      this.#refuse(file.name, error instanceof Problem ? error.detail : String(error));
    }
  }
}

/**
 * Wait; a network that is back ends the wait. Raises Interrupted.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(ms, signal) {
  return new Promise((done, fail) => {
    const end = (/** @type {() => void} */ after) => {
      clearTimeout(timer);
      window.removeEventListener("online", wake);
      signal.removeEventListener("abort", stop);
      after();
    };
    const wake = () => end(done);
    const stop = () => end(() => fail(new Interrupted()));
    // Without a network nothing is tried: the browser says when it is back.
    const over = () => (navigator.onLine ? end(done) : undefined);
    const timer = setTimeout(over, ms);
    window.addEventListener("online", wake);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
