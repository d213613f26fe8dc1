/** Films on their way: checksums, what is sent again and what is not, waits, and what ends an upload. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import { crc64nvme, fold } from "../../cloud/page/src/upload/crc64nvme.js";
import {
  AnotherFile,
  Interrupted,
  PutFailed,
  UploadStopped,
} from "../../cloud/page/src/upload/errors.js";
import { artifactId, faultOf, inOrder, inspect } from "../../cloud/page/src/upload/films.js";
import { Lanes } from "../../cloud/page/src/upload/lanes.js";
import { spanOf } from "../../cloud/page/src/upload/plan.js";
import { transfer } from "../../cloud/page/src/upload/transfer.js";
import { backOffS } from "../../cloud/page/src/upload/waiting.js";

const PART = 10;

/**
 * @param {number} count
 * @returns {Uint8Array<ArrayBuffer>}
 */
function noise(count) {
  return Uint8Array.from({ length: count }, (_, place) => (place * 2_654_435_761) >>> 11);
}

/** A coordinator with its bucket, a clock that a sleep moves, and faults that a test orders. */
class World {
  /** @type {Map<number, Uint8Array<ArrayBuffer>>} */
  stored = new Map();
  /** @type {number[]} */
  puts = [];
  /** @type {number[][]} */
  batches = [];
  /** @type {(string | undefined)[]} one for each batch */
  claims = [];
  /** @type {number[]} */
  sleeps = [];
  /** @type {string[]} */
  notes = [];
  /** @type {number[]} */
  progress = [];
  /** @type {((number: number, count: number) => Error | null | Promise<never>)} */
  fault = () => null;
  /** @type {Error[]} */
  openFaults = [];
  /** @type {Error[]} */
  completeFaults = [];
  /** @type {any} */
  receipt = null;
  nowMs = 0;
  expiresS = 900;
  mostAtOnce = 0;
  #atOnce = 0;

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.plan = {
      size_bytes: bytes.length,
      part_size_bytes: PART,
      part_count: Math.ceil(bytes.length / PART),
    };
    this.film = { name: "GX010038.MP4", file: new Blob([bytes]), checksums: new Map() };
    this.lanes = new Lanes(4);
    this.abort = new AbortController();
  }

  get ports() {
    return {
      open: async () => {
        const fault = this.openFaults.shift();
        if (fault) throw fault;
        return {
          upload_id: "u_1",
          plan: this.plan,
          receipt: this.receipt,
          parts: [...this.stored].map(([number, body]) => ({ number, crc64nvme: crc64nvme(body) })),
        };
      },
      sign: async (
        /** @type {string} */ _id,
        /** @type {any[]} */ parts,
        /** @type {string | undefined} */ claim,
      ) => {
        this.batches.push(parts.map((part) => part.number));
        this.claims.push(claim);
        return parts.map((part) => ({
          number: part.number,
          url: `s3:${part.number}:${part.crc64nvme}`,
          headers: {},
          expires_in_s: this.expiresS,
        }));
      },
      complete: async (/** @type {string} */ _id, /** @type {string} */ claim) => {
        const fault = this.completeFaults.shift();
        if (fault) throw fault;
        const whole = await new Blob(
          [...this.stored].sort(([a], [b]) => a - b).map(([, body]) => body),
        ).arrayBuffer();
        assert.equal(claim, crc64nvme(new Uint8Array(whole)));
        this.receipt = { crc64nvme: claim };
        return { receipt: this.receipt };
      },
      put: async (
        /** @type {any} */ address,
        /** @type {Blob} */ piece,
        /** @type {any} */ progress,
        /** @type {AbortSignal} */ signal,
      ) => {
        const [, number, crc] = address.url.split(":");
        this.puts.push(Number(number));
        this.#atOnce += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
        try {
          const count = this.puts.filter((each) => each === Number(number)).length;
          const ordered = this.fault(Number(number), count);
          if (signal.aborted) throw new Interrupted();
          const fault = await Promise.race([
            ordered,
            new Promise((_, fail) =>
              signal.addEventListener("abort", () => fail(new Interrupted())),
            ),
          ]);
          if (fault) throw fault;
          const body = new Uint8Array(await piece.arrayBuffer());
          if (crc64nvme(body) !== crc) throw new PutFailed(400, { code: "BadDigest" });
          progress(body.length);
          this.stored.set(Number(number), body);
        } finally {
          this.#atOnce -= 1;
        }
      },
      checksum: async (/** @type {Blob} */ piece) =>
        crc64nvme(new Uint8Array(await piece.arrayBuffer())),
      sleep: async (/** @type {number} */ ms) => {
        this.sleeps.push(ms);
        this.nowMs += ms;
      },
      lane: (/** @type {AbortSignal} */ signal) => this.lanes.take(signal),
      now: () => this.nowMs,
      random: () => 1,
      progress: (/** @type {number} */ bytes) => this.progress.push(bytes),
      note: (/** @type {string} */ text) => this.notes.push(text),
    };
  }

  run() {
    return transfer(this.film, /** @type {any} */ (this.ports), this.abort.signal);
  }

  /** @param {number[]} numbers */
  hold(...numbers) {
    for (const number of numbers) {
      const { first, sizeBytes } = spanOf(this.plan, number);
      this.stored.set(number, this.bytes.slice(first, first + sizeBytes));
    }
  }
}

/** @param {number} status @param {string} action @param {object} [more] */
function problem(status, action, more = {}) {
  return new Problem({ title: "No", detail: "Not now.", status, action, ...more });
}

test("the last parts are signed with the claim of the whole, and no parts before them", async () => {
  const bytes = noise(205);
  const world = new World(bytes);

  await world.run();

  assert.ok(world.claims.length > 1);
  assert.equal(world.claims.pop(), crc64nvme(bytes));
  assert.deepEqual(new Set(world.claims), new Set([undefined]));
});

test("the checksum is S3's, and a whole is folded from its parts", () => {
  const bytes = noise(100_003);
  const parts = [bytes.slice(0, 50_000), bytes.slice(50_000, 100_000), bytes.slice(100_000)];

  assert.equal(crc64nvme(new TextEncoder().encode("123456789")), "rosUhgp5mIg=");
  assert.equal(crc64nvme(new Uint8Array()), "AAAAAAAAAAA=");
  assert.equal(
    fold(parts.map((part) => ({ crc64nvme: crc64nvme(part), sizeBytes: part.length }))),
    crc64nvme(bytes),
  );
  assert.equal(fold([]), null);
});

test("a checksum is as quick as an uplink of a gigabit", () => {
  const bytes = noise(8 * 2 ** 20);
  crc64nvme(bytes);

  const began = process.cpuUsage();
  crc64nvme(bytes);

  // The processor's time, for a busy machine takes its turns away.
  assert.ok(
    bytes.length / process.cpuUsage(began).user > 30,
    "30 bytes a microsecond at least, on any machine",
  );
});

test("every part is sent once, four at a time, and the whole is claimed", async () => {
  const world = new World(noise(195));

  const receipt = await world.run();

  assert.deepEqual(
    [...world.puts].sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, place) => place + 1),
  );
  assert.equal(world.mostAtOnce, 4);
  assert.equal(receipt.crc64nvme, crc64nvme(world.bytes));
  assert.equal(world.progress.at(-1), 195);
  assert.ok(world.batches.every((batch) => batch.length <= 8));
  assert.ok(world.batches.length <= 5);
});

test("what S3 has is compared and not sent again", async () => {
  const world = new World(noise(45));
  world.hold(1, 2, 4);

  await world.run();

  assert.deepEqual(world.puts.sort(), [3, 5]);
});

test("another file of the same name and size is refused before a byte is sent", async () => {
  const world = new World(noise(45));
  world.hold(1);
  world.stored.set(2, noise(10));

  await assert.rejects(world.run(), AnotherFile);

  assert.deepEqual(world.puts, []);
});

test("a film that is stored already is compared with the file", async () => {
  const world = new World(noise(45));
  world.receipt = { crc64nvme: crc64nvme(world.bytes) };
  assert.equal(await world.run(), world.receipt);

  const other = new World(noise(45));
  other.receipt = { crc64nvme: "AAAAAAAAAAA=" };
  await assert.rejects(other.run(), AnotherFile);
  assert.deepEqual([...world.puts, ...other.puts], []);
});

test("a part that fails is sent again, later each time, and the others go on", async () => {
  const world = new World(noise(45));
  world.fault = (number, count) => (number === 2 && count <= 3 ? new PutFailed(0) : null);

  await world.run();

  assert.deepEqual(world.sleeps, [2000, 4000, 8000]);
  assert.equal(world.puts.filter((each) => each === 2).length, 4);
  assert.equal(world.puts.length, 8);
  assert.ok(
    world.notes.some((note) => note.startsWith("The storage does not answer. Next try in 2 s")),
  );
});

test("a bucket that never answered may not know the page", async () => {
  const world = new World(noise(9));
  world.fault = (_, count) => (count <= 3 ? new PutFailed(0) : null);

  await world.run();

  const hints = world.notes.filter((note) => note.includes("BrowserOrigins"));
  assert.deepEqual(hints.length, 1);
});

test("an expired address is renewed at once and counts as no failure", async () => {
  const world = new World(noise(25));
  world.fault = (number, count) => {
    if (number !== 1 || count > 7) return null;
    world.nowMs += 60_000;
    return new PutFailed(403, { code: "AccessDenied" });
  };

  await world.run();

  assert.deepEqual(world.sleeps, []);
  assert.equal(world.puts.filter((each) => each === 1).length, 8);
});

test("a storage that refuses fresh addresses ends the upload in words", async () => {
  const world = new World(noise(25));
  world.fault = (number) =>
    number === 1 ? new PutFailed(403, { code: "SignatureDoesNotMatch" }) : null;

  await assert.rejects(
    world.run(),
    (error) => error instanceof UploadStopped && /SignatureDoesNotMatch/.test(error.message),
  );
});

test("an address that is about to end is renewed before it is used", async () => {
  const world = new World(noise(75));
  world.fault = (number) => {
    if (number === 1) world.nowMs += 896_000;
    return null;
  };

  await world.run();

  assert.equal(world.puts.length, 8);
  assert.deepEqual(world.batches, [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [5, 6, 7, 8],
  ]);
});

test("what the server asks for is waited for", async () => {
  const world = new World(noise(25));
  world.fault = (number, count) =>
    number === 3 && count === 1 ? new PutFailed(503, { retryAfterS: 17 }) : null;
  world.openFaults = [problem(429, "retry", { retryAfterS: 33 }), problem(0, "retry")];
  world.completeFaults = [problem(423, "retry")];

  await world.run();

  assert.deepEqual(world.sleeps, [33_000, 4000, 17_000, 2000]);
});

test("bytes that differ from their checksum are read anew, three times at most", async () => {
  const world = new World(noise(25));
  world.film.checksums.set(2, "AAAAAAAAAAA=");
  await world.run();
  assert.equal(world.puts.filter((each) => each === 2).length, 2);

  const spoilt = new World(noise(25));
  spoilt.fault = (number) => (number === 2 ? new PutFailed(400, { code: "BadDigest" }) : null);
  await assert.rejects(spoilt.run(), /changes while it is sent \(BadDigest\)/);
  assert.equal(spoilt.puts.filter((each) => each === 2).length, 3);
});

test("an upload that ended meanwhile is opened again, and what S3 has stays", async () => {
  const world = new World(noise(45));
  world.fault = (number, count) =>
    number === 5 && count === 1 ? new PutFailed(404, { code: "NoSuchUpload" }) : null;
  world.completeFaults = [problem(422, "resign", { slug: "parts-mismatch" })];

  await world.run();

  assert.equal(world.puts.filter((each) => each === 5).length, 2);
});

test("an upload that never becomes complete ends in words", async () => {
  const world = new World(noise(25));
  world.completeFaults = Array.from({ length: 9 }, () => problem(410, "reopen"));

  await assert.rejects(world.run(), /ends again and again/);
});

test("what the coordinator refuses ends the upload in its own words", async () => {
  const world = new World(noise(25));
  world.openFaults = [problem(409, "stop")];

  await assert.rejects(
    world.run(),
    (error) => error instanceof Problem && error.detail === "Not now.",
  );
  assert.deepEqual(world.puts, []);
});

test("an object that came by an earlier PUT is not sent over", async () => {
  const world = new World(noise(9));
  world.hold(1);
  const { open } = world.ports;
  const ports = { ...world.ports, open: async () => ({ ...(await open()), parts: [] }) };
  world.fault = () => new PutFailed(412, { code: "PreconditionFailed" });

  const receipt = await transfer(world.film, /** @type {any} */ (ports), world.abort.signal);

  assert.equal(receipt.crc64nvme, crc64nvme(world.bytes));
});

test("a pause leaves what is stored, and reads no part again", async () => {
  const world = new World(noise(95));
  world.fault = (number) => {
    if (number < 5) return null;
    world.abort.abort();
    return new Promise(() => {});
  };
  await assert.rejects(world.run(), Interrupted);
  const before = world.stored.size;
  assert.ok(before >= 1);

  world.fault = () => null;
  world.abort = new AbortController();
  world.puts = [];
  await world.run();

  assert.equal(world.puts.length, 10 - before);
});

test("waits grow to a minute, never shrink below what is asked, and differ between pages", () => {
  assert.deepEqual(
    [1, 2, 3, 6, 60].map((count) => backOffS(count, 1)),
    [2, 4, 8, 60, 60],
  );
  assert.equal(backOffS(1, 0), 1);
  assert.equal(backOffS(1, 0, 90), 90);
});

test("a lane that is waited for is given to the next, and an interrupted one to nobody", async () => {
  const lanes = new Lanes(1);
  const never = new AbortController();
  const stopped = new AbortController();
  const release = await lanes.take(never.signal);
  const second = lanes.take(stopped.signal);
  const third = lanes.take(never.signal);
  stopped.abort();
  await assert.rejects(second, Interrupted);

  release();
  release();

  (await third)();
  (await lanes.take(never.signal))();
});

const LIMITS = { allowed_extensions: [".mp4", ".360"], largest_file_bytes: 100 };

test("name and size are judged before anything is read", () => {
  const fault = (/** @type {string} */ name, size = 1) => faultOf({ name, size }, LIMITS);

  assert.equal(fault("GX010038.MP4", 100), null);
  assert.match(fault("GX010038.MP4", 101) ?? "", /101 bytes; files of at most 100 bytes/);
  assert.match(fault("GX010038.MP4", 0) ?? "", /empty/);
  assert.match(fault("notes.txt") ?? "", /\.mp4 or \.360/);
  assert.equal(fault(`${"a".repeat(96)}.mp4`), null);
  assert.match(fault(`${"a".repeat(97)}.mp4`) ?? "", /more than 100 characters/);
  assert.equal(
    faultOf({ name: "a.mp4", size: 10 ** 12 }, { ...LIMITS, largest_file_bytes: null }),
    null,
  );
});

/** @param {string} type @param {Uint8Array | string} body @param {number} [said] */
function box(type, body, said) {
  const bytes =
    typeof body === "string" ? Uint8Array.from(body, (char) => char.charCodeAt(0)) : body;
  const made = new Uint8Array(8 + bytes.length);
  new DataView(made.buffer).setUint32(0, said ?? made.length);
  made.set(
    [...type].map((char) => char.charCodeAt(0)),
    4,
  );
  made.set(bytes, 8);
  return made;
}

/** @param {Uint8Array[]} each */
const joined = (...each) => Uint8Array.from(each.flatMap((bytes) => [...bytes]));

test("a film is known by its boxes, wherever they lie", async () => {
  const whole = [box("ftyp", "mp41"), box("mdat", noise(5000)), box("moov", "")];
  const gpmf = box(
    "GPMF",
    "DEVC\0\x01\0\x08CASNc\x01\0\x0fC3281324500963\0\0MINFc\x01\0\x0cHERO7 Black\0",
  );
  const mvhd = new Uint8Array(100);
  new DataView(mvhd.buffer).setUint32(4, 1_656_931_398 + 2_082_844_800);
  const named = [box("ftyp", "mp41"), box("moov", joined(box("mvhd", mvhd), box("udta", gpmf)))];

  assert.deepEqual(await inspect(new Blob(whole)), {
    fault: null,
    warning: null,
    serial: null,
    model: null,
    created: null,
  });
  const { serial, model, created } = await inspect(new Blob(named));
  assert.deepEqual([serial, model, created], ["C3281324500963", "HERO7 Black", 1_656_931_398]);
});

test("what is no film is not taken, and a broken one is taken with a word", async () => {
  const login = new Blob(["<!doctype html><title>Log in</title>"]);
  const cut = new Blob([box("ftyp", "mp41"), box("mdat", noise(50), 5000)]);
  const unfinished = new Blob([box("ftyp", "mp41"), box("mdat", noise(50))]);

  assert.match((await inspect(login)).fault ?? "", /no film/);
  assert.match((await inspect(new Blob(["short"]))).fault ?? "", /no film/);
  assert.match((await inspect(cut)).warning ?? "", /cut short/);
  assert.match((await inspect(unfinished)).warning ?? "", /never finished/);
});

test("a recording's chapters come in order, and other names as people count", () => {
  const names = [
    "b10.mp4",
    "GX020039.MP4",
    "b9.mp4",
    "GX010039.MP4",
    "GX020038.MP4",
    "GOPR0038.MP4",
  ];

  assert.deepEqual(inOrder(names), [
    "GOPR0038.MP4",
    "GX020038.MP4",
    "GX010039.MP4",
    "GX020039.MP4",
    "b9.mp4",
    "b10.mp4",
  ]);
});

test("an artifact's id escapes what the coordinator escapes", () => {
  assert.equal(
    artifactId("Flug über Köln (1).mp4"),
    "original.000FILMS.Flug=20=C3=BCber=20K=C3=B6ln=20=281=29.mp4",
  );
});
