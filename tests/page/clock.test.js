import assert from "node:assert/strict";
import test from "node:test";
import { Clock } from "../../cloud/page/src/player/clock.js";

test("a listener hears of each change, and of none that changes nothing", () => {
  const clock = new Clock({ duration_s: 36 });
  /** @type {number[]} */
  const heard = [];
  const end = clock.subscribe(({ time_s }) => heard.push(time_s));

  clock.tell({ time_s: 1.5 });
  clock.tell({ time_s: 1.5, rate: 1 });
  clock.tell({ playing: true });
  end();
  clock.tell({ time_s: 2 });

  assert.deepEqual(heard, [1.5, 1.5]);
});

test("a seek outside the film leads to its nearest end, and what is no number leads nowhere", () => {
  /** @type {number[]} */
  const sought = [];
  const clock = new Clock({ duration_s: 36, seek: (time_s) => sought.push(time_s) });

  for (const time_s of [-1, 0, 36, 36.1, Number.NaN, Number.POSITIVE_INFINITY]) clock.seek(time_s);

  assert.deepEqual(sought, [0, 0, 36, 36]);
});

test("a clock without a film moves itself", () => {
  const clock = new Clock({ duration_s: 36, seek: () => assert.fail() });

  clock.steer(null);
  clock.seek(7);

  assert.equal(clock.time_s, 7);
});

test("a listener that ends itself does not keep others from hearing", () => {
  const clock = new Clock();
  let heard = 0;
  const end = clock.subscribe(() => end());
  clock.subscribe(() => {
    heard += 1;
  });

  clock.tell({ duration_s: 3 });

  assert.equal(heard, 1);
});
