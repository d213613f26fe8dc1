/**
 * Several cameras of one match in step: one clock, to which each camera's film has an offset.
 *
 * The first camera that has a picture at a time leads. The others come into step with it by a slightly other speed, or
 * by a seek where they are far off. Where one waits for the network, all wait.
 */
import { Clock } from "./clock.js";

/** A camera that is less off than this is in step. */
export const IN_STEP_S = 0.008;
/** A camera that is further off than this is sought, with all others waiting. */
export const FAR_S = 0.35;
const MOST_NUDGE = 0.25;
/** How fast a camera comes into step: the share of its distance that it makes up in a second. */
const EAGER = 2;
const TICK_S = 0.1;
/** How exactly all begin together after a wait. */
const ALIGNED_S = 0.02;

/**
 * @typedef {object} Camera
 * @property {string} name
 * @property {import("./film.js").FilmPlayer} player
 * @property {number} begins_s when its film begins, on any scale that all cameras share
 */

/** See above. The bar moves it as it moves one film. */
export class GroupPlayer {
  /**
   * @param {object} given
   * @param {import("./film.js").Timers} given.timers
   * @param {(waiting: boolean) => void} given.tell whether all wait for one
   */
  constructor({ timers, tell }) {
    this.clock = new Clock({ seek: (time_s) => this.seek(time_s) });
    this._timers = timers;
    this._tell = tell;
    /** @type {Camera[]} */
    this.cameras = [];
    this._isHeld = true;
    this._sound = { volume: 1, muted: false };
    /** @type {string | null} */
    this._heard = null;
    this._cancel = () => {};
    this._unsubscribe = () => {};
    this._lookAgain();
  }

  /**
   * The cameras from now on; the time stays where the leading camera is.
   * @param {Camera[]} cameras
   */
  setCameras(cameras) {
    const lead = this._lead;
    const led_s = lead ? this.clock.time_s - this._startOf(lead) : 0;
    for (const { player } of this.cameras) {
      if (!cameras.some((each) => each.player === player)) player.nudge(1);
    }
    this._unsubscribe();
    this.cameras = cameras;
    const endings = cameras.map(({ player }) => player.clock.subscribe(() => this._follow()));
    this._unsubscribe = () => {
      for (const end of endings) end();
    };
    const kept = cameras.find(({ name }) => name === lead?.name) ?? cameras[0];
    this.clock.tell({ duration_s: this._end_s });
    this.setRate(this.clock.rate);
    this._spreadSound();
    const isBegun = this.clock.time_s > 0;
    if (kept) this.seek(isBegun ? this._startOf(kept) + led_s : 0);
  }

  get buffered_s() {
    const lead = this._lead;
    if (!lead) return [];
    const start_s = this._startOf(lead);
    return lead.player.buffered_s.map((range) => range.map((time_s) => time_s + start_s));
  }

  /**
   * When a camera's film begins, on the group's clock.
   * @param {string} name
   */
  startOf(name) {
    const camera = this.cameras.find((each) => each.name === name);
    return camera ? this._startOf(camera) : 0;
  }

  play() {
    if (this.clock.time_s >= this._end_s - 1e-3) this.seek(0);
    this.clock.tell({ playing: true });
    this._hold(true);
    this._look();
  }

  pause() {
    this.clock.tell({ playing: false });
    for (const { player } of this.cameras) player.pause();
    this._align();
    this._tell(false);
  }

  /** @param {number} time_s */
  seek(time_s) {
    this.clock.tell({ time_s });
    this._hold(true);
    for (const camera of this.cameras) this._send(camera);
  }

  /** @param {1 | -1} direction */
  step(direction) {
    this.pause();
    const lead = this._lead;
    if (!lead) return;
    lead.player.step(direction);
    this.clock.tell({ time_s: lead.player.clock.time_s + this._startOf(lead) });
    for (const camera of this.cameras) if (camera !== lead) this._send(camera);
  }

  /** @param {number} rate */
  setRate(rate) {
    this.clock.tell({ rate });
    for (const { player } of this.cameras) player.setRate(rate);
  }

  /**
   * @param {number} volume
   * @param {boolean} muted
   */
  setSound(volume, muted) {
    this._sound = { volume, muted };
    this._spreadSound();
  }

  /**
   * Hear one camera, and no other.
   * @param {string} name
   */
  hear(name) {
    this._heard = name;
    this._spreadSound();
  }

  end() {
    this._cancel();
    this._unsubscribe();
    this.clock.tell({ playing: false });
  }

  get _end_s() {
    return Math.max(
      0,
      ...this.cameras.map((camera) => this._startOf(camera) + camera.player.clock.duration_s),
    );
  }

  /** @param {Camera} camera */
  _startOf(camera) {
    return camera.begins_s - Math.min(...this.cameras.map(({ begins_s }) => begins_s));
  }

  /** Cameras that have a picture now, and are able to show it. */
  get _active() {
    return this.cameras.filter((camera) => {
      const target_s = this._targetOf(camera);
      const { clock, looks } = camera.player;
      return !looks.problem && target_s >= -1e-6 && target_s < clock.duration_s - 1e-3;
    });
  }

  get _lead() {
    return this._active[0] ?? null;
  }

  _spreadSound() {
    const heard = this._heard ?? this.cameras[0]?.name;
    for (const { name, player } of this.cameras) {
      player.setSound(this._sound.volume, this._sound.muted || name !== heard);
    }
  }

  /**
   * Where a camera should be now, in its own film.
   * @param {Camera} camera
   */
  _targetOf(camera) {
    return this.clock.time_s - this._startOf(camera);
  }

  /** @param {Camera} camera that goes where it should be, and rests there */
  _send(camera) {
    camera.player.pause();
    camera.player.clock.seek(this._targetOf(camera));
  }

  /** Have all cameras show the picture of the present time. */
  _align() {
    for (const camera of this._active) {
      if (Math.abs(camera.player.exact_s - this._targetOf(camera)) > ALIGNED_S) {
        this._send(camera);
      }
    }
  }

  /** @param {boolean} isHeld */
  _hold(isHeld) {
    this._isHeld = isHeld;
    if (isHeld) {
      for (const { player } of this.cameras) if (player.clock.playing) player.pause();
    }
    this._tell(isHeld && this.clock.playing);
  }

  _lookAgain() {
    this._cancel = this._timers.after(TICK_S, () => {
      this._lookAgain();
      this._look();
    });
  }

  _look() {
    this.clock.tell({ duration_s: this._end_s });
    if (!this.clock.playing) return;
    if (this._isHeld) return this._release();
    this._follow();
    const active = this._active;
    if (active.length === 0) return this._jump();
    if (active.some(({ player }) => !player.isReady)) {
      this._hold(true);
      return;
    }
    const [lead, ...others] = active;
    if (!lead) return;
    for (const camera of active) if (!camera.player.clock.playing) camera.player.play();
    lead.player.nudge(1);
    for (const camera of others) this._bringIntoStep(camera);
  }

  /** Begin together once each camera has the picture of the present time. */
  _release() {
    const active = this._active;
    if (active.length === 0) return this._jump();
    if (active.some(({ player }) => !player.isReady)) return;
    const late = active.filter(
      (camera) => Math.abs(camera.player.exact_s - this._targetOf(camera)) > FAR_S,
    );
    if (late.length > 0) {
      for (const camera of late) this._send(camera);
      return;
    }
    this._hold(false);
    for (const { player } of active) player.play();
  }

  /** Take the time from the camera that leads. */
  _follow() {
    if (this._isHeld || !this.clock.playing) return;
    const lead = this._lead;
    if (lead) this.clock.tell({ time_s: lead.player.clock.time_s + this._startOf(lead) });
  }

  /** No camera has a picture now: go to where the next one begins, or end. */
  _jump() {
    const starts_s = this.cameras
      .filter(({ player }) => !player.looks.problem)
      .map((camera) => this._startOf(camera))
      .filter((start_s) => start_s > this.clock.time_s);
    if (starts_s.length > 0) return this.seek(Math.min(...starts_s));
    this.clock.tell({ playing: false, time_s: this._end_s });
    this._tell(false);
  }

  /** @param {Camera} camera that does not lead */
  _bringIntoStep(camera) {
    const lead = this._lead;
    if (!lead) return;
    const aim_s = lead.player.exact_s + this._startOf(lead) - this._startOf(camera);
    const ahead_s = camera.player.exact_s - aim_s;
    if (Math.abs(ahead_s) > FAR_S) return this.seek(this.clock.time_s);
    const nudge = Math.min(MOST_NUDGE, Math.max(-MOST_NUDGE, (EAGER * ahead_s) / this.clock.rate));
    camera.player.nudge(Math.abs(ahead_s) > IN_STEP_S ? 1 - nudge : 1);
  }
}

/**
 * What is known of when a film began.
 * @typedef {object} Beginning
 * @property {number | null} timecode_s the camera's time code, in seconds after midnight
 * @property {number | null} created what the camera's clock showed, as an epoch
 */

const DAY_S = 86_400;

/**
 * When each film began, on one scale, and how that is known: by time code to a frame, by the cameras' clocks to a second,
 * or not at all.
 * @param {Beginning[]} films
 * @returns {{begins_s: number[], by: "timecode" | "clock" | "nothing"}}
 */
export function beginningsOf(films) {
  const created = films.map((film) => film.created);
  const codes = films.map((film) => film.timecode_s);
  if (!created.every((each) => each !== null)) {
    return { begins_s: films.map(() => 0), by: "nothing" };
  }
  if (!codes.every((each) => each !== null)) return { begins_s: created, by: "clock" };
  const begins_s = codes.map((code_s, place) => {
    const clock_s = created[place] ?? 0;
    const midnight_s = Math.floor(clock_s / DAY_S) * DAY_S;
    const days = Math.round((clock_s - midnight_s - code_s) / DAY_S);
    return midnight_s + code_s + days * DAY_S;
  });
  return { begins_s, by: "timecode" };
}
