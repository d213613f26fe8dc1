/** A browser's time, its video elements and a storage whose addresses die, for tests of the player without a browser. */
import { Address } from "../../cloud/page/src/player/address.js";

const STEP_S = 1 / 60;
const FRAME_S = 1 / 30;
const BUFFER_S = 5;

/** Time that passes only when a test says so; all that it drives moves in its steps. */
export class World {
  /** @param {{life_s?: number, isSilent?: boolean, latency_s?: number}} [given] */
  constructor({ life_s = 900, isSilent = false, latency_s = 0.1 } = {}) {
    this.latency_s = latency_s;
    this.now_s = 1000;
    this.life_s = life_s;
    /** Whether elements keep silent where the storage refuses, as Safari does on a seek. */
    this.isSilent = isSilent;
    /** @type {{at_s: number, act: () => void}[]} */
    this._due = [];
    /** @type {Video[]} */
    this.videos = [];
    /** @type {Map<string, {duration_s: number, dies_s: number}>} */
    this.files = new Map();
    this.asked = 0;
    this.refusals = 0;
    /** What the coordinator answers in place of an address. */
    this.problem = /** @type {Error | null} */ (null);
  }

  /** @returns {import("../../cloud/page/src/player/film.js").Timers} */
  get timers() {
    return {
      now: () => this.now_s,
      after: (wait_s, act) => this.after(wait_s, act),
      onFrame: (act) => {
        this.after(STEP_S, act);
      },
    };
  }

  /**
   * @param {number} wait_s
   * @param {() => void} act
   */
  after(wait_s, act) {
    const due = { at_s: this.now_s + wait_s, act };
    this._due.push(due);
    return () => {
      this._due = this._due.filter((each) => each !== due);
    };
  }

  video() {
    const video = new Video(this);
    this.videos.push(video);
    return video;
  }

  /** @param {number} duration_s */
  chapter(duration_s, name = "GX010038.MP4") {
    const ask = async () => {
      this.asked += 1;
      if (this.problem) throw this.problem;
      const url = `https://bucket/${name}?${this.asked}`;
      this.files.set(url, { duration_s, dies_s: this.now_s + this.life_s });
      return { url, expires_in_s: this.life_s };
    };
    const address = new Address(ask, () => this.now_s);
    return { name, duration_s, address, runs: [{ frames: 1e6, frame_s: FRAME_S }], lacking: null };
  }

  /** Have every address that was given so far refused from now on. */
  kill() {
    for (const file of this.files.values()) file.dies_s = this.now_s;
  }

  /** @param {string} url */
  isAlive(url) {
    const file = this.files.get(url);
    return file !== undefined && this.now_s < file.dies_s;
  }

  /**
   * Let time pass.
   * @param {number} seconds
   */
  async run(seconds) {
    const end_s = this.now_s + seconds;
    while (this.now_s < end_s - 1e-9) {
      this.now_s += STEP_S;
      const due = this._due.filter(({ at_s }) => at_s <= this.now_s);
      this._due = this._due.filter(({ at_s }) => at_s > this.now_s);
      for (const { act } of due) act();
      for (const video of this.videos) video.advance(STEP_S);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A video element as far as the player knows one. It holds five seconds ahead, and asks the storage for the rest. */
export class Video extends EventTarget {
  /** @param {World} world */
  constructor(world) {
    super();
    this._world = world;
    this._src = "";
    this._time_s = 0;
    this._end_s = 0;
    this._told_s = 0;
    this._turn = 0;
    this._callbacks = /** @type {((now: number, frame: {mediaTime: number}) => void)[]} */ ([]);
    this.duration = Number.NaN;
    this.paused = true;
    this.ended = false;
    this.seeking = false;
    this.readyState = 0;
    this.playbackRate = 1;
    this.volume = 1;
    this.muted = false;
    this.preload = /** @type {"" | "auto"} */ ("");
    this.error = /** @type {any} */ (null);
    /** How many of its seconds pass in one: an element's own clock may be off. */
    this.haste = 1;
    /** How much older than the element's time the frame is that it announces, as on a machine that is busy. */
    this.lag_s = 0;
    /** Whether it is drawn: the frames of a tab that is hidden are not announced. */
    this.isDrawn = true;
  }

  get src() {
    return this._src;
  }

  set src(url) {
    this._src = url;
  }

  get buffered() {
    const end_s = this._end_s;
    return /** @type {any} */ ({ length: end_s ? 1 : 0, start: () => 0, end: () => end_s });
  }

  get currentTime() {
    return this._time_s;
  }

  set currentTime(time_s) {
    this.ended = false;
    this.seeking = true;
    this._time_s = time_s;
    this._turn += 1;
    const turn = this._turn;
    this._world.after(0, () => this._tell("seeking"));
    this._world.after(this._world.latency_s, () => {
      if (turn !== this._turn) return;
      if (time_s > this._end_s && !this._world.isAlive(this._src)) return this._refuse();
      this._fill();
      this.seeking = false;
      this.readyState = 4;
      this._tell("seeked");
      this._tell("timeupdate");
      this.show();
    });
  }

  load() {
    this._turn += 1;
    this._time_s = 0;
    this._end_s = 0;
    this.readyState = 0;
    this.seeking = false;
    this.ended = false;
    this.error = null;
    this.duration = Number.NaN;
    this.playbackRate = 1;
    if (!this._src) return;
    const turn = this._turn;
    this._world.after(this._world.latency_s, () => {
      if (turn !== this._turn) return;
      const file = this._world.files.get(this._src);
      if (!file || !this._world.isAlive(this._src)) return this._refuse();
      this.duration = file.duration_s;
      this._fill();
      this.readyState = 4;
      for (const name of ["durationchange", "loadedmetadata", "loadeddata", "canplay"]) {
        this._tell(name);
      }
    });
  }

  /** @param {string} name */
  removeAttribute(name) {
    if (name === "src") this._src = "";
  }

  play() {
    if (this.paused) {
      this.paused = false;
      this._world.after(0, () => this._tell("play"));
    }
    return Promise.resolve();
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    this._world.after(0, () => this._tell("pause"));
  }

  /** @param {(now: number, frame: {mediaTime: number}) => void} callback */
  requestVideoFrameCallback(callback) {
    this._callbacks.push(callback);
    return 1;
  }

  /** @param {number} seconds */
  advance(seconds) {
    if (this.paused || this.seeking || this.readyState < 1 || this.ended) return;
    this._fill();
    const next_s = this._time_s + seconds * this.playbackRate * this.haste;
    if (next_s >= this.duration) {
      this._time_s = this.duration;
      this.ended = true;
      this.paused = true;
      this._tell("pause");
      this._tell("ended");
      // A browser may announce the last frame after the end.
      this.show(this.duration - FRAME_S);
      return;
    }
    if (next_s > this._end_s) {
      if (this.readyState > 2) {
        this.readyState = 2;
        this._tell("waiting");
      }
      if (!this._world.isAlive(this._src)) this._refuse();
      return;
    }
    if (this.readyState < 4) {
      this.readyState = 4;
      this._tell("playing");
    }
    this._time_s = next_s;
    this.show();
    if (next_s - this._told_s >= 0.25 || next_s < this._told_s) {
      this._told_s = next_s;
      this._tell("timeupdate");
    }
  }

  /**
   * Be elsewhere without a seek, as after a pause of the whole browser.
   * @param {number} seconds
   */
  jump(seconds) {
    this._time_s += seconds;
  }

  /** The network delivers again: an element reads on while it is paused, too. */
  resume() {
    if (!this._src || this.readyState === 0) return;
    this._fill();
    this.readyState = 4;
    this._tell("canplay");
  }

  _fill() {
    if (this._world.isAlive(this._src)) {
      this._end_s = Math.min(this.duration, Math.max(this._end_s, this._time_s + BUFFER_S));
    }
  }

  /** Announce the frame that is drawn. */
  show(shown_s = this._time_s) {
    if (!this.isDrawn) return;
    const lag_s = this.paused ? 0 : this.lag_s;
    const mediaTime = Math.floor(Math.max(0, shown_s - lag_s) / FRAME_S + 1e-6) * FRAME_S;
    const callbacks = this._callbacks;
    this._callbacks = [];
    for (const callback of callbacks) callback(this._world.now_s, { mediaTime });
  }

  _refuse() {
    this._world.refusals += 1;
    if (this._world.isSilent) return;
    this.error = { code: 2 };
    this._tell("error");
  }

  /** @param {string} name */
  _tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
