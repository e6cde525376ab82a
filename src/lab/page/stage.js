/** @file One rollout on stage: the flow, the clock's controls, the gate beside it. */

import { make, fill, say, fresh } from "./dom.js";
import { Flow } from "./flow.js";
import { Clock, SPEEDS, fitting, still } from "./clock.js";
import { GatePanel } from "./gate.js";
import { plan, size, ANSWERED, CROSSING } from "./dots.js";
import { percentage, plural, span } from "./format.js";

/** Seconds on the wall for which a rollout is shown after its end: time to see what was decided. */
const AFTERWARDS = 7;

/**
 * @typedef {object} Options
 * @property {() => void} [onEnd] Called when the rollout was played to its end.
 * @property {boolean} [secret] Whether checks are only shown once they were played.
 * @property {Node[]} [extras] More controls.
 */

/** A flow with its controls, and the gate. */
export class Stage {
  /** @param {Options} [options] */
  constructor({ onEnd = () => {}, secret = false, extras = [] } = {}) {
    this.onEnd = onEnd;
    this.secret = secret;
    /** Seconds for which the rollout is played on after its end; 0: until its last answers have come. */
    this.beyond = 0;
    /** What is hurt in them: see `follow`. */
    this.after = null;
    this.clock = new Clock();
    this.canvas = make("canvas", { className: "flow", role: "img" });
    this.flow = new Flow(this.canvas);
    this.gate = new GatePanel((seconds) => this.jump(seconds));
    this.legend = make("p", { className: "legend" });
    this.stamp = make("p", { className: "stamp", role: "status" });
    this.#controls(extras);
    const figure = make("figure", { className: "scene" },
      make("div", { className: "picture" }, this.canvas, this.stamp), this.controls, this.legend);
    this.element = make("div", { className: "stage" }, figure, this.gate.element);
    this.clock.addEventListener("tick", () => this.#tick());
    this.clock.addEventListener("state", () => this.#state());
    new IntersectionObserver(([entry]) => this.clock.show(entry.isIntersecting)).observe(this.canvas);
  }

  #controls(extras) {
    const clock = this.clock;
    this.play = make("button", { type: "button", className: "primary play", on: { click: () => this.toggle() } }, "Play");
    const again = make("button", { type: "button", className: "plain", title: "Back to the start", on: { click: () => clock.set(0) } }, "Start");
    const steps = make("button", { type: "button", className: "plain", title: "On to the next tick of the rollout", on: { click: () => this.#next() } }, "Next tick");
    const [speedId, timeId] = [fresh("speed"), fresh("time")];
    this.speed = make("select", { id: speedId, on: { change: () => { clock.speed = Number(this.speed.value); this.#replan(); } } },
      ...SPEEDS.map((speed) => make("option", { value: String(speed) }, `${speed}×`)));
    this.scrub = make("input", { id: timeId, type: "range", min: "0", max: "1000", value: "0", step: "1",
      on: { input: () => { clock.pause(); clock.set((Number(this.scrub.value) / 1000) * clock.end); } } });
    this.time = make("output", { htmlFor: timeId, className: "time", aria: { live: "off" } }, "0s");
    this.marks = make("div", { className: "marks", aria: { hidden: "true" } });
    this.controls = make("div", { className: "controls" },
      make("div", { className: "buttons" }, this.play, again, steps,
        make("label", { htmlFor: speedId, className: "speed" }, make("span", {}, "Speed"), this.speed), ...extras),
      make("div", { className: "scrub" },
        make("label", { htmlFor: timeId, className: "unseen" }, "Time of the rollout"),
        make("div", { className: "track" }, this.marks, this.scrub), this.time));
  }

  /**
   * Puts a rollout on stage.
   * @param {object} rollout The answer of `/api/rollout`.
   * @param {{rate: number, errors: number, probability: number, slow: boolean, lessened?: boolean}} world
   * @param {{keep?: boolean, play?: boolean}} [how] `keep`: stay at the same time, as far as there is one.
   */
  load(rollout, world, { keep = false, play = false } = {}) {
    this.rollout = rollout;
    this.world = world;
    const ended = rollout.ended_seconds;
    const share = this.clock.now / this.clock.end;
    if (!keep || !this.parts || Math.abs(ended - this.ended) > ended * 0.5) {
      this.clock.speed = fitting(this.beyond ? (ended + this.beyond) / 2 : ended);
      this.speed.value = String(this.clock.speed);
      this.ended = ended;
    }
    if (!keep) this.element.classList.toggle("secret", this.secret);
    const end = this.#plan();
    this.gate.show(rollout);
    this.clock.wind(end, keep ? Math.min(end, share * end) : 0);
    if (play && !still.matches) this.clock.play();
    else if (play) this.clock.set(end);
  }

  /** What is played, with what follows; gives back when that ends. */
  #plan() {
    const ended = this.rollout.ended_seconds;
    // As long as the last dots are on their way, too.
    const end = ended + (this.beyond ? this.beyond + ANSWERED * CROSSING * this.clock.speed : AFTERWARDS * fitting(ended));
    this.parts = parts(this.rollout, end, this.after);
    this.#replan();
    this.#markTicks(end);
    return end;
  }

  /**
   * Takes what is hurt after the end, while the rollout is played on.
   * @param {{seconds: number, hurt: number}[]|null} after Requests hurt until so long after the end.
   */
  follow(after) {
    this.after = after;
    if (!this.rollout) return;
    const { clock } = this;
    const isOver = clock.now >= clock.end;
    const end = this.#plan();
    clock.end = end;
    clock.set(isOver ? end : clock.now);
  }

  toggle() {
    if (this.clock.playing) this.clock.pause();
    else if (still.matches) this.#next();
    else this.clock.play();
  }

  /** Shows the instant of a tick. @param {number} seconds */
  jump(seconds) {
    this.clock.pause();
    this.clock.set(seconds);
  }

  #next() {
    const { clock } = this;
    const next = (this.rollout?.rows ?? []).find((row) => row.seconds > clock.now + 1e-6);
    clock.pause();
    clock.set(next ? next.seconds : clock.now >= clock.end ? 0 : clock.end);
    if (clock.now >= clock.end) this.onEnd();
  }

  #replan() {
    if (!this.parts) return;
    const { rate, errors, probability, slow, lessened } = this.world;
    const ring = lessened ? "red and hollow: its user does less" : "red and hollow: hurt by being slow";
    const dots = size(rate, this.clock.speed);
    this.flow.show({ plan: plan(this.parts, { rate, size: dots, errors, probability, slow }), percentAt: (t) => percentAt(this.parts, t) });
    fill(this.legend, make("span", { className: "key dot" }, `A dot is ${plural(dots, "request")}`),
      make("span", { className: slow ? "key ring" : "key cross" }, slow ? ring : "a cross: failed"),
      make("span", { className: "key tail" }, "hollow, with a tail: slow"),
      make("span", {}, `${span(this.clock.speed)} of the rollout in a second`));
    this.flow.at(this.clock.now, this.clock.speed);
  }

  #markTicks(end) {
    const shown = this.rollout.rows.filter((row) => row.verdict).slice(0, 120);
    fill(this.marks, ...shown.map((row) => {
      const mark = make("span", { className: row.verdict }, row.verdict === "pass" ? "✓" : row.verdict === "fail" ? "✗" : "?");
      mark.style.left = `${(row.seconds / end) * 100}%`;
      return mark;
    }));
    this.marks.classList.toggle("dense", shown.length > 24);
  }

  #tick() {
    const { clock } = this;
    this.flow.at(clock.now, clock.speed);
    this.gate.at(clock.now);
    say(this.time, span(Math.min(clock.now, (this.rollout?.ended_seconds ?? clock.now) + this.beyond)));
    const value = String(Math.round((clock.now / clock.end) * 1000));
    if (this.scrub.value !== value) this.scrub.value = value;
    if (!this.rollout) return;
    const over = clock.now >= this.rollout.ended_seconds;
    say(this.stamp, over ? stamp(this.rollout) : "");
    if (over) this.element.classList.remove("secret");
    if (Math.floor(clock.now) !== this.spoken) {
      this.spoken = Math.floor(clock.now);
      const { to } = percentAt(this.parts, clock.now);
      this.scrub.setAttribute("aria-valuetext", `${span(clock.now)}, canary at ${percentage(to)}`);
      this.canvas.setAttribute("aria-label", `Flow of requests at ${span(clock.now)}: ${percentage(to)} go to the canary${over ? `; ${this.rollout.ending}` : ""}`);
    }
  }

  #state() {
    fill(this.play, this.clock.playing ? "Pause" : this.clock.now >= this.clock.end ? "Again" : "Play");
    if (!this.clock.playing && this.clock.now >= this.clock.end) this.onEnd();
  }
}

function stamp({ ending, good }) {
  if (ending === "rolled back") return good ? "rolled back, though good" : "caught: rolled back";
  if (ending === "promoted") return good ? "promoted" : "missed: promoted to everybody";
  return "not decided";
}

/**
 * The stretches between ticks, with what the canary's requests met; after the end as it was decided, or as
 * it was measured.
 */
function parts(rollout, end, after) {
  const rows = rollout.rows;
  const met = rollout.met ?? [];
  const list = [];
  let before = 0;
  for (let i = 0; i < rows.length; i += 1) {
    const [from, to] = [rows[i].seconds, Math.min(rows[i + 1]?.seconds ?? rollout.ended_seconds, rollout.ended_seconds)];
    if (i === 0 && from > 0) list.push({ from: 0, to: from, percent: 0, canary: null, hurt: null, lag: 1 });
    if (to <= from) { before = rows[i].weight; continue; }
    const [a, b] = [met[i], met[i + 1]];
    const known = a && b;
    const { canary_p99: canary, stable_p99: stable } = rows[i + 1] ?? rows[i];
    list.push({
      from, to, percent: rows[i].weight, before,
      canary: known ? b.canary_requests - a.canary_requests : null,
      hurt: known ? b.exposed_requests - a.exposed_requests : null,
      lag: canary && stable ? canary / stable : 1,
    });
    before = rows[i].weight;
  }
  const last = rollout.ending === "promoted" ? 100 : rollout.ending === "rolled back" ? 0 : before;
  const lag = list.at(-1)?.lag ?? 1;
  let [from, hurt, rest] = [rollout.ended_seconds, 0, { share: last === 100 ? rollout.after_share : undefined }];
  for (const then of after ?? []) {
    const to = rollout.ended_seconds + then.seconds;
    const share = Math.min(1, Math.max(0, then.hurt - hurt) / (rollout.rate * (to - from)));
    // After a rollback it is stable that fails.
    rest = { share, stableShare: last === 0 ? share : undefined };
    list.push({ from, to, percent: last, canary: null, hurt: null, ...rest, lag });
    [from, hurt] = [to, then.hurt];
  }
  if (from < end) {
    list.push({ from, to: end, percent: last, canary: null, hurt: null, ...rest, lag });
  }
  return list;
}

function percentAt(list, now) {
  let index = list.findIndex((part) => now < part.to);
  if (index < 0) index = list.length - 1;
  const part = list[index];
  return { from: list[index - 1]?.percent ?? 0, to: part.percent, since: now - part.from };
}
