/**
 * One film over all chapters, played by two video elements that take turns.
 *
 * One element is seen. The other makes the next chapter ready, or the same one at a newer address before the present one
 * dies, or the place that a seek leads to; then they swap. So neither a chapter's end nor an address's end is seen.
 */
import { Problem } from "../api.js";
import { position } from "../format.js";
import { Clock } from "./clock.js";
import { Deck, HAS_MORE } from "./deck.js";

/** How long before a chapter's end the next one is fetched. */
export const AHEAD_S = 20;
/** How far ahead of the picture a new address is made ready. */
export const LEAD_S = 1.5;
/** How long the picture may wait, at an address that is dead or nearly, before the page asks for another. */
export const STALL_S = 4;
/** How long it may wait at a good address before the page says so. */
export const SLOW_S = 10;
/** So little of a chapter is in the browser already. */
const RELIEF_S = 1;
const TICK_S = 0.5;
const USUAL_FRAME_S = 1 / 30;
const WITHIN_FRAME = 0.1;
const LATE_S = 0.05;
/** So often in a row an element says its time with no frame between where its frames are not announced: out of sight. */
const UNSEEN_UPDATES = 8;
/** One retry is enough for one place within this time. */
const RETRIED_S = 30;
const NEVER = { time_s: Number.NaN, at_s: 0 };
const LONGEST_QUIET_S = 30;

/**
 * @typedef {object} Chapter
 * @property {string} name
 * @property {number} duration_s 0 while unknown
 * @property {import("./address.js").Address | null} address null where nothing of it can be played
 * @property {import("./boxes.js").Run[]} runs
 * @property {string | null} lacking why it cannot be played
 */

/**
 * @typedef {object} Timers
 * @property {() => number} now in seconds
 * @property {(wait_s: number, act: () => void) => () => void} after the answer cancels it
 * @property {(act: () => void) => void} onFrame before the browser draws next
 */

/**
 * What a person sees besides the time.
 * @typedef {object} Looks
 * @property {0 | 1} front which element is seen
 * @property {boolean} waiting for the network
 * @property {boolean} slow waiting for so long that a word is due
 * @property {Problem | null} problem why the film stopped
 * @property {string | null} notice what was left out
 * @property {number} swaps how often the elements took turns
 */

/**
 * What the other element makes ready: the place of a seek, the next chapter, or the same place at a newer address.
 * @typedef {{kind: "seek" | "next" | "relief", chapter: number, local_s: number}} Plan
 */

/** See above. */
export class FilmPlayer {
  /**
   * @param {object} given
   * @param {readonly [import("./deck.js").Media, import("./deck.js").Media]} given.elements
   * @param {Chapter[]} given.chapters
   * @param {Timers} given.timers
   * @param {(looks: Looks) => void} given.tell
   * @param {Clock} [given.clock] which the film moves from now on
   */
  constructor({ elements, chapters, timers, tell, clock = new Clock() }) {
    this.clock = clock;
    clock.steer((time_s) => this.seek(time_s));
    this.chapters = chapters;
    this._timers = timers;
    this._tell = tell;
    this._decks = /** @type {const} */ ([new Deck(elements[0]), new Deck(elements[1])]);
    /** @type {Looks} */
    this.looks = {
      front: 0,
      waiting: false,
      slow: false,
      problem: null,
      notice: null,
      swaps: 0,
    };
    /** @type {Plan | null} */
    this._plan = null;
    this._turn = 0;
    this._retried = NEVER;
    this._failures = 0;
    this._quietUntil_s = Number.NEGATIVE_INFINITY;
    this._shown_s = Number.NaN;
    this._unseen = 0;
    this._isSought = false;
    this._still = { at_s: Number.NaN, since_s: 0 };
    this._endings = this._decks.flatMap((deck) => this._listen(deck));
    this._cancelLook = () => {};
    this._tellDuration();
    this._lookAgain();
  }

  get _front() {
    return this._decks[this.looks.front];
  }

  get _back() {
    return this._decks[this.looks.front === 0 ? 1 : 0];
  }

  /** The element that is seen. */
  get element() {
    return this._front.element;
  }

  /** When each chapter begins, over all of them. */
  get starts_s() {
    let start_s = 0;
    return this.chapters.map(({ duration_s }) => {
      const own_s = start_s;
      start_s += duration_s;
      return own_s;
    });
  }

  /** Where the picture is, between its frames too; while it is on its way, where that leads. */
  get exact_s() {
    const { chapter, element } = this._front;
    if (chapter === null || this._plan?.kind === "seek") return this.clock.time_s;
    return (this.starts_s[chapter] ?? 0) + element.currentTime;
  }

  /** Which parts of the film are here already, as pairs of times. */
  get buffered_s() {
    const starts_s = this.starts_s;
    return this._decks.flatMap(({ chapter, element }) => {
      const ranges = element.buffered;
      const start_s = chapter === null ? 0 : (starts_s[chapter] ?? 0);
      return Array.from({ length: chapter === null ? 0 : ranges.length }, (_, place) => [
        start_s + ranges.start(place),
        start_s + ranges.end(place),
      ]);
    });
  }

  /** Whether the picture that is seen can go on at once. */
  get isReady() {
    const { element, chapter } = this._front;
    const isMoving = this._plan?.kind === "seek";
    return chapter !== null && !isMoving && !element.seeking && element.readyState >= HAS_MORE;
  }

  play() {
    if (this.looks.problem) return this.retry();
    this.clock.tell({ playing: true });
    if (this.clock.time_s >= this.clock.duration_s - 1e-3 && this.clock.duration_s > 0) {
      return this.seek(0);
    }
    if (this._plan?.kind === "seek") return;
    if (this._front.chapter === null || this._isStale(this._front)) {
      return this.seek(this.clock.time_s);
    }
    this._start();
  }

  pause() {
    this.clock.tell({ playing: false });
    this.element.pause();
    this._show({ waiting: false, slow: false });
  }

  /** @param {number} rate */
  setRate(rate) {
    this.clock.tell({ rate });
    this.nudge(1);
  }

  /**
   * Play by a factor faster than the rate says, to come into step with another camera.
   * @param {number} factor
   */
  nudge(factor) {
    const rate = this.clock.rate * factor;
    for (const { element } of this._decks) {
      if (element.playbackRate !== rate) element.playbackRate = rate;
    }
  }

  /**
   * @param {number} volume from 0 to 1
   * @param {boolean} muted
   */
  setSound(volume, muted) {
    for (const { element } of this._decks) {
      element.volume = volume;
      element.muted = muted;
    }
  }

  /** @param {number} time_s */
  seek(time_s) {
    if (this.looks.problem) this._show({ problem: null });
    const place = this._placeOf(time_s);
    if (!place) return;
    this._show({ notice: place.notice });
    const { chapter, local_s } = place;
    const front = this._front;
    if (front.chapter !== chapter || front.element.readyState < 1 || this._isStale(front)) {
      this._move(chapter, local_s);
      return;
    }
    this._dropPlan();
    front.element.currentTime = local_s;
    this._tellTime(chapter, local_s);
    if (this.clock.playing && front.element.paused) this._start();
  }

  /** Try again after a problem, at the same place. */
  retry() {
    this._show({ problem: null });
    this._retried = NEVER;
    const place = this._placeOf(this.clock.time_s);
    if (place) this._move(place.chapter, place.local_s, true);
  }

  /**
   * Show the next frame, or the one before, and stay there.
   * @param {1 | -1} direction
   */
  step(direction) {
    this.pause();
    const place = this._placeOf(this.clock.time_s);
    if (!place) return;
    const { chapter, local_s } = place;
    const starts_s = this.starts_s;
    const start_s = starts_s[chapter] ?? 0;
    const frame_s = this.frameAt(chapter, direction > 0 ? local_s : local_s - 1e-4);
    const aim_s = local_s + direction * frame_s + WITHIN_FRAME * frame_s;
    const duration_s = this.chapters[chapter]?.duration_s ?? 0;
    if (aim_s < 0) this.clock.seek(Math.max(0, start_s - 0.5 * frame_s));
    else if (aim_s >= duration_s) this.clock.seek(start_s + duration_s);
    else this.clock.seek(start_s + aim_s);
  }

  /**
   * How long the frame of a chapter is shown that is there at `local_s`.
   * @param {number} chapter
   * @param {number} local_s
   */
  frameAt(chapter, local_s) {
    let end_s = 0;
    let frame_s = USUAL_FRAME_S;
    for (const run of this.chapters[chapter]?.runs ?? []) {
      frame_s = run.frame_s;
      end_s += run.frames * run.frame_s;
      if (local_s < end_s - 1e-6) return frame_s;
    }
    return frame_s;
  }

  /**
   * Note what was read of a chapter meanwhile; the place in the film stays.
   * @param {number} chapter
   * @param {Partial<Chapter>} known
   */
  learn(chapter, known) {
    const place = this._placeOf(this.clock.time_s);
    this.chapters = this.chapters.map((each, number) =>
      number === chapter ? { ...each, ...known } : each,
    );
    this._tellDuration();
    if (place) this._tellTime(place.chapter, place.local_s);
  }

  /** Stop, and let go of the network. */
  end() {
    this._turn += 1;
    this._cancelLook();
    for (const end of this._endings) end();
    for (const deck of this._decks) deck.end();
    this.clock.steer(null);
  }

  _tellDuration() {
    this.clock.tell({
      duration_s: this.chapters.reduce((sum, { duration_s }) => sum + duration_s, 0),
    });
  }

  /**
   * Where in which chapter a time is; a chapter that cannot be played is passed over, with a notice.
   * @param {number} time_s
   */
  _placeOf(time_s) {
    const starts_s = this.starts_s;
    let chapter = starts_s.findLastIndex(
      (start_s, place) => start_s <= time_s && (start_s < this.clock.duration_s || place === 0),
    );
    if (chapter < 0) return null;
    let local_s = time_s - (starts_s[chapter] ?? 0);
    const lacking = this.chapters[chapter];
    if (lacking?.address) return { chapter, local_s, notice: null };
    const notice = `${lacking?.name}: ${lacking?.lacking ?? "it cannot be played."}`;
    const next = this._nextOf(chapter);
    local_s = 0;
    if (next !== null) chapter = next;
    else {
      chapter = this.chapters.findLastIndex(({ address }) => address !== null);
      local_s = this.chapters[chapter]?.duration_s ?? 0;
    }
    return chapter < 0 ? null : { chapter, local_s, notice };
  }

  /**
   * The next chapter that can be played; null at the end.
   * @param {number} chapter
   */
  _nextOf(chapter) {
    const next = this.chapters.findIndex(
      ({ address }, place) => place > chapter && address !== null,
    );
    return next < 0 ? null : next;
  }

  /** @param {Deck} deck */
  _isStale(deck) {
    return this._timers.now() >= deck.life.stale_s;
  }

  /**
   * @param {number} chapter
   * @param {number} local_s
   * @param {boolean} [isRefused] whether the present address was refused
   */
  _move(chapter, local_s, isRefused = false) {
    const plan = /** @type {const} */ ({ kind: "seek", chapter, local_s });
    this._tellTime(chapter, local_s);
    this._show({ waiting: true });
    const back = this._back;
    if (!isRefused && back.chapter === chapter && !this._isStale(back)) {
      this._turn += 1;
      this._plan = plan;
      back.go(local_s, this._readyOf(this._turn));
    } else if (!isRefused && this._plan?.kind === "seek" && this._plan.chapter === chapter) {
      // Its address is on its way: it will be opened at the newest place.
      this._plan = plan;
    } else void this._prepare(plan, isRefused);
    this.element.pause();
  }

  /**
   * Have the other element make a plan ready.
   * @param {Plan} plan
   * @param {boolean} isRefused
   */
  async _prepare(plan, isRefused) {
    this._turn += 1;
    const turn = this._turn;
    this._plan = plan;
    const address = this.chapters[plan.chapter]?.address;
    if (!address) return;
    try {
      const url = isRefused ? await address.renew() : await address.url();
      if (turn !== this._turn) return;
      const local_s = this._plan.kind === "relief" ? this._lead() : this._plan.local_s;
      this._back.open(plan.chapter, url, address.life, local_s, this._readyOf(turn));
    } catch (error) {
      if (turn !== this._turn) return;
      if (!(error instanceof Problem)) throw error;
      if (this._plan.kind === "seek") this._fail(error);
      else this._giveUpPlan();
    }
  }

  /** What was prepared in good time failed: the picture goes on, and the next try waits. */
  _giveUpPlan() {
    this._turn += 1;
    this._plan = null;
    this._back.clear();
    this._failures += 1;
    this._quietUntil_s = this._timers.now() + Math.min(2 ** this._failures, LONGEST_QUIET_S);
  }

  /** Where the picture will be once a new address is ready. */
  _lead() {
    const { currentTime, duration } = this.element;
    const rest_s = Number.isFinite(duration) ? (duration - currentTime) / 2 : LEAD_S;
    return currentTime + Math.min(LEAD_S * this.clock.rate, rest_s);
  }

  /**
   * What happens once the other element has the frame of the plan of `turn`.
   * @param {number} turn
   */
  _readyOf(turn) {
    return () => {
      if (turn !== this._turn || !this._plan) return;
      if (this._plan.kind === "seek") this._swap();
      else if (this._plan.kind === "relief") this._relieve(turn);
    };
  }

  /**
   * Swap when the picture reaches the frame that the other element shows; where it has passed it, aim again.
   * @param {number} turn
   */
  _relieve(turn) {
    if (turn !== this._turn || this._plan?.kind !== "relief") return;
    if (!this.clock.playing) return this._dropPlan();
    const ahead_s = this._back.element.currentTime - this.element.currentTime;
    const wait_s = ahead_s / this.clock.rate;
    if (ahead_s < -LATE_S) {
      this._back.go(this._lead(), this._readyOf(turn));
    } else if (wait_s <= 0.02) this._swap();
    else this._timers.after(Math.min(wait_s, LEAD_S), () => this._relieve(turn));
  }

  _dropPlan() {
    if (!this._plan) return;
    this._turn += 1;
    if (this._plan.kind !== "next") this._back.clear();
    this._plan = null;
  }

  _swap() {
    const old = this._front;
    const isSeek = this._plan?.kind === "seek";
    this._plan = null;
    this._turn += 1;
    this._failures = 0;
    this._shown_s = Number.NaN;
    this._isSought = isSeek;
    this._show({ front: this.looks.front === 0 ? 1 : 0, swaps: this.looks.swaps + 1 });
    this.nudge(1);
    if (isSeek) this._show({ waiting: false, slow: false });
    if (this.clock.playing) this._start();
    old.clear();
    this._watchFrames(this._front);
    this._tellCurrent();
  }

  _start() {
    this.element.play().then(
      () => undefined,
      (/** @type {DOMException} */ error) => {
        // A browser refuses to begin with sound before a person has touched the page.
        if (error.name === "NotAllowedError") this.clock.tell({ playing: false });
      },
    );
  }

  /** The chapter that is seen has ended. */
  _goOn() {
    const { chapter } = this._front;
    if (chapter === null || this._plan?.kind === "seek") return;
    const next = this._nextOf(chapter);
    if (next === null) {
      this._dropPlan();
      this.clock.tell({ playing: false, time_s: this._endOf(chapter) });
      return;
    }
    if (next !== chapter + 1) this._show({ notice: this._noticeOf(chapter + 1) });
    const plan = this._plan;
    const isPlanned = plan?.kind === "next" && plan.chapter === next && !this._isStale(this._back);
    if (!plan || !isPlanned) this._move(next, 0);
    else if (this._back.isReady) this._swap();
    else {
      this._plan = { ...plan, kind: "seek" };
      this._tellTime(next, 0);
      this._show({ waiting: true });
    }
  }

  /** @param {number} chapter */
  _noticeOf(chapter) {
    const passed = this.chapters[chapter];
    return passed ? `${passed.name}: ${passed.lacking ?? "it cannot be played."}` : null;
  }

  /** @param {number} chapter */
  _endOf(chapter) {
    return (this.starts_s[chapter] ?? 0) + (this.chapters[chapter]?.duration_s ?? 0);
  }

  /**
   * The element of a deck reports that it cannot go on.
   * @param {Deck} deck
   */
  _refused(deck) {
    if (deck.chapter === null || this.looks.problem) return;
    if (deck === this._front) {
      if (this._plan?.kind !== "seek") this._recover();
    } else if (this._plan?.kind === "seek") this._recover();
    else this._giveUpPlan();
  }

  /** Go on at the same place with a new address, once; where that fails too, say so. */
  _recover() {
    const time_s = this.clock.time_s;
    const place = this._placeOf(time_s);
    if (!place) return;
    const now_s = this._timers.now();
    if (Math.abs(time_s - this._retried.time_s) < 1 && now_s - this._retried.at_s < RETRIED_S) {
      this._fail(this._whyStopped());
      return;
    }
    this._retried = { time_s, at_s: now_s };
    const { life } = this._plan?.kind === "seek" ? this._back : this._front;
    const address = this.chapters[place.chapter]?.address;
    // A newer address than the refused one may be here already.
    this._move(place.chapter, place.local_s, life.dies_s === address?.life.dies_s);
  }

  _whyStopped() {
    const code = (this._back.element.error ?? this._front.element.error)?.code;
    const where = `The film stopped at ${position(this.clock.time_s)}.`;
    const why =
      code === 3 || code === 4
        ? "This browser could not read the file: it is damaged there, or the storage refuses it."
        : "The storage did not deliver it. Check the network.";
    return new Problem({
      title: "The film stopped",
      detail: `${where} ${why}`,
      status: 0,
      action: "retry",
    });
  }

  /** @param {Problem} problem */
  _fail(problem) {
    this._turn += 1;
    this._plan = null;
    this._back.clear();
    this.element.pause();
    this._show({ problem, waiting: false, slow: false });
  }

  /** @param {Deck} deck */
  _listen(deck) {
    const { element } = deck;
    /** @type {Record<string, () => void>} */
    const heard = {
      timeupdate: () => this._tellCurrent(),
      // The system's own controls seek, too.
      seeking: () => {
        this._isSought = true;
      },
      seeked: () => this._tellCurrent(),
      ended: () => this._goOn(),
      waiting: () => this._show({ waiting: this.clock.playing }),
      playing: () => this._show({ waiting: false, slow: false }),
      // A headset, the system or the browser pressed the button.
      pause: () => this._hearButton(element),
      play: () => this._hearButton(element),
      durationchange: () => this._learnDuration(deck),
    };
    const endings = Object.entries(heard).map(([name, act]) => {
      const hear = () => {
        if (deck === this._front && deck.chapter !== null) act();
      };
      element.addEventListener(name, hear);
      return () => element.removeEventListener(name, hear);
    });
    const refuse = () => this._refused(deck);
    element.addEventListener("error", refuse);
    return [...endings, () => element.removeEventListener("error", refuse)];
  }

  /** @param {import("./deck.js").Media} element that plays or pauses, as a person wished or a plan wants it */
  _hearButton(element) {
    const isPlanned = this._plan?.kind === "seek" || this.looks.problem || element.ended;
    if (!isPlanned) this.clock.tell({ playing: !element.paused });
  }

  /** @param {Deck} deck */
  _learnDuration(deck) {
    const { duration } = deck.element;
    const known = deck.chapter === null ? undefined : this.chapters[deck.chapter];
    if (known && !known.duration_s && Number.isFinite(duration) && deck.chapter !== null) {
      this.learn(deck.chapter, { duration_s: duration });
    }
  }

  /** @param {Deck} deck */
  _watchFrames(deck) {
    const { element } = deck;
    const turn = this.looks.swaps;
    if (element.requestVideoFrameCallback) {
      element.requestVideoFrameCallback((_now, { mediaTime }) => {
        if (turn !== this.looks.swaps) return;
        this._tellShown(mediaTime);
        this._watchFrames(deck);
      });
      return;
    }
    this._timers.onFrame(() => {
      if (turn !== this.looks.swaps) return;
      if (this.clock.playing) this._tellCurrent();
      this._watchFrames(deck);
    });
  }

  /** @param {number} local_s when the frame begins that is seen now */
  _tellShown(local_s) {
    const { chapter, element } = this._front;
    // The last frame may be announced after the end has been told.
    if (chapter === null || element.ended || this._plan?.kind === "seek") return;
    // A frame from before a seek may be announced after it.
    if (element.seeking) return;
    this._shown_s = local_s;
    this._unseen = 0;
    this._tellPlace(chapter, local_s);
  }

  /** Tell where the element is, as far as its frames do not tell it better. */
  _tellCurrent() {
    const { chapter, element } = this._front;
    if (chapter === null || element.seeking || element.ended || this._plan?.kind === "seek") return;
    // A frame may be announced a moment before its time.
    const ahead_s = Math.abs(element.currentTime - this._shown_s);
    const isOfShown = ahead_s < 2 * this.frameAt(chapter, this._shown_s);
    // The element's own time runs ahead of its frames: while they come, they tell the time of a film that plays.
    this._unseen += 1;
    const isTold = this.clock.playing && !this._isSought && this._unseen < UNSEEN_UPDATES;
    if (element.requestVideoFrameCallback && (isOfShown || isTold)) return;
    this._tellPlace(chapter, element.currentTime);
  }

  /**
   * Tell where the picture is. While it plays the time never goes back without a seek: a frame that is announced late,
   * or an element that takes over a moment behind, comes to it by itself.
   * @param {number} chapter
   * @param {number} local_s
   */
  _tellPlace(chapter, local_s) {
    const told_s = this.clock.time_s - (this.starts_s[chapter] ?? 0);
    if (this.clock.playing && !this._isSought && local_s < told_s) return;
    this._isSought = false;
    this._tellTime(chapter, local_s);
  }

  /**
   * @param {number} chapter
   * @param {number} local_s
   */
  _tellTime(chapter, local_s) {
    const duration_s = this.chapters[chapter]?.duration_s || local_s;
    const within_s = Math.min(Math.max(local_s, 0), duration_s);
    this.clock.tell({ time_s: (this.starts_s[chapter] ?? 0) + within_s });
  }

  _lookAgain() {
    this._cancelLook = this._timers.after(TICK_S, () => {
      this._lookAgain();
      this._look();
    });
  }

  /** Look, now and then, at what is due. */
  _look() {
    if (this.looks.problem) return;
    this._lookForStall();
    const { chapter, element } = this._front;
    if (chapter === null || !this.clock.playing || this._plan?.kind === "seek") return;
    const end_s = this.chapters[chapter]?.duration_s || element.duration;
    const remaining_s = (end_s - element.currentTime) / this.clock.rate;
    const isRelief = this._plan?.kind === "relief";
    if (this._timers.now() < this._quietUntil_s) return;
    const diesFirst = this._timers.now() + remaining_s > this._front.life.dies_s;
    if (!isRelief && this._isStale(this._front) && diesFirst && remaining_s > RELIEF_S) {
      void this._prepare({ kind: "relief", chapter, local_s: 0 }, false);
      return;
    }
    const next = this._nextOf(chapter);
    if (!this._plan && next !== null && remaining_s < AHEAD_S) {
      void this._prepare({ kind: "next", chapter: next, local_s: 0 }, false);
    }
  }

  /** A browser may report no error where an address has died: then only the picture's standstill tells. */
  _lookForStall() {
    const deck = this._plan?.kind === "seek" ? this._back : this._front;
    const { element } = deck;
    const isDue =
      this._plan?.kind === "seek" ||
      element.seeking ||
      (this.clock.playing && element.readyState < HAS_MORE);
    const now_s = this._timers.now();
    if (!isDue || element.currentTime !== this._still.at_s) {
      this._still = { at_s: element.currentTime, since_s: now_s };
      if (this.looks.slow && !isDue) this._show({ slow: false });
      return;
    }
    const still_s = now_s - this._still.since_s;
    if (still_s >= STALL_S && this._isStale(deck)) {
      this._still = { at_s: Number.NaN, since_s: now_s };
      this._recover();
    } else if (still_s >= SLOW_S) this._show({ slow: true });
  }

  /** @param {Partial<Looks>} now */
  _show(now) {
    const before = this.looks;
    this.looks = { ...before, ...now };
    const names = /** @type {(keyof Looks)[]} */ (Object.keys(now));
    if (names.some((name) => before[name] !== this.looks[name])) this._tell(this.looks);
  }
}
