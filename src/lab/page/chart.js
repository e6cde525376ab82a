/** @file Charts over the canary's percentage: one line for each gate, told apart by dash and letter too. */

import uPlot from "./vendor/uPlot.js";
import { percentage } from "./format.js";

const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4], [14, 5], [4, 2, 1, 2]];
const LETTERS = "ABCDEFGH";

/** The letter of a line. @param {number} index */
export function letter(index) {
  return LETTERS[index] ?? "·";
}

/** The letters of lines, neighbours as a range: `AC–F`. @param {number[]} indices */
function letters(indices) {
  const runs = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    if (runs.at(-1)?.at(-1) === index - 1) runs.at(-1).push(index);
    else runs.push([index]);
  }
  return runs.map((run) => (run.length > 2 ? `${letter(run[0])}–${letter(run.at(-1))}` : run.map(letter).join(""))).join("");
}

/** A colour of the style sheet. @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The colour of the line at this place. @param {number} index */
function hue(index) {
  return colour(`line-${Math.min(index, 5)}`);
}

/**
 * One chart.
 */
export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {{title: string, value: (point: object) => number|null, band?: (point: object) => [number, number],
   *   text: (value: number) => string, top?: (highest: number) => number, onPick: (percent: number) => void,
   *   onHover: (percent: number|null) => void, steps?: number[]}} subject
   */
  constructor(host, subject) {
    this.host = host;
    this.subject = subject;
    new ResizeObserver(() => this.#fit()).observe(host);
    addEventListener("coalmine-theme", () => this.#rebuild());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#rebuild());
  }

  /** @param {{id: string, name: string, own: boolean, points: object[]}[]} lines @param {number|null} marked */
  show(lines, marked = null) {
    this.lines = lines;
    this.marked = marked;
    const shape = lines.map((line) => line.id).join("\n");
    if (!this.plot || this.shape !== shape) {
      this.shape = shape;
      this.#rebuild();
    } else {
      this.plot.setData(this.#data());
    }
  }

  /** Marks a percentage. @param {number|null} percent */
  mark(percent) {
    if (this.marked === percent) return;
    this.marked = percent;
    this.plot?.redraw(false, false);
  }

  #data() {
    const { value, band } = this.subject;
    const xs = this.lines[0].points.map((point) => point.percent);
    const at = (line) => new Map(line.points.map((point) => [point.percent, point]));
    const columns = [xs];
    this.lines.forEach((line, index) => {
      const points = at(line);
      const pick = (get) => xs.map((x) => (points.has(x) ? get(points.get(x)) : null));
      columns.push(pick(value));
      if (index === 0 && band) {
        columns.push(pick((point) => band(point)[0]), pick((point) => band(point)[1]));
      }
    });
    return columns;
  }

  #highest() {
    const values = this.lines.flatMap((line) => line.points.map(this.subject.value)).filter((v) => v !== null);
    return Math.max(0, ...values);
  }

  #rebuild() {
    if (!this.lines?.length) return;
    this.plot?.destroy();
    const { subject } = this;
    const [quiet, rule] = [colour("quiet"), colour("rule")];
    const series = [{}];
    const bands = [];
    this.lines.forEach((line, index) => {
      const own = index === 0;
      series.push({ stroke: hue(index), width: own ? 3 : 1.6, dash: DASHES[index % DASHES.length], points: { show: own, size: 6, fill: hue(index) }, spanGaps: false });
      if (own && subject.band) {
        series.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
        bands.push({ series: [3, 2], fill: `${hue(0)}2e` });
      }
    });
    const font = `13px ${getComputedStyle(document.body).fontFamily}`;
    const options = {
      width: this.host.clientWidth || 320,
      height: this.#height(),
      padding: [10, 52, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, distr: 3, range: (_, low, high) => [low * 0.9, high * 1.1] },
        y: { range: () => [0, subject.top ? subject.top(this.#highest()) : this.#highest() * 1.08 || 1] },
      },
      axes: [
        { stroke: quiet, font, grid: { show: false }, ticks: { stroke: rule, size: 5 }, gap: 4, size: 30,
          splits: () => this.#splits(), values: (_, splits) => splits.map(percentage), filter: (_, splits) => splits },
        { stroke: quiet, font, grid: { stroke: rule, width: 1 }, ticks: { show: false }, size: 58, gap: 6, space: 34, ...(subject.steps && { incrs: subject.steps }),
          values: (_, splits) => splits.map((v) => subject.text(v)) },
      ],
      series,
      bands,
      hooks: {
        draw: [(plot) => this.#over(plot)],
        setCursor: [(plot) => { if (plot.cursor.idx !== this.hovered) { this.hovered = plot.cursor.idx; subject.onHover(plot.cursor.idx === null || plot.cursor.left < 0 ? null : plot.data[0][plot.cursor.idx]); } }],
        ready: [(plot) => plot.over.addEventListener("click", () => { if (plot.cursor.idx !== null) subject.onPick(plot.data[0][plot.cursor.idx]); })],
      },
    };
    this.plot = new uPlot(options, this.#data(), this.host);
    const canvas = this.plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${subject.title}. The same figures are in the table below.`);
  }

  /** The percentages that have room for their text. */
  #splits() {
    const xs = this.lines[0].points.map((point) => point.percent);
    const [low, high] = [Math.log(xs[0]), Math.log(xs.at(-1))];
    const room = (this.host.clientWidth - 114) / (high - low || 1);
    const kept = [];
    for (const x of xs) {
      if (!kept.length || (Math.log(x) - Math.log(kept.at(-1))) * room > 44) kept.push(x);
    }
    return kept;
  }

  /** The marked percentage, and each line's letter at its end. */
  #over(plot) {
    const c = plot.ctx;
    const scale = devicePixelRatio || 1;
    c.save();
    if (this.marked !== null && this.marked !== undefined) {
      const x = Math.round(plot.valToPos(this.marked, "x", true));
      c.strokeStyle = colour("ink");
      c.globalAlpha = 0.55;
      c.lineWidth = scale;
      c.setLineDash([4 * scale, 3 * scale]);
      c.beginPath();
      c.moveTo(x, plot.bbox.top);
      c.lineTo(x, plot.bbox.top + plot.bbox.height);
      c.stroke();
      c.globalAlpha = 1;
      c.setLineDash([]);
    }
    c.font = `bold ${13 * scale}px ${getComputedStyle(document.body).fontFamily}`;
    c.textBaseline = "middle";
    c.textAlign = "left";
    const ends = this.lines.map((line, index) => {
      const points = line.points.filter((point) => this.subject.value(point) !== null);
      if (!points.length) return null;
      const end = points.at(-1);
      return { index, x: plot.valToPos(end.percent, "x", true), y: plot.valToPos(this.subject.value(end), "y", true) };
    }).filter(Boolean).sort((a, b) => a.y - b.y);
    // Lines that end closer to each other than a letter is high share a label.
    const labels = [];
    for (const end of ends) {
      const last = labels.at(-1)?.at(-1);
      if (last && end.y - last.y < 14 * scale) labels.at(-1).push(end);
      else labels.push([end]);
    }
    const right = plot.bbox.left + plot.bbox.width;
    for (const group of labels) {
      const y = group.reduce((sum, end) => sum + end.y, 0) / group.length;
      const x = Math.max(...group.map((end) => end.x));
      c.fillStyle = group.length === 1 ? hue(group[0].index) : colour("ink");
      c.fillText(letters(group.map(({ index }) => index)), Math.min(x, right) + 7 * scale, y);
    }
    c.restore();
  }

  #height() {
    return this.host.clientWidth < 360 ? 170 : 196;
  }

  #fit() {
    const width = this.host.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.#height() });
  }
}
