import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import {
  createPush,
  LINGER_MS,
  LONGEST_WAIT_MS,
  nextWait,
  RENEW_MS,
  SETTLE_MS,
} from "../../cloud/page/src/push.js";
import { FakeTime, settled } from "./fake_time.js";

const LIFE_MS = 600_000;

class FakeSocket {
  /** @type {any} */
  onopen;
  /** @type {any} */
  onmessage;
  /** @type {any} */
  onclose;
  isClosed = false;
  open() {
    this.onopen();
  }
  /** @param {object} hint */
  say(hint) {
    this.onmessage({ data: JSON.stringify(hint) });
  }
  fall() {
    this.onclose();
  }
  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onclose();
  }
}

/** A page whose coordinator gives tickets until `refusal` says why it does not. */
class Page {
  time = new FakeTime();
  /** @type {any[]} */
  sockets = [];
  tickets = 0;
  /** @type {number | null} */
  refusal = null;
  /** @type {string | null} */
  project = null;
  isHidden = false;
  /** @type {string[]} */
  heard = [];
  /** @type {boolean[]} */
  turns = [];
  wake = () => {};

  constructor() {
    this.push = createPush({
      ticket: async () => {
        this.tickets += 1;
        if (this.refusal !== null)
          throw new Problem({ title: "", detail: "", status: this.refusal });
        return { url: `wss://sockets/${this.tickets}`, socket_s: LIFE_MS / 1_000 };
      },
      open: (url) => {
        this.sockets.push(Object.assign(new FakeSocket(), { url }));
        return this.sockets.at(-1);
      },
      project: () => this.project,
      isHidden: () => this.isHidden,
      onVisibility: (wake) => {
        this.wake = wake;
      },
      random: () => 1,
      after: this.time.after,
      forget: this.time.forget,
    });
  }

  listen() {
    return this.push.listen({
      changed: (session) => this.heard.push(session),
      turned: () => this.turns.push(this.push.isUp),
    });
  }

  get socket() {
    return this.sockets.at(-1);
  }
}

/** A page with an open socket that hears. */
async function hearing() {
  const page = new Page();
  page.listen();
  await settled();
  page.socket.open();
  await page.time.pass(SETTLE_MS);
  return page;
}

test("a socket opens with a ticket when somebody listens, and hears which sessions change", async () => {
  const page = new Page();
  await settled();
  assert.equal(page.tickets, 0);

  page.listen();
  await settled();
  page.socket.open();
  page.socket.say({ changed: "session", session: "match-17" });

  assert.equal(page.socket.url, "wss://sockets/1");
  assert.deepEqual(page.heard, ["match-17"]);
});

test("several listeners have one socket", async () => {
  const page = new Page();
  page.listen();
  page.listen();
  await settled();
  page.listen();
  await settled();

  assert.equal(page.sockets.length, 1);
});

test("hints count only once every function knows of the socket", async () => {
  const page = new Page();
  page.listen();
  await settled();
  page.socket.open();

  await page.time.pass(SETTLE_MS - 1);
  assert.equal(page.push.isUp, false);
  await page.time.pass(1);
  assert.equal(page.push.isUp, true);
  assert.deepEqual(page.turns, [true]);
});

test("what is no hint is passed over", async () => {
  const page = await hearing();

  page.socket.say({ changed: "device", device: "d_1" });
  page.socket.say({ changed: "session", session: 7 });
  page.socket.onmessage({ data: "no JSON" });

  assert.deepEqual(page.heard, []);
});

test("a socket that falls says so at once and comes back after a wait", async () => {
  const page = await hearing();

  page.socket.fall();
  assert.deepEqual(page.turns, [true, false]);
  await page.time.pass(nextWait(0, 1));
  page.socket.open();
  await page.time.pass(SETTLE_MS);

  assert.equal(page.sockets.length, 2);
  assert.deepEqual(page.turns, [true, false, true]);
});

test("sockets that never open are tried ever more rarely", async () => {
  const page = new Page();
  page.listen();
  await settled();
  /** @type {number[]} */
  const waits = [];
  for (let count = 1; count < 10; count += 1) {
    const before = page.time.now;
    page.socket.fall();
    while (page.sockets.length === count) await page.time.pass(100);
    waits.push(Math.round((page.time.now - before) / 1_000));
  }

  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("pages whose sockets fell together do not come back together", () => {
  assert.equal(nextWait(3, 0), 4_000);
  assert.equal(nextWait(3, 1), 8_000);
  assert.equal(nextWait(30, 1), LONGEST_WAIT_MS);
});

test("a coordinator that fails to give a ticket is asked again", async () => {
  const page = new Page();
  page.refusal = 503;
  page.listen();
  await settled();

  page.refusal = null;
  await page.time.pass(nextWait(0, 1));

  assert.equal(page.tickets, 2);
  assert.equal(page.sockets.length, 1);
});

test("where there is no push nobody asks for it again", async () => {
  const page = new Page();
  page.refusal = 404;
  page.listen();
  await page.time.pass(LIFE_MS);
  page.listen();
  await page.time.pass(LIFE_MS);

  assert.equal(page.tickets, 1);
  assert.equal(page.push.isUp, false);
});

for (const status of [401, 403]) {
  test(`after ${status} a ticket is asked for only when somebody listens again`, async () => {
    const page = new Page();
    page.refusal = status;
    page.listen();
    await page.time.pass(LIFE_MS);
    assert.equal(page.tickets, 1);

    page.refusal = null;
    page.listen();
    await settled();

    assert.equal(page.sockets.length, 1);
  });
}

test("a socket is replaced before its end, without a moment in which nothing is heard", async () => {
  const page = await hearing();
  const [first] = page.sockets;

  await page.time.pass(LIFE_MS - RENEW_MS - SETTLE_MS);
  assert.equal(page.sockets.length, 2);
  assert.equal(first.isClosed, false);
  page.socket.open();
  page.socket.say({ changed: "session", session: "match-18" });

  assert.equal(first.isClosed, true);
  assert.deepEqual(page.heard, ["match-18"]);
  assert.deepEqual(page.turns, [true]);
});

test("a replacement that does not open is tried again, and the end of the first one is noticed", async () => {
  const page = await hearing();
  await page.time.pass(LIFE_MS - RENEW_MS - SETTLE_MS);

  page.socket.fall();
  await page.time.pass(nextWait(0, 1));
  assert.equal(page.sockets.length, 3);
  await page.time.pass(RENEW_MS);

  assert.equal(page.sockets[0].isClosed, true);
  assert.deepEqual(page.turns, [true, false]);
});

test("a hidden page has no socket, and has one again when it is seen", async () => {
  const page = await hearing();

  page.isHidden = true;
  page.wake();
  await page.time.pass(LIFE_MS);
  assert.equal(page.socket.isClosed, true);
  assert.equal(page.tickets, 1);

  page.isHidden = false;
  page.wake();
  await settled();
  assert.equal(page.sockets.length, 2);
});

test("a page that is hidden while its socket opens closes it", async () => {
  const page = new Page();
  page.listen();
  await settled();
  page.isHidden = true;
  page.wake();

  page.socket.open();

  assert.equal(page.socket.isClosed, true);
  assert.equal(page.push.isUp, false);
});

test("the socket outlives the change of a view, but not the last listener", async () => {
  const page = new Page();
  const end = page.listen();
  await settled();
  page.socket.open();

  end();
  const endNext = page.listen();
  await page.time.pass(LINGER_MS);
  assert.equal(page.socket.isClosed, false);

  endNext();
  await page.time.pass(LINGER_MS);
  assert.equal(page.socket.isClosed, true);
  assert.equal(page.sockets.length, 1);
});

test("another project has another socket", async () => {
  const page = await hearing();
  const [first] = page.sockets;

  page.project = "club";
  page.listen();
  await settled();

  assert.equal(first.isClosed, true);
  assert.equal(page.sockets.length, 2);
});
