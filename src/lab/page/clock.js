/** @file The time of a rollout on the page: play, pause, scrub, at a speed. */

/** How many times faster than real a rollout plays. */
export const SPEEDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

/** A clock that runs from 0 to `end` seconds while it plays. */
export class Clock extends EventTarget {
  constructor() {
    super();
    this.now = 0;
    this.end = 1;
    this.speed = 20;
    this.playing = false;
    this.shown = true;
    document.addEventListener("visibilitychange", () => this.#run());
  }

  /** Length of the rollout in seconds, and where to begin. @param {number} end @param {number} [now] */
  wind(end, now = 0) {
    this.end = end;
    this.set(now);
  }

  /** @param {number} now Seconds. */
  set(now) {
    this.now = Math.min(this.end, Math.max(0, now));
    this.dispatchEvent(new Event("tick"));
    this.#run();
  }

  play() {
    if (this.now >= this.end) this.now = 0;
    this.playing = true;
    this.#told();
  }

  pause() {
    this.playing = false;
    this.#told();
  }

  /** Whether anybody can see it. @param {boolean} shown */
  show(shown) {
    this.shown = shown;
    this.#run();
  }

  #told() {
    this.dispatchEvent(new Event("state"));
    this.#run();
  }

  #run() {
    if (this.frame || !this.playing || !this.shown || document.hidden) return;
    let last = performance.now();
    const step = (time) => {
      this.frame = null;
      if (!this.playing || !this.shown || document.hidden) return;
      // A page that stood still does not jump.
      const passed = Math.min(0.1, Math.max(0, (time - last) / 1000));
      last = time;
      this.now = Math.min(this.end, this.now + passed * this.speed);
      this.dispatchEvent(new Event("tick"));
      if (this.now >= this.end) {
        this.playing = false;
        this.dispatchEvent(new Event("state"));
        return;
      }
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }
}

/** The speed at which so many seconds take about a quarter of a minute. @param {number} seconds */
export function fitting(seconds) {
  return SPEEDS.find((speed) => seconds / speed <= 16) ?? SPEEDS.at(-1);
}

/** Whether the reader asked for less motion. */
export const still = matchMedia("(prefers-reduced-motion: reduce)");
