import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../cloud/page/src/api.js";
import { FilmPlayer } from "../../cloud/page/src/player/film.js";
import { World } from "./simulated.js";

const FRAME_S = 1 / 30;

/**
 * A player of chapters of these lengths; its first frame is there.
 * @param {World} world
 * @param {number[]} durations_s
 */
async function playerOf(world, durations_s) {
  const player = new FilmPlayer({
    elements: [world.video(), world.video()],
    chapters: durations_s.map((duration_s, number) =>
      world.chapter(duration_s, `GX0${number + 1}.MP4`),
    ),
    timers: world.timers,
    tell: () => undefined,
  });
  player.seek(0);
  await world.run(0.5);
  return player;
}

/**
 * Let time pass, and note the longest time for which the picture stood still.
 * @param {World} world
 * @param {FilmPlayer} player
 * @param {number} seconds
 */
async function longestStop(world, player, seconds) {
  let longest_s = 0;
  let still_s = 0;
  let before_s = player.clock.time_s;
  for (let passed_s = 0; passed_s < seconds && player.clock.playing; passed_s += 0.05) {
    await world.run(0.05);
    still_s = player.clock.time_s === before_s ? still_s + 0.05 : 0;
    before_s = player.clock.time_s;
    longest_s = Math.max(longest_s, still_s);
  }
  return longest_s;
}

/**
 * @param {number} actual
 * @param {number} expected
 */
function assertWithinFrame(actual, expected) {
  assert.ok(Math.abs(actual - expected) <= FRAME_S + 1e-6, `${actual} is not ${expected}`);
}

test("three chapters play as one film, without a stop between them", async () => {
  const world = new World({ latency_s: 0.4 });
  const player = await playerOf(world, [8, 8, 8]);

  player.play();
  const longest_s = await longestStop(world, player, 30);

  assert.equal(player.clock.duration_s, 24);
  assert.equal(player.clock.time_s, 24);
  assert.equal(player.clock.playing, false);
  assert.ok(longest_s < 0.15, `it stood still for ${longest_s} s`);
  assert.equal(world.asked, 3);
});

/**
 * The times that a player tells from now on.
 * @param {FilmPlayer} player
 */
function timesOf(player) {
  const times = [player.clock.time_s];
  player.clock.subscribe(({ time_s }) => times.push(time_s));
  return times;
}

test("the time of a film that plays never goes back, though its frames are announced late", async () => {
  const world = new World({ life_s: 6 });
  const player = await playerOf(world, [20, 20]);
  for (const video of world.videos) video.lag_s = 0.15;
  player.setRate(4);
  const times = timesOf(player);

  player.play();
  await world.run(11);

  assert.equal(player.clock.time_s, 40);
  assert.deepEqual(
    times.filter((time_s, place) => time_s < (times[place - 1] ?? 0)),
    [],
  );
});

test("a frame from before a seek, announced after it, does not move the time", async () => {
  const world = new World();
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(4);
  const times = timesOf(player);

  player.clock.seek(1);
  /** @type {import("./simulated.js").Video} */ (/** @type {unknown} */ (player.element)).show(4);
  await world.run(1);

  assert.equal(times[1], 1);
  assert.ok(Math.max(...times.slice(1)) < 2.1);
});

test("where the system's own controls seek back, the time goes back with the picture", async () => {
  const world = new World();
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(10);

  player.element.currentTime = 2;
  await world.run(1);

  assert.ok(player.clock.time_s > 2.5 && player.clock.time_s < 3.1);
});

test("in a tab that is hidden, where no frame is announced, the time goes on", async () => {
  const world = new World();
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(2);
  for (const video of world.videos) video.isDrawn = false;

  await world.run(4);

  assert.ok(Math.abs(player.clock.time_s - 6) < 0.3, `it is at ${player.clock.time_s}`);
});

test("a seek leads into any chapter, and the film stays paused or playing", async () => {
  const world = new World();
  const player = await playerOf(world, [8, 8, 8]);

  player.clock.seek(17);
  assert.equal(player.clock.time_s, 17);
  await world.run(0.5);
  assertWithinFrame(player.clock.time_s, 17);
  assert.equal(player.element.paused, true);

  player.play();
  player.clock.seek(9);
  await world.run(1);
  assert.equal(player.element.paused, false);
  assert.ok(player.clock.time_s > 9.5 && player.clock.time_s < 10.1);
});

test("of many seeks in a row the last one counts, and the coordinator is not asked for each", async () => {
  const world = new World();
  const player = await playerOf(world, [60, 60]);

  for (let time_s = 61; time_s < 100; time_s += 1) {
    player.clock.seek(time_s);
    await world.run(0.02);
  }
  await world.run(0.5);

  assertWithinFrame(player.clock.time_s, 99);
  assert.equal(world.asked, 2);
});

test("an address is renewed before it dies, without a stop, with speed and sound as they were", async () => {
  const world = new World({ life_s: 20 });
  const player = await playerOf(world, [60]);
  player.setRate(1.5);
  player.setSound(0.4, false);

  player.play();
  const longest_s = await longestStop(world, player, 38);

  assert.ok(longest_s < 0.15, `it stood still for ${longest_s} s`);
  assertWithinFrame(player.clock.time_s, 38 * 1.5);
  assert.equal(world.refusals, 0);
  assert.equal(world.asked, 3);
  assert.equal(player.element.playbackRate, 1.5);
  assert.equal(player.element.volume, 0.4);
});

test("no address is renewed for a film that is paused until it plays or seeks", async () => {
  const world = new World({ life_s: 20 });
  const player = await playerOf(world, [60]);

  await world.run(300);
  assert.equal(world.asked, 1);
  player.play();
  await world.run(2);

  assert.equal(world.asked, 2);
  assert.equal(world.refusals, 0);
  assert.ok(player.clock.time_s > 1.5);
});

test("a refused address is renewed once, and the film goes on at its place", async () => {
  const world = new World();
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(3);

  world.kill();
  const longest_s = await longestStop(world, player, 10);

  assert.equal(player.looks.problem, null);
  assert.ok(longest_s < 1, `it stood still for ${longest_s} s`);
  assert.ok(player.clock.time_s > 12 && player.clock.time_s < 13.1);
  assert.equal(world.refusals, 1);
});

test("where the new address is refused too the film says so, and asks for nothing more", async () => {
  const world = new World({ life_s: 900 });
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(1);

  world.life_s = 0;
  world.kill();
  await world.run(60);

  assert.match(player.looks.problem?.detail ?? "", /^The film stopped at 0:05\./);
  assert.equal(world.refusals, 2);
  assert.ok(world.asked <= 3, `${world.asked} addresses`);

  world.life_s = 900;
  player.retry();
  await world.run(2);
  assert.equal(player.looks.problem, null);
  assert.ok(player.clock.time_s > 6.5);
});

test("what the coordinator answers in place of an address is shown, and its place is kept", async () => {
  const world = new World();
  const player = await playerOf(world, [30, 30]);
  world.problem = new Problem({ title: "Gone", detail: "It was cleaned.", status: 404 });

  player.clock.seek(45);
  await world.run(1);

  assert.equal(player.looks.problem?.detail, "It was cleaned.");
  assert.equal(player.clock.time_s, 45);
});

test("a coordinator that does not answer a renewal is not asked again at once", async () => {
  const world = new World({ life_s: 40 });
  const player = await playerOf(world, [120]);
  player.play();
  await world.run(29);
  world.problem = new Problem({ title: "No answer", detail: "No answer.", status: 0 });

  await world.run(9);

  assert.ok(world.asked <= 5, `${world.asked} addresses`);
  assert.equal(player.looks.problem, null);
  world.problem = null;
  await world.run(20);
  assert.ok(player.clock.time_s > 50);
});

test("a seek that a browser leaves unanswered after the address has died leads on by a new one", async () => {
  const world = new World({ isSilent: true });
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(2);
  world.now_s += 899;

  player.element.currentTime = 40;
  player.clock.tell({ time_s: 40 });
  await world.run(6);

  assert.equal(player.looks.problem, null);
  assert.ok(player.clock.time_s > 40.5, `it is at ${player.clock.time_s}`);
  assert.equal(world.asked, 2);
});

test("a picture that waits at a good address is not asked for again, and the page says that it waits", async () => {
  const world = new World({ isSilent: true });
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(1);

  world.kill();
  await world.run(16);

  assert.equal(world.asked, 1);
  assert.equal(player.looks.slow, true);
});

test("a frame ahead and a frame back lead to exactly the next frame, also over a chapter's end", async () => {
  const world = new World();
  const player = await playerOf(world, [2, 2]);
  player.clock.seek(1.9);
  await world.run(0.5);

  /** @type {number[]} */
  const frames = [];
  for (let count = 0; count < 5; count += 1) {
    player.step(1);
    await world.run(0.4);
    frames.push(Math.round(player.clock.time_s / FRAME_S));
  }
  for (let count = 0; count < 5; count += 1) {
    player.step(-1);
    await world.run(0.4);
    frames.push(Math.round(player.clock.time_s / FRAME_S));
  }

  assert.deepEqual(frames, [58, 59, 60, 61, 62, 61, 60, 59, 58, 57]);
});

test("a chapter that cannot be played is passed over with a word", async () => {
  const world = new World();
  const player = await playerOf(world, [4, 4, 4]);
  player.learn(1, { address: null, lacking: "No proxy of this chapter was hauled." });
  player.play();
  await world.run(4.5);

  assert.equal(player.looks.notice, "GX02.MP4: No proxy of this chapter was hauled.");
  assert.ok(player.clock.time_s > 8 && player.clock.time_s < 9);
});

test("a length that is learned later moves the chapters behind it, and not the picture", async () => {
  const world = new World();
  const player = await playerOf(world, [4, 4]);
  player.clock.seek(5);
  await world.run(0.5);

  player.learn(0, { duration_s: 4.004 });

  assertWithinFrame(player.clock.time_s, 5.004);
  assert.equal(player.clock.duration_s, 8.004);
});

test("a button of a headset is a person's wish", async () => {
  const world = new World();
  const player = await playerOf(world, [30]);
  player.play();
  await world.run(1);

  player.element.pause();
  await world.run(0.1);
  assert.equal(player.clock.playing, false);
  void player.element.play();
  await world.run(0.1);
  assert.equal(player.clock.playing, true);
});

test("play at the end begins again", async () => {
  const world = new World();
  const player = await playerOf(world, [2]);
  player.play();
  await world.run(3);
  assert.equal(player.clock.time_s, 2);

  player.play();
  await world.run(1);

  assert.ok(player.clock.time_s > 0.5 && player.clock.time_s < 1.1);
});

test("a player that has ended asks the network for nothing", async () => {
  const world = new World({ life_s: 20 });
  const player = await playerOf(world, [60]);
  player.play();
  await world.run(1);

  player.end();
  await world.run(60);

  assert.equal(world.asked, 1);
  assert.deepEqual(
    world.videos.map(({ src }) => src),
    ["", ""],
  );
});
