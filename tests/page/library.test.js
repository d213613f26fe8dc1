import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import { Address } from "../../cloud/page/src/player/address.js";
import { Library } from "../../cloud/page/src/player/library.js";
import { rangeReader } from "../../cloud/page/src/player/ranges.js";
import { waysOf } from "../../cloud/page/src/player/ways.js";
import { box, film, HVCC, videoTrack, zeros } from "./made.js";

const H264 = film([videoTrack()]);
const HEVC = film([videoTrack({ entry: "hvc1", record: HVCC })]);
const receipt = (/** @type {Uint8Array} */ bytes) => ({ size_bytes: bytes.length });

/**
 * A browser without HEVC, as Debian's Chromium is.
 * @type {import("../../cloud/page/src/player/plays.js").Browser}
 */
const BROWSER = {
  canPlayType: (/** @type {string} */ type) => (type.includes("avc1") ? "probably" : ""),
  isTypeSupported: (/** @type {string} */ type) => type.includes("avc1"),
};

/**
 * @param {object} given
 * @param {Uint8Array} given.original
 * @param {Uint8Array | null} [given.proxy]
 * @param {object} [given.changes]
 */
function chapter({ original, proxy = null, changes = {} }, number = 1) {
  const id = `100GOPRO.GX0${number}0038.MP4`;
  return {
    artifact_id: `original.${id}`,
    filename: `GX0${number}0038.MP4`,
    size_bytes: original.length,
    trailing_bytes: 0,
    unfinished: false,
    receipt: receipt(original),
    lost: null,
    film: { duration_ms: 3003 },
    proxy: proxy && { artifact_id: `proxy.${id}`, receipt: receipt(proxy), cleaned: false },
    ...changes,
  };
}

/**
 * @param {Record<string, Uint8Array>} files
 * @param {typeof BROWSER} [browser]
 */
function libraryOf(files, browser = BROWSER) {
  return new Library({
    ask: async (id) => ({ url: `https://bucket/${id}`, expires_in_s: 900 }),
    browser,
    now: () => 0,
    send: storageOf(files),
  });
}

/**
 * @param {Record<string, Uint8Array>} files
 * @returns {typeof fetch}
 */
function storageOf(files) {
  return async (url, init) => {
    const bytes = files[String(url).replace("https://bucket/", "")];
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("Range") ?? "");
    if (!bytes || !range) return new Response("", { status: 403 });
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    return new Response(Uint8Array.from(bytes.subarray(from, to + 1)), {
      status: 206,
      headers: { "Content-Range": `bytes ${from}-${to}/${bytes.length}` },
    });
  };
}

test("the ways to watch are enhanced outputs, other outputs, proxies, then originals", () => {
  const session = { chapters: [chapter({ original: HEVC, proxy: H264 })] };
  const output = (/** @type {string} */ name, /** @type {object} */ changes = {}) => ({
    artifact_id: `output.${name}`,
    kind: "output",
    name,
    receipt: receipt(H264),
    cleaned: false,
    ...changes,
  });
  const artifacts = [
    output("cut.mp4"),
    output("enhanced.mp4"),
    output("table.csv"),
    output("late.mp4", { receipt: null }),
    output("gone.mp4", { cleaned: true }),
  ];

  const keys = waysOf(session, artifacts).map(({ key }) => key);

  assert.deepEqual(keys, ["output.enhanced.mp4", "output.cut.mp4", "proxy", "original"]);
});

test("a chapter says why it has no film", () => {
  const lost = { lost: { reason: "its bytes are gone" }, receipt: null };
  const chapters = [
    chapter({ original: H264 }),
    chapter({ original: H264, changes: lost }, 2),
    chapter({ original: H264, changes: { receipt: null } }, 3),
    chapter({ original: H264 }, 4),
    chapter({ original: H264, changes: { unfinished: true } }, 5),
  ];
  const cleaned = [{ artifact_id: chapters[3]?.artifact_id, kind: "original", cleaned: true }];

  const [way] = waysOf({ chapters }, cleaned);

  assert.deepEqual(
    way?.pieces.map(({ lacking }) => lacking),
    [
      null,
      "This chapter is lost: its bytes are gone",
      "This chapter is not in the storage yet.",
      "This chapter was cleaned. An operator can restore it.",
      "The camera did not finish this chapter: it does not play.",
    ],
  );
});

test("the bytes behind a film's last box are no part of it", () => {
  const [way] = waysOf(
    { chapters: [chapter({ original: H264, changes: { trailing_bytes: 24 } })] },
    [],
  );
  assert.equal(way?.pieces[0]?.size_bytes, H264.length - 24);
});

test("nothing in the storage is no way to watch", () => {
  assert.deepEqual(
    waysOf({ chapters: [chapter({ original: H264, changes: { receipt: null } })] }, []),
    [],
  );
});

test("an original that this browser cannot play leads to its proxy", async () => {
  const one = chapter({ original: HEVC, proxy: H264 });
  const library = libraryOf({ [one.artifact_id]: HEVC, [one.proxy?.artifact_id ?? ""]: H264 });
  const ways = waysOf({ chapters: [one] }, []);

  const { way } = await library.choose(ways);

  assert.equal(way?.kind, "proxy");
});

test("HEVC without a proxy leads to a sentence, and to the film in a browser that plays it", async () => {
  const one = chapter({ original: HEVC });
  const ways = waysOf({ chapters: [one] }, []);

  const { way, refused } = await libraryOf({ [one.artifact_id]: HEVC }).choose(ways);
  assert.equal(way, null);
  assert.equal(refused.get("original"), "This browser cannot play HEVC (hvc1.2.4.L153.B0).");

  const able = { canPlayType: () => "probably", isTypeSupported: () => true };
  const chosen = await libraryOf({ [one.artifact_id]: HEVC }, able).choose(ways);
  assert.equal(chosen.way?.kind, "original");
});

test("a file that is no film leads to the next way, with what is wrong with it", async () => {
  const broken = box("ftyp", zeros(40));
  const one = chapter({ original: H264, proxy: broken });
  const library = libraryOf({ [one.artifact_id]: H264, [one.proxy?.artifact_id ?? ""]: broken });

  const { way, refused } = await library.choose(waysOf({ chapters: [one] }, []));

  assert.equal(way?.kind, "original");
  assert.match(refused.get("proxy") ?? "", /no moov box/);
});

test("a file tells its length exactly, unless it is not the length of its original", async () => {
  const exact_s = (90 * 1001) / 30_000;
  for (const [duration_ms, expected_s] of [
    [3003, exact_s],
    [3100, exact_s],
    [3105, 3.105],
  ]) {
    const one = chapter({ original: H264, changes: { film: { duration_ms } } });
    const [way] = waysOf({ chapters: [one] }, []);
    const piece = way?.pieces[0];
    assert.ok(piece);
    const read = await libraryOf({ [one.artifact_id]: H264 }).chapter(piece);
    assert.equal(read.duration_s, expected_s);
  }
});

test("a storage that refuses is a problem, and not a film that cannot be played", async () => {
  const ways = waysOf({ chapters: [chapter({ original: H264 })] }, []);
  await assert.rejects(libraryOf({}).choose(ways), Problem);
});

test("a refused piece is asked for once more at a new address", async () => {
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return { url: `https://bucket/${asked === 1 ? "old" : "film"}`, expires_in_s: 900 };
  };
  const read = rangeReader(new Address(ask, () => 0), storageOf({ film: H264 }));

  assert.equal((await read(0, 8)).length, 8);
  assert.equal(asked, 2);
});

test("another piece than was asked for is refused", async () => {
  const address = new Address(
    async () => ({ url: "https://bucket/film", expires_in_s: 900 }),
    () => 0,
  );
  const wrong = rangeReader(address, async () => {
    return new Response("12345678", { status: 206, headers: { "Content-Range": "bytes 0-7/99" } });
  });
  await assert.rejects(wrong(8, 8), /another piece/);

  const whole = rangeReader(address, async () => new Response("12345678", { status: 200 }));
  await assert.rejects(whole(0, 8), /answered 200/);
});

test("an address is good until a minute before its end, or a quarter of a short life", async () => {
  for (const [life_s, good_s] of [
    [900, 840],
    [40, 30],
  ]) {
    let now_s = 0;
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return { url: `${asked}`, expires_in_s: life_s ?? 0 };
    };
    const address = new Address(ask, () => now_s);
    await address.url();
    now_s = (good_s ?? 0) - 1;
    assert.equal(await address.url(), "1");
    now_s = good_s ?? 0;
    assert.equal(await address.url(), "2");
  }
});

test("two that need an address at once share it", async () => {
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return { url: `${asked}`, expires_in_s: 900 };
  };
  const address = new Address(ask, () => 0);
  assert.deepEqual(await Promise.all([address.url(), address.renew(), address.url()]), [
    "1",
    "1",
    "1",
  ]);
});
