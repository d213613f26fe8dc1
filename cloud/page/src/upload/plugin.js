/** Uppy's uploader for this coordinator: Uppy has the files and shows them, `transfer` brings them. */
import { BasePlugin } from "@uppy/core";
import { Interrupted } from "./errors.js";
import { transfer } from "./transfer.js";

/**
 * @typedef {object} Options
 * @property {(files: any[]) => Promise<void>} prepare what comes before the first byte; raises what people must hear
 * @property {(file: any, tell: {progress: (bytes: number) => void, note: (text: string) => void}) => import("./transfer.js").Ports} portsOf
 * @property {(file: any) => void} cancelled a file was removed before it was stored
 */

/**
 * One transfer that can be paused: it is interrupted, and begins again by asking what is stored.
 * @typedef {{film: import("./transfer.js").Film, abort: AbortController, isRemoved: boolean, resume: (() => void) | null}} Running
 */

/** @extends {BasePlugin<any, any, any>} */
export class CoordinatorUploader extends BasePlugin {
  /** @type {Map<string, Running>} by the file's id */
  #running = new Map();
  /** @type {Map<string, Map<number, string>>} checksums of files that were begun, by the file's id */
  #checksums = new Map();

  /** @param {any} uppy @param {Options} options */
  constructor(uppy, options) {
    super(uppy, options);
    this.id = "CoordinatorUploader";
    this.type = "uploader";
    /** @type {Options} */
    this.options = options;
  }

  install() {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads: true } });
    this.uppy.addUploader(this.#upload);
    this.uppy.on("upload-pause", this.#onPause);
    this.uppy.on("pause-all", this.#onPauseAll);
    this.uppy.on("resume-all", this.#onResumeAll);
    this.uppy.on("file-removed", this.#onRemoved);
  }

  uninstall() {
    this.uppy.removeUploader(this.#upload);
    this.uppy.off("upload-pause", this.#onPause);
    this.uppy.off("pause-all", this.#onPauseAll);
    this.uppy.off("resume-all", this.#onResumeAll);
    this.uppy.off("file-removed", this.#onRemoved);
  }

  get isBusy() {
    return this.#running.size > 0;
  }

  /** @param {string[]} ids */
  #upload = async (ids) => {
    const files = ids
      .map((id) => this.uppy.getFile(id))
      .filter((file) => file && !file.progress.uploadComplete);
    if (!files.length) return;
    this.uppy.emit("upload-start", files);
    try {
      await this.options.prepare(files);
    } catch (error) {
      for (const file of files) this.#fail(file, error);
      return;
    }
    await Promise.all(files.map((file) => this.#bring(file)));
  };

  /** @param {any} file */
  async #bring(file) {
    const checksums = this.#checksums.get(file.id) ?? new Map();
    this.#checksums.set(file.id, checksums);
    const film = { name: file.name, file: file.data, checksums };
    /** @type {Running} */
    const running = { film, abort: new AbortController(), isRemoved: false, resume: null };
    this.#running.set(file.id, running);
    const ports = this.options.portsOf(file, {
      progress: (bytes) => this.#progress(file, bytes),
      note: (text) => this.uppy.emit(/** @type {any} */ ("film-note"), file, text),
    });
    try {
      const receipt = await this.#transferred(file, running, ports);
      if (receipt) {
        this.#progress(file, file.size);
        this.uppy.emit("upload-success", this.uppy.getFile(file.id), {
          status: 200,
          body: receipt,
          uploadURL: undefined,
        });
      }
    } catch (error) {
      this.#fail(file, error);
    } finally {
      this.#running.delete(file.id);
      ports.note("");
    }
  }

  /**
   * The receipt; null for a file that was removed.
   * @param {any} file @param {Running} running @param {import("./transfer.js").Ports} ports
   */
  async #transferred(file, running, ports) {
    for (;;) {
      if (running.isRemoved) return null;
      if (this.uppy.getFile(file.id)?.isPaused) {
        await new Promise((/** @type {(value?: unknown) => void} */ go) => {
          running.resume = () => go();
        });
        running.resume = null;
        continue;
      }
      running.abort = new AbortController();
      try {
        return await transfer(running.film, ports, running.abort.signal);
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
      }
    }
  }

  /** @param {any} file @param {number} bytes */
  #progress(file, bytes) {
    const known = this.uppy.getFile(file.id);
    if (!known || known.progress.uploadComplete) return;
    this.uppy.emit("upload-progress", known, {
      uploadStarted: known.progress.uploadStarted ?? Date.now(),
      bytesUploaded: bytes,
      // 100 % is what has its receipt: Uppy takes no progress of a file after that.
      bytesTotal: file.size,
    });
  }

  /** @param {any} file @param {unknown} error */
  #fail(file, error) {
    const known = this.uppy.getFile(file.id);
    if (!known) return;
    const words = error instanceof Error ? error.message : String(error);
    this.uppy.emit("upload-error", known, { name: "Error", message: words });
  }

  /** @param {any} file @param {boolean} isPaused */
  #onPause = (file, isPaused) => {
    const running = file && this.#running.get(file.id);
    if (!running) return;
    if (isPaused) running.abort.abort();
    else running.resume?.();
  };

  #onPauseAll = () => {
    for (const running of this.#running.values()) running.abort.abort();
  };

  #onResumeAll = () => {
    for (const running of this.#running.values()) running.resume?.();
  };

  /** @param {any} file */
  #onRemoved = (file) => {
    const running = this.#running.get(file.id);
    if (running) {
      running.isRemoved = true;
      running.abort.abort();
      running.resume?.();
    }
    this.#checksums.delete(file.id);
    const wasBegun = file.progress.uploadStarted && !file.progress.uploadComplete;
    if (wasBegun) this.options.cancelled(file);
  };
}
