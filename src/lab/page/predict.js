/** @file How a reader commits to an answer: a curve to drag, a number to pick, a choice to make. */

import { fill, fresh, make, say } from "./dom.js";
import { digits, percentage, span } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
/** A narrow page gets a narrower picture, not a smaller one. */
const WIDTH = matchMedia("(max-width: 640px)").matches ? 340 : 600;
const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [280, 76, 28, 16, 36];

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/**
 * @typedef {object} Prediction
 * @property {HTMLElement} element
 * @property {() => unknown} said What the reader says; `null` before anything was said.
 * @property {(said: unknown) => void} restore
 * @property {(answer: object) => void} reveal Shows the answer beside it.
 */

/** The way in which this lesson asks. @param {object} lesson @param {number[]} percentages @param {() => void} onSaid @returns {Prediction} */
export function prediction(lesson, percentages, onSaid) {
  switch (lesson.prediction.kind) {
    case "curve": return new CurvePrediction(lesson, percentages, onSaid);
    case "choice": return new ChoicePrediction(lesson, onSaid);
    default: return new NumberPrediction(lesson, onSaid);
  }
}

/** A share at each percentage: a line that is dragged, by pointer or by keys. */
class CurvePrediction {
  constructor(lesson, percentages, onSaid) {
    this.onSaid = onSaid;
    this.xs = percentages;
    this.values = percentages.map(() => 50);
    this.touched = false;
    const low = Math.log(percentages[0]);
    const high = Math.log(percentages.at(-1));
    this.x = (percent) => LEFT + ((Math.log(percent) - low) / (high - low || 1)) * (WIDTH - LEFT - RIGHT);
    this.y = (value) => TOP + (1 - value / 100) * (HEIGHT - TOP - BOTTOM);
    const grid = [0, 25, 50, 75, 100].flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT - 14, x2: WIDTH - RIGHT + 12, y1: this.y(value), y2: this.y(value) }),
      svg("text", { x: LEFT - 22, y: this.y(value) + 5, "text-anchor": "end" }, percentage(value))]);
    const room = percentages.filter((percent, i) => i === 0 || this.x(percent) - this.x(percentages[i - 1]) > 40 || i % 2 === 0);
    const names = room.map((percent) => svg("text", { x: this.x(percent), y: HEIGHT - 10, "text-anchor": "middle" }, percentage(percent)));
    this.band = svg("path", { class: "band" });
    this.truth = svg("path", { class: "truth" });
    this.truths = svg("g", { class: "truths" });
    this.line = svg("path", { class: "said" });
    this.handles = percentages.map((percent, index) => svg("circle", {
      class: "handle", r: 10, cx: this.x(percent), tabindex: 0, role: "slider",
      "aria-label": `Your guess with the canary at ${percentage(percent)}`, "aria-valuemin": 0, "aria-valuemax": 100, "data-index": index,
    }));
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "predict", role: "group", "aria-label": lesson.question }, ...grid, ...names, this.band, this.truth, this.truths, this.line, ...this.handles);
    this.note = make("p", { className: "help" }, "Drag the line to where you expect it, or move each point with the arrow keys.");
    this.legend = make("p", { className: "legend", hidden: true }, make("span", { className: "key said" }, "you"), make("span", { className: "key truth" }, "measured, with its 95 % interval"));
    this.element = make("div", {}, this.svg, this.legend, this.note);
    this.svg.addEventListener("pointerdown", (event) => { if (this.fixed) return; this.svg.setPointerCapture(event.pointerId); this.dragging = true; this.last = null; this.#drag(event); });
    this.svg.addEventListener("pointermove", (event) => { if (this.dragging) this.#drag(event); });
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, () => { this.dragging = false; });
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    this.#draw();
  }

  #drag(event) {
    const box = this.svg.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
    let nearest = 0;
    this.xs.forEach((percent, i) => { if (Math.abs(this.x(percent) - px) < Math.abs(this.x(this.xs[nearest]) - px)) nearest = i; });
    const value = 100 * (1 - (py - TOP) / (HEIGHT - TOP - BOTTOM));
    // A fast hand is seen at few places: the points that it passed lie on its way.
    const { last } = this;
    if (last) {
      this.xs.forEach((percent, i) => {
        const part = (this.x(percent) - last.px) / (px - last.px || 1);
        if (part > 0 && part < 1) this.#set(i, last.value + part * (value - last.value));
      });
    }
    this.last = { px, value };
    this.#set(nearest, value);
    event.preventDefault();
  }

  #key(event) {
    const index = Number(event.target.dataset?.index);
    if (this.fixed || Number.isNaN(index)) return;
    const step = { ArrowUp: 2, ArrowRight: 2, ArrowDown: -2, ArrowLeft: -2, PageUp: 10, PageDown: -10 }[event.key];
    const value = event.key === "Home" ? 0 : event.key === "End" ? 100 : step ? this.values[index] + step : null;
    if (value === null) return;
    event.preventDefault();
    this.#set(index, value);
  }

  #set(index, value) {
    this.values[index] = Math.round(Math.min(100, Math.max(0, value)));
    this.touched = true;
    this.#draw();
    this.onSaid();
  }

  #draw() {
    this.line.setAttribute("d", this.xs.map((percent, i) => `${i ? "L" : "M"}${this.x(percent)} ${this.y(this.values[i])}`).join(""));
    this.handles.forEach((handle, i) => {
      handle.setAttribute("cy", this.y(this.values[i]));
      handle.setAttribute("aria-valuenow", this.values[i]);
      handle.setAttribute("aria-valuetext", percentage(this.values[i]));
    });
  }

  said() {
    return this.touched ? this.values : null;
  }

  restore(values) {
    if (!Array.isArray(values) || values.length !== this.xs.length) return;
    this.values = values.map(Number);
    this.touched = true;
    this.#draw();
  }

  fix() {
    this.fixed = true;
    this.svg.classList.add("fixed");
    for (const handle of this.handles) handle.setAttribute("aria-disabled", "true");
    this.note.hidden = true;
  }

  /** @param {{points: {percent: number, value: {estimate: number, low: number, high: number}}[]}} answer */
  reveal({ points }) {
    this.legend.hidden = false;
    const at = (get) => points.map((p) => `${this.x(p.percent)} ${this.y(get(p.value) * 100)}`);
    this.truth.setAttribute("d", `M${at((v) => v.estimate).join("L")}`);
    this.band.setAttribute("d", `M${at((v) => v.low).join("L")}L${at((v) => v.high).reverse().join("L")}Z`);
    this.truths.replaceChildren(...points.map((p) => svg("rect", { x: this.x(p.percent) - 4, y: this.y(p.value.estimate * 100) - 4, width: 8, height: 8 })));
    const off = points.map((p, i) => Math.abs(p.value.estimate * 100 - this.values[i]));
    const worst = off.indexOf(Math.max(...off));
    const { percent, value } = points[worst];
    return off[worst] <= 10
      ? `Your line is within ${digits(Math.max(1, Math.round(off[worst])))} points everywhere.`
      : `Farthest off at ${percentage(percent)}: you drew ${percentage(this.values[worst])}, and it is ${percentage(value.estimate * 100)}.`;
  }
}

/** A number on a slider. */
class NumberPrediction {
  constructor(lesson, onSaid) {
    this.p = lesson.prediction;
    const { min, max, step, unit } = this.p;
    this.unit = unit;
    const id = fresh("guess");
    this.touched = false;
    this.output = make("output", { htmlFor: id, className: "guess", aria: { live: "off" } }, "?");
    this.input = make("input", { id, type: "range", min: String(min), max: String(max), step: String(step), value: String((min + max) / 2),
      on: { input: () => { this.touched = true; this.#tell(); onSaid(); } } });
    this.input.addEventListener("click", () => { if (!this.touched) this.input.dispatchEvent(new Event("input")); });
    this.scale = make("div", { className: "scale", hidden: true });
    this.element = make("div", { className: "number" }, make("div", { className: "name" }, make("label", { htmlFor: id }, "Your guess"), this.output),
      make("div", { className: "against" }, this.input, this.scale),
      make("div", { className: "ends", aria: { hidden: "true" } }, make("span", {}, this.#text(min)), make("span", {}, this.#text(max))));
  }

  #text(value) {
    return `${digits(value)}\u00a0${this.unit}`;
  }

  #tell() {
    const value = Number(this.input.value);
    say(this.output, this.#text(value));
    this.input.setAttribute("aria-valuetext", this.#text(value));
    this.input.style.setProperty("--fill", `${this.#place(value)}%`);
  }

  #place(value) {
    return Math.min(100, Math.max(0, ((value - this.p.min) / (this.p.max - this.p.min)) * 100));
  }

  said() {
    return this.touched ? Number(this.input.value) : null;
  }

  restore(value) {
    if (typeof value !== "number") return;
    this.input.value = String(value);
    this.touched = true;
    this.#tell();
  }

  fix() {
    this.input.disabled = true;
  }

  /** @param {{value: {estimate: number|null, low: number|null, high: number|null, unit: string}}} answer */
  reveal({ value }) {
    const factor = value.unit === "share" ? 100 : value.unit === "time" ? 1 / 60 : 1;
    if (value.estimate === null) return value.unit === "time" ? "It never happens." : "Time was up before it was played often enough.";
    const [estimate, low, high] = [value.estimate, value.low, value.high].map((v) => (v === null ? null : v * factor));
    const mark = make("span", { className: "mark" });
    const spread = make("span", { className: "spread" });
    mark.style.left = `${this.#place(estimate)}%`;
    spread.style.left = `${this.#place(low ?? estimate)}%`;
    spread.style.width = `${this.#place(high ?? estimate) - this.#place(low ?? estimate)}%`;
    this.scale.hidden = false;
    fill(this.scale, spread, mark);
    const interval = low !== null && high !== null ? ` (${digits(low)} to ${digits(high)})` : "";
    const time = value.unit === "time" ? `, ${span(value.estimate)}` : "";
    return `You said ${this.#text(this.said())}. It is ${this.#text(estimate)}${interval}${time}.`;
  }
}

/** One of several. */
class ChoicePrediction {
  constructor(lesson, onSaid) {
    this.p = lesson.prediction;
    const name = fresh("choice");
    this.inputs = this.p.options.map((option, i) => make("input", { type: "radio", name, id: `${name}-${i}`, value: String(i + 1), on: { change: onSaid } }));
    this.rows = this.p.options.map((option, i) => make("label", { htmlFor: `${name}-${i}`, className: "option" }, this.inputs[i], make("span", {}, option)));
    this.element = make("fieldset", { className: "choices" }, make("legend", { className: "unseen" }, lesson.question), ...this.rows);
  }

  said() {
    const found = this.inputs.find((input) => input.checked);
    return found ? Number(found.value) : null;
  }

  restore(value) {
    const input = this.inputs[value - 1];
    if (input) input.checked = true;
  }

  fix() {
    for (const input of this.inputs) input.disabled = true;
  }

  reveal() {
    const { right, options } = this.p;
    this.rows[right - 1].classList.add("right");
    this.rows[right - 1].append(make("strong", {}, "✓ this is it"));
    return this.said() === right ? "Yes." : `No: ${options[right - 1]}.`;
  }
}
