/** @file The sliders of a scenario: what can be moved, where it stands, and what a move writes into the setup. */

import { make, fill, say, fresh } from "./dom.js";
import { digits, span } from "./format.js";

const GROUPS = { traffic: "Traffic", stable: "Today’s version", canary: "The bad release", rollout: "Rollout", gate: "Gate" };
/** Positions of a slider whose steps are factors. */
const POSITIONS = 400;
/** Knobs that stay in the open. */
const OPEN = 6;

/**
 * The setup after a knob was moved to `text`.
 * @param {object} setup @param {object} knob @param {string} text @param {object[]} knobs
 */
export function moved(setup, knob, text, knobs) {
  if (knob.sets === "set") {
    const stem = `${knob.id}=`;
    const set = (setup.set ?? []).filter((change) => !change.startsWith(stem));
    return { set: [...set, stem + text] };
  }
  const part = knob.id.startsWith(`${knob.sets}.`) ? knob.id.slice(knob.sets.length + 1) : null;
  if (!part) return { [knob.sets]: text };
  // A latency is written as its two quantiles.
  const both = knobs.filter((other) => other.sets === knob.sets && other.id.startsWith(`${knob.sets}.`));
  const texts = both.map((other) => `${other.id.slice(knob.sets.length + 1)}=${other.id === knob.id ? text : other.value}`);
  return { [knob.sets]: texts.join(",") };
}

/** A number as the setup takes it. @param {object} knob @param {number} number */
export function written(knob, number) {
  const places = Math.max(0, Math.min(6, Math.ceil(-Math.log10(knob.step || 1))));
  const rounded = knob.scale === "log" && number !== 0 ? Number(number.toPrecision(3)) : Number(number.toFixed(places));
  return `${rounded}${knob.unit}`;
}

/** Where a number stands on its slider. */
function position(knob, number) {
  if (knob.scale !== "log") return number;
  const low = Math.log(knob.min);
  return Math.round(((Math.log(Math.max(number, knob.min)) - low) / (Math.log(knob.max) - low)) * POSITIONS);
}

/** The number at a place of a slider. */
function number(knob, at) {
  if (knob.scale !== "log") return at;
  const low = Math.log(knob.min);
  return Math.exp(low + (at / POSITIONS) * (Math.log(knob.max) - low));
}

/** A value as people say it. */
function spoken(knob, value) {
  if (knob.unit === "s") return span(value);
  const unit = knob.unit || knob.meaning;
  return `${digits(value)}${unit && !unit.startsWith("/") ? "\u00a0" : ""}${unit}`;
}

/** All sliders of a scenario. */
export class Knobs {
  /** @param {(part: object, knob: object) => void} onMove Called with the part of the setup that a move sets. */
  constructor(onMove) {
    this.onMove = onMove;
    this.element = make("div", { className: "knobs" });
    this.shape = null;
    this.rows = new Map();
    /** Ends of sliders as they were first: around the newest value they would run away. */
    this.ends = new Map();
  }

  /** A knob between the ends that it had first, while its value lies there. */
  #between(knob) {
    const first = this.ends.get(knob.id);
    const fits = first && knob.number !== null && first.min <= knob.number && knob.number <= first.max && first.scale === knob.scale && first.unit === knob.unit;
    if (fits) return { ...knob, ...first };
    const { min, max, step, scale, unit } = knob;
    this.ends.set(knob.id, { min, max, step, scale, unit });
    return knob;
  }

  /**
   * Shows these knobs of this setup; one that is being moved keeps its place, and with `isLate`, when the
   * setup has moved on since, so does the one that has the focus.
   */
  show(knobs, setup, isLate = false) {
    this.knobs = knobs;
    this.setup = setup;
    const subject = [setup.scenario, setup.gate, setup.files?.map(({ name }) => name).join()].join("\n");
    if (subject !== this.subject) this.ends.clear();
    this.subject = subject;
    const shape = knobs.map((knob) => [knob.id, knob.kind, knob.options?.join()].join("\t")).join("\n");
    if (shape !== this.shape) this.#build(shape);
    for (const knob of knobs) this.rows.get(knob.id)?.(knob, isLate);
  }

  #build(shape) {
    this.shape = shape;
    this.rows.clear();
    const first = important(this.knobs);
    const groups = Object.entries(GROUPS);
    const section = (knobs) => groups.map(([group, title]) => {
      const own = knobs.filter((knob) => knob.group === group);
      return own.length && make("fieldset", {}, make("legend", {}, title), ...own.map((knob) => this.#row(knob)));
    });
    const others = this.knobs.filter((knob) => !first.includes(knob));
    const wasOpen = this.element.querySelector("details")?.open;
    fill(this.element, ...section(first),
      others.length && make("details", { open: wasOpen ?? false }, make("summary", {}, `${others.length} more: every number of the rollout`), ...section(others)));
  }

  #row(knob) {
    const id = fresh("knob");
    const label = make("label", { htmlFor: id }, knob.label);
    const help = knob.help && make("small", { id: `${id}-help`, className: "help" }, knob.help);
    const described = knob.help ? { describedby: `${id}-help` } : {};
    const row = make("div", { className: `knob ${knob.kind}`, title: knob.help ?? "", data: { knob: knob.id } });
    // The name of a field says little.
    if (/^(flagger|argo|kayenta):/.test(knob.id)) row.classList.add("explained");
    if (knob.kind === "choice") this.#choice(row, { id, label, help, described }, knob);
    else if (knob.kind === "text" || knob.number === null) this.#text(row, { id, label, help, described }, knob);
    else this.#slider(row, { id, label, help, described }, knob);
    return row;
  }

  #slider(row, { id, label, help, described }, first) {
    let knob = first;
    const log = () => knob.scale === "log";
    const value = make("output", { htmlFor: id, aria: { live: "off" } });
    const input = make("input", { id, type: "range", aria: described });
    const tell = (n) => {
      const text = spoken(knob, n);
      say(value, text);
      input.setAttribute("aria-valuetext", text);
      const [low, high] = [Number(input.min), Number(input.max)];
      input.style.setProperty("--fill", `${((Number(input.value) - low) / (high - low || 1)) * 100}%`);
    };
    let held = false;
    input.addEventListener("input", () => {
      performance.mark("coalmine-move");
      const text = written(knob, number(knob, Number(input.value)));
      tell(parseFloat(text));
      this.#move(knob, text);
    });
    input.addEventListener("pointerdown", () => { held = true; });
    input.addEventListener("pointerup", () => { held = false; });
    input.addEventListener("pointercancel", () => { held = false; });
    this.rows.set(knob.id, (now, isLate) => {
      const isBusy = held || (isLate && document.activeElement === input);
      knob = isBusy ? { ...knob, value: now.value } : this.#between(now);
      input.min = String(log() ? 0 : knob.min);
      input.max = String(log() ? POSITIONS : knob.max);
      input.step = String(log() ? 1 : knob.step);
      if (isBusy) return;
      input.value = String(position(knob, now.number));
      tell(now.number);
    });
    row.append(make("div", { className: "name" }, label, value), input);
    if (help) row.append(help);
  }

  #choice(row, { id, label, help, described }, first) {
    let knob = first;
    const input = make("select", { id, aria: described, on: { change: () => this.#move(knob, input.value) } });
    this.rows.set(knob.id, (now) => {
      knob = now;
      if (input.options.length !== now.options.length) fill(input, ...now.options.map((option) => make("option", { value: option }, option)));
      input.value = now.value;
    });
    row.append(make("div", { className: "name" }, label), input);
    if (help) row.append(help);
  }

  #text(row, { id, label, help, described }, first) {
    let knob = first;
    const input = make("input", { id, type: "text", spellcheck: false, autocomplete: "off", aria: described, on: { change: () => this.#move(knob, input.value.trim()) } });
    this.rows.set(knob.id, (now) => {
      knob = now;
      if (document.activeElement !== input) input.value = now.value;
    });
    row.append(make("div", { className: "name" }, label), input);
    if (help) row.append(help);
  }

  #move(knob, text) {
    const part = moved(this.setup, knob, text, this.knobs);
    this.setup = { ...this.setup, ...part };
    const known = this.knobs.find((other) => other.id === knob.id);
    if (known) known.value = text;
    this.onMove(part, knob);
  }
}

/** What matters most, in order: how much traffic, how bad the release, how much of it, how long and how strict the look. */
const FIRST = [
  /^rate$/, /^canary_errors$|^canary\.faults\[0\]\.(probability|add|multiply|per_request|mean_time|rate|limit|work)$/, /^rollout\.steps\[0\]\.weight$|stepWeight|steps\[0\]\.setWeight/,
  /gates\[0\]\.(min|max|alpha|ratio|margin|level)$|thresholdRange|threshold|failureLimit|marginal|pass$/, /gates\[0\]\.window$|analysis\.interval$|metrics\[0\]\.interval$/, /^errors$/,
  /^canary_latency\.p99$|^canary\.faults\[0\]\./, /^rollout\.(failures|steps\[0\]\.hold)$/,
];

function important(knobs) {
  const movable = knobs.filter((knob) => knob.kind === "slider");
  const first = [];
  for (const wanted of FIRST) {
    const found = movable.find((knob) => wanted.test(knob.id) && !first.includes(knob));
    if (found) first.push(found);
  }
  for (const knob of movable) if (!first.includes(knob)) first.push(knob);
  return first.slice(0, OPEN);
}
