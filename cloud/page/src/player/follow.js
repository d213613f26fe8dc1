/** A clock's values as a component's state. */
import { useEffect, useState } from "../html.js";

/**
 * @template Value
 * @param {import("./clock.js").FilmClock} clock
 * @param {(clock: import("./clock.js").FilmClock) => Value} pick a number, text or boolean
 * @returns {Value}
 */
export function useClock(clock, pick) {
  const [value, setValue] = useState(() => pick(clock));
  useEffect(() => {
    const follow = () => setValue(() => pick(clock));
    follow();
    return clock.subscribe(follow);
  }, [clock]);
  return value;
}
