import assert from "node:assert/strict";
import test from "node:test";
import { FilmPlayer } from "../../cloud/page/src/player/film.js";
import { beginningsOf, GroupPlayer } from "../../cloud/page/src/player/group.js";
import { World } from "./simulated.js";

const FRAME_S = 1 / 30;

/**
 * Cameras of these lengths and beginnings, in one group, with their first pictures.
 * @param {World} world
 * @param {[number, number][]} films
 */
async function groupOf(world, films) {
  const cameras = films.map(([duration_s, begins_s], number) => ({
    name: `camera-${number}`,
    begins_s,
    player: new FilmPlayer({
      elements: [world.video(), world.video()],
      chapters: [world.chapter(duration_s, `camera-${number}`)],
      timers: world.timers,
      tell: () => undefined,
    }),
  }));
  for (const { player } of cameras) player.seek(0);
  await world.run(0.5);
  const waits = /** @type {boolean[]} */ ([]);
  const group = new GroupPlayer({ timers: world.timers, tell: (waiting) => waits.push(waiting) });
  group.setCameras(cameras);
  await world.run(0.5);
  return { group, cameras, waits };
}

/**
 * How far the second camera is ahead of where the first one says that it should be.
 * @param {Awaited<ReturnType<typeof groupOf>>} made
 */
function aheadOf({ group, cameras: [one, two] }) {
  assert.ok(one && two);
  const at_s = (/** @type {typeof one} */ camera) =>
    camera.player.exact_s + group.startOf(camera.name);
  return at_s(two) - at_s(one);
}

test("two cameras play in step, each from its own beginning", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 100],
    [60, 97.5],
  ]);

  made.group.clock.seek(10);
  made.group.play();
  await world.run(5);

  assert.equal(made.group.clock.duration_s, 62.5);
  assert.ok(Math.abs(made.group.clock.time_s - 15) < 0.4, `${made.group.clock.time_s}`);
  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2, `${aheadOf(made)} s ahead`);
});

test("a camera whose element runs 2 % fast is held in step within half a frame", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  for (const video of world.videos.slice(2)) video.haste = 1.02;

  made.group.play();
  let most_s = 0;
  for (let count = 0; count < 100; count += 1) {
    await world.run(0.1);
    most_s = Math.max(most_s, Math.abs(aheadOf(made)));
  }

  assert.ok(most_s <= FRAME_S / 2 + 0.01, `${most_s} s ahead`);
});

test("a camera that is far off is sought, and all go on together", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  made.group.play();
  await world.run(2);

  const [, two] = made.cameras;
  if (two) two.player.element.currentTime = 20;
  await world.run(2);

  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2, `${aheadOf(made)} s ahead`);
  assert.ok(made.group.clock.time_s > 3);
});

test("a camera that jumped is sought, for a slower speed would take too long", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  made.group.play();
  await world.run(2);

  world.videos.find((video) => video === made.cameras[1]?.player.element)?.jump(2);
  await world.run(2);

  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2, `${aheadOf(made)} s ahead`);
});

test("while one camera waits for the network, all wait, and then go on together", async () => {
  const world = new World({ isSilent: true });
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  made.group.play();
  await world.run(1);
  const slow = [...world.files].find(([url]) => url.includes("camera-1"))?.[1];
  assert.ok(slow);
  slow.dies_s = 0;
  await world.run(8);
  const waited_s = made.group.clock.time_s;
  await world.run(1);

  assert.equal(made.group.clock.time_s, waited_s);
  assert.equal(made.waits.at(-1), true);
  assert.deepEqual(
    made.cameras.map(({ player }) => player.element.paused),
    [true, true],
  );

  slow.dies_s = world.now_s + 900;
  for (const video of world.videos) video.resume();
  await world.run(2);
  assert.ok(made.group.clock.time_s > waited_s + 1);
  assert.equal(made.waits.at(-1), false);
  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2);
});

test("a camera begins where its film begins, and the others play on where it ends", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [4, 0],
    [6, 2],
  ]);
  made.group.play();
  await world.run(1);
  assert.deepEqual(
    made.cameras.map(({ player }) => player.clock.playing),
    [true, false],
  );
  await world.run(2.5);
  assert.deepEqual(
    made.cameras.map(({ player }) => player.clock.playing),
    [true, true],
  );
  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S, `${aheadOf(made)} s ahead`);
  await world.run(2);
  assert.deepEqual(
    made.cameras.map(({ player }) => player.clock.playing),
    [false, true],
  );
  assert.ok(Math.abs(made.group.clock.time_s - 5.3) < 0.5, `${made.group.clock.time_s}`);
  await world.run(4);
  assert.equal(made.group.clock.playing, false);
  assert.equal(made.group.clock.time_s, 8);
});

test("a time that no camera filmed is passed over", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [2, 0],
    [3, 100],
  ]);
  made.group.play();
  await world.run(4);

  assert.ok(
    made.group.clock.time_s > 100.5 && made.group.clock.time_s < 102.5,
    `${made.group.clock.time_s}`,
  );
});

test("a camera that fails leaves the others playing", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  made.group.play();
  await world.run(1);
  world.life_s = 0;
  const lost = [...world.files].find(([url]) => url.includes("camera-0"))?.[1];
  assert.ok(lost);
  lost.dies_s = 0;
  await world.run(12);

  assert.ok(made.cameras[0]?.player.looks.problem);
  assert.equal(made.group.clock.playing, true);
  assert.ok(made.group.clock.time_s > 8, `${made.group.clock.time_s}`);
});

test("a pause, a seek and a step leave all cameras at the same time", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, -3],
  ]);
  made.group.clock.seek(5);
  made.group.play();
  await world.run(2);
  made.group.pause();
  await world.run(0.5);
  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2);

  made.group.clock.seek(20);
  await world.run(0.5);
  assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2);

  for (const direction of /** @type {const} */ ([1, 1, -1])) {
    made.group.step(direction);
    await world.run(0.5);
    assert.ok(Math.abs(aheadOf(made)) <= FRAME_S / 2, `${aheadOf(made)}`);
  }
});

test("one camera is heard, and the sound's own button silences it too", async () => {
  const world = new World();
  const { group, cameras } = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  const muted = () => cameras.map(({ player }) => player.element.muted);

  group.setSound(0.5, false);
  assert.deepEqual(muted(), [false, true]);
  group.hear("camera-1");
  assert.deepEqual(muted(), [true, false]);
  group.setSound(0.5, true);
  assert.deepEqual(muted(), [true, true]);
});

test("another offset moves that camera and not the leading one", async () => {
  const world = new World();
  const made = await groupOf(world, [
    [60, 0],
    [60, 0],
  ]);
  made.group.clock.seek(10);
  await world.run(0.5);
  const [one, two] = made.cameras;
  assert.ok(one && two);

  made.group.setCameras([one, { ...two, begins_s: -1.5 }]);
  await world.run(0.5);

  assert.ok(Math.abs(one.player.exact_s - 10) < FRAME_S);
  assert.ok(Math.abs(two.player.exact_s - 11.5) < FRAME_S);
});

const NOON = 1_795_219_200; // 2026-11-21 00:00:00 + 12 h

test("beginnings come from time codes, else from clocks, else from nobody", () => {
  const film = (/** @type {number | null} */ timecode_s, /** @type {number | null} */ created) => ({
    timecode_s,
    created,
  });
  const midnight = Math.floor(NOON / 86_400) * 86_400;

  const coded = beginningsOf([
    film(43_200.5, midnight + 43_200),
    film(43_201.2, midnight + 43_202),
  ]);
  assert.equal(coded.by, "timecode");
  assert.ok(Math.abs((coded.begins_s[1] ?? 0) - (coded.begins_s[0] ?? 0) - 0.7) < 1e-6);

  const clocks = beginningsOf([film(43_200.5, midnight), film(null, midnight + 2)]);
  assert.deepEqual(
    [clocks.by, (clocks.begins_s[1] ?? 0) - (clocks.begins_s[0] ?? 0)],
    ["clock", 2],
  );

  assert.deepEqual(beginningsOf([film(1, null), film(1, midnight)]), {
    begins_s: [0, 0],
    by: "nothing",
  });
});

test("time codes on both sides of midnight are a moment apart, and not a day", () => {
  const midnight = Math.floor(NOON / 86_400) * 86_400;
  const { begins_s } = beginningsOf([
    { timecode_s: 86_399.5, created: midnight + 86_399 },
    { timecode_s: 0.5, created: midnight + 86_399 },
  ]);
  assert.ok(Math.abs((begins_s[1] ?? 0) - (begins_s[0] ?? 0) - 1) < 1e-6);
});
