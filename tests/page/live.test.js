import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import {
  HEARD_POLL_MS,
  LEAST_GAP_MS,
  LEAST_GAP_OF_LISTS_MS,
  LONGEST_WAIT_MS,
  live,
  nextWait,
  POLL_MS,
  subjectOf,
} from "../../cloud/page/src/live.js";
import { FakeTime, settled } from "./fake_time.js";

test("a poll that succeeds is followed by the usual wait", () => {
  assert.equal(nextWait(POLL_MS, 0, 0.7), POLL_MS);
});

test("each failure in a row doubles the longest wait, up to a minute", () => {
  assert.equal(nextWait(5000, 1, 1), 10_000);
  assert.equal(nextWait(5000, 2, 1), 20_000);
  assert.equal(nextWait(5000, 20, 1), LONGEST_WAIT_MS);
});

test("pages that failed at the same moment do not ask again at the same moment", () => {
  assert.equal(nextWait(5000, 1, 0), 5000);
  assert.notEqual(nextWait(5000, 1, 0.2), nextWait(5000, 1, 0.8));
});

/** A coordinator that answers with the version of the moment, and a page that looks at it. */
class Page {
  time = new FakeTime();
  version = 1;
  /** @type {number | null} */
  refusal = null;
  isHidden = false;
  /** @type {(string | null)[]} */
  etags = [];
  /** @type {any[]} */
  told = [];
  /** @type {Set<any>} */
  listeners = new Set();
  /** @type {Set<() => void>} */
  wakes = new Set();
  push = {
    isUp: false,
    /** @param {any} listener */
    listen: (listener) => {
      this.listeners.add(listener);
      return () => void this.listeners.delete(listener);
    },
  };

  /** @param {string} [path] */
  look(path = "v1/sessions/match-17") {
    return live(path, (news) => this.told.push(news), {
      at: /** @type {any} */ (this.#surroundings()),
    });
  }

  get polls() {
    return this.etags.length;
  }

  /** @param {boolean} isUp */
  turn(isUp) {
    this.push.isUp = isUp;
    for (const each of this.listeners) each.turned();
  }

  /** @param {string} session */
  hint(session) {
    for (const each of this.listeners) each.changed(session);
  }

  #surroundings() {
    return {
      /** @param {string} _method @param {string} _path @param {any} options */
      call: async (_method, _path, { etag }) => {
        this.etags.push(etag);
        const answer = `"${this.version}"`;
        const document = { version: this.version };
        if (this.refusal !== null)
          throw new Problem({ title: "", detail: "", status: this.refusal });
        await settled();
        if (etag === answer) return { document: null, etag, unchanged: true };
        return { document, etag: answer, unchanged: false };
      },
      push: this.push,
      isHidden: () => this.isHidden,
      /** @param {() => void} wake */
      onVisibility: (wake) => {
        this.wakes.add(wake);
        return () => void this.wakes.delete(wake);
      },
      random: () => 1,
      now: () => this.time.now,
      after: this.time.after,
      forget: this.time.forget,
    };
  }
}

/** A page that hears hints, has just asked, and rests. */
async function hearing(path = "v1/sessions/match-17") {
  const page = new Page();
  page.look(path);
  await page.time.pass(0);
  page.turn(true);
  await page.time.pass(LEAST_GAP_OF_LISTS_MS * 2);
  page.etags = [];
  return page;
}

test("without push a view asks at the usual intervals, with the ETag of what it has", async () => {
  const page = new Page();
  page.look();
  await page.time.pass(2 * POLL_MS);

  assert.deepEqual(page.etags, [null, '"1"', '"1"']);
  assert.deepEqual(page.told.at(-1), { document: { version: 1 }, problem: null });
});

test("while hints come a view polls seldom", async () => {
  const page = await hearing();

  await page.time.pass(HEARD_POLL_MS);

  assert.equal(page.polls, 1);
});

test("when hints begin to come a view asks once more, for what changed before", async () => {
  const page = new Page();
  page.look();
  await page.time.pass(POLL_MS / 2);
  page.version = 2;

  page.turn(true);
  await page.time.pass(0);

  assert.equal(page.told.at(-1).document.version, 2);
});

test("a hint brings the change at once", async () => {
  const page = await hearing();
  page.version = 2;

  page.hint("match-17");
  await page.time.pass(0);

  assert.equal(page.told.at(-1).document.version, 2);
});

test("hints in quick succession make one poll a second, and the last of them is not lost", async () => {
  const page = await hearing();
  for (let count = 0; count < 19; count += 1) {
    page.version += 1;
    page.hint("match-17");
    await page.time.pass(50);
  }
  assert.equal(page.polls, 1);

  await page.time.pass(LEAST_GAP_MS);

  assert.equal(page.polls, 2);
  assert.equal(page.told.at(-1).document.version, page.version);
});

test("a hint that comes while a poll is on its way makes another one", async () => {
  const page = await hearing();
  page.hint("match-17");
  const onItsWay = page.time.pass(0);
  await settled();
  page.hint("match-17");
  page.version = 2;
  await onItsWay;

  await page.time.pass(LEAST_GAP_MS);

  assert.equal(page.told.at(-1).document.version, 2);
});

test("a hint of another session wakes no view of one session, and each list", async () => {
  const one = await hearing();
  const list = await hearing("v1/sessions?state=OPEN");
  for (const page of [one, list]) {
    page.hint("match-18");
    await page.time.pass(0);
  }

  assert.deepEqual([one.polls, list.polls], [0, 1]);
});

test("a list asks no more often for hints than it polls without them", async () => {
  const page = await hearing("v1/overview");
  for (let second = 0; second < 60; second += 1) {
    page.hint(`match-${second}`);
    await page.time.pass(1_000);
  }

  assert.ok(page.polls <= 60_000 / POLL_MS + 1);
});

test("what no hint tells of is polled as ever", async () => {
  const page = await hearing("v1/uploads/u_1");

  await page.time.pass(2 * POLL_MS);

  assert.equal(page.polls, 2);
});

test("when hints come no longer a view polls as without them", async () => {
  const page = await hearing();
  page.version = 2;

  page.turn(false);
  await page.time.pass(POLL_MS);

  assert.equal(page.told.at(-1).document.version, 2);
});

test("a hidden page asks nothing, and asks at once when it is seen", async () => {
  const page = await hearing();
  page.isHidden = true;
  page.hint("match-17");
  await page.time.pass(10 * HEARD_POLL_MS);
  assert.equal(page.polls, 0);

  page.isHidden = false;
  for (const wake of page.wakes) wake();
  await page.time.pass(0);

  assert.equal(page.polls, 1);
});

test("a failing coordinator is asked ever more rarely, hints or not", async () => {
  const page = await hearing();
  page.refusal = 503;
  page.hint("match-17");
  await page.time.pass(0);
  assert.equal(page.polls, 1);

  for (let second = 0; second < 20; second += 1) {
    page.hint("match-17");
    await page.time.pass(1_000);
  }

  assert.equal(page.told.at(-1).problem.status, 503);
  assert.ok(page.polls <= 2);
});

test("a view of who is not logged in asks no more", async () => {
  const page = await hearing();
  page.refusal = 401;
  page.hint("match-17");
  await page.time.pass(0);

  page.hint("match-17");
  page.turn(false);
  await page.time.pass(10 * HEARD_POLL_MS);

  assert.equal(page.polls, 1);
});

test("a view that ended listens and asks no more", async () => {
  const page = new Page();
  const end = page.look();
  await page.time.pass(0);

  end();
  await page.time.pass(HEARD_POLL_MS);

  assert.deepEqual([page.polls, page.listeners.size, page.wakes.size], [1, 0, 0]);
});

test("the session that a call is about is known by its address", () => {
  assert.deepEqual(subjectOf("v1/sessions/match%2017/artifacts?x=1"), { session: "match 17" });
  assert.deepEqual(subjectOf("v1/sessions?group=a"), { session: null });
  assert.deepEqual(subjectOf("v1/groups/a"), { session: null });
  assert.equal(subjectOf("v1/uploads/u_1"), null);
  assert.equal(subjectOf("v1/limits"), null);
});
