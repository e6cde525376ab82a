/** @file Power, false rollback, detection time and exposure against the percentage, live as a slider moves. */

import { make, fill, say, fresh } from "./dom.js";
import { json, Latest, isAborted } from "./api.js";
import { Chart, letter } from "./chart.js";
import { count, digits, percent, percentage, share, span } from "./format.js";

/** Trials at once, and those of a page at rest. */
const ROUGH = 100;
const FINE = [400, 1600];
/** Trials where every request is followed and a hundred take too long; rivals wait then. */
const FEW = 20;
/** Milliseconds without a move after which a page is at rest. */
const REST = [450, 1400];

const CHARTS = [
  { title: "Bad releases caught", note: "power", value: (p) => p.power.estimate, band: (p) => [p.power.low, p.power.high], text: percent, top: () => 1.02 },
  { title: "Good releases rolled back", note: "false rollback", value: (p) => p.false_rollback.estimate, band: (p) => [p.false_rollback.low, p.false_rollback.high], text: percent,
    top: (highest) => [0.05, 0.1, 0.2, 0.5].find((top) => highest * 1.2 < top) ?? 1.02 },
  { title: "Time to catch", note: "median of those caught", value: (p) => p.detection_p50, text: span, steps: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800] },
  { title: "Requests hurt by a bad release", note: "mean exposure", value: (p) => p.exposed_requests, text: (v) => (v >= 1000 ? `${digits(v / 1000)}k` : count(v)) },
];

/** The curves under the stage. */
export class Curve {
  /** @param {{onSentence: (sentence: string, final: boolean) => void, onHold: (percent: number) => void, onProblem: (error: Error|null) => void}} host */
  constructor(host) {
    this.host = host;
    this.trials = make("p", { className: "trials" });
    this.strip = make("dl", { className: "strip", aria: { label: "As written" } });
    const figures = CHARTS.map(({ title, note }) => {
      const place = make("div", { className: "plot" });
      return { place, figure: make("figure", { className: "chart" }, make("figcaption", {}, title, make("small", {}, ` ${note}`)), place) };
    });
    this.charts = CHARTS.map((subject, i) => new Chart(figures[i].place, {
      ...subject, onHover: (percent) => this.#look(percent), onPick: (percent) => this.host.onHold(percent),
    }));
    const id = fresh("at");
    this.at = make("input", { id, type: "range", min: "0", max: "1", step: "1", on: { input: () => { this.chosen = Number(this.at.value); this.#table(); } } });
    this.atText = make("output", { htmlFor: id, aria: { live: "off" } }, "");
    this.hold = make("button", { type: "button", className: "plain", on: { click: () => this.host.onHold(this.percent) } }, "Play it held there");
    this.body = make("tbody");
    this.element = make("section", { className: "curves", aria: { label: "Many rollouts" } },
      make("div", { className: "headline" }, make("h2", {}, "The same release, many times over"), this.trials),
      this.strip,
      make("div", { className: "charts" }, ...figures.map(({ figure }) => figure)),
      make("div", { className: "readout" },
        make("div", { className: "pick" }, make("label", { htmlFor: id }, "Canary held at"), this.at, this.atText, this.hold),
        make("div", { className: "wide", tabIndex: 0, role: "region", aria: { label: "Figures of every gate" } },
          make("table", {}, make("thead", {}, make("tr", {}, ...["Gate", "Bad caught", "Good rolled back", "Caught: median", "Caught: 90\u00a0%", "Requests hurt", "Requests a window"].map((text) => make("th", { scope: "col" }, text)))), this.body))));
    this.rough = new Latest((setup, signal) => this.#first(setup, signal));
    this.fine = new Latest((setup, signal) => this.#refine(setup, signal));
    this.chosen = null;
  }

  /** @param {object} setup */
  update(setup) {
    this.setup = setup;
    this.fine.stop();
    clearTimeout(this.resting);
    this.element.classList.add("moving");
    this.rough.ask(setup);
    this.resting = setTimeout(() => this.fine.ask(setup, { now: true }), REST[0]);
  }

  /** A first answer: rough, and with few trials where even that takes too long. */
  async #first(setup, signal) {
    const name = setup.scenario ?? "";
    if (this.slow === name) return void (await this.#ask(setup, FEW, signal));
    const curve = await this.#ask(setup, ROUGH, signal);
    if (!curve || curve.complete) return;
    this.slow = name;
    await this.#ask(setup, FEW, signal);
  }

  async #refine(setup, signal) {
    // The rough answer first: both would only take turns.
    while (this.rough.running) await pause(100, signal);
    if (this.slow === (setup.scenario ?? "")) return;
    for (const [step, trials] of FINE.entries()) {
      const curve = await this.#ask(setup, trials, signal);
      if (!curve?.complete) return;
      if (step + 1 < FINE.length) await pause(REST[1] - REST[0], signal);
    }
  }

  async #ask(setup, trials, signal) {
    let curve;
    try {
      curve = await json("/api/curve", { body: { setup, trials, rivals: trials !== FEW }, signal });
    } catch (error) {
      if (!isAborted(error)) this.host.onProblem(error);
      throw error;
    }
    const isFine = FINE.includes(trials);
    if (signal.aborted || (setup !== this.setup && isFine)) return null;
    // Half a fine answer is worth less than a whole rough one.
    const isWorse = isFine && !curve.complete;
    if (!isWorse) {
      this.host.onProblem(null);
      this.show(curve, isFine || trials === FEW);
    }
    return curve;
  }

  /** @param {object} curve The answer of `/api/curve`. @param {boolean} settled */
  show(curve, settled) {
    this.curve = curve;
    this.element.classList.remove("moving");
    const own = curve.lines[0];
    if (!own?.points.length) {
      say(this.trials, "Time was up before a point was played: this scenario follows every request. Ask for less traffic, or for a shorter rollout.");
      return;
    }
    say(this.trials, `${count(curve.trials)} rollouts a point${curve.complete ? "" : " at most: time was up"}; the band is the 95 % interval; same seed, same luck for every gate`);
    this.#strip(own.written);
    const last = own.points.length - 1;
    this.at.max = String(last);
    if (this.chosen === null || this.chosen > last) this.chosen = this.#start(own);
    this.percent = own.points[this.chosen].percent;
    this.charts.forEach((chart) => chart.show(curve.lines, this.percent));
    this.#table();
    this.host.onSentence(curve.sentence, settled);
    performance.mark("coalmine-curve");
    window.dispatchEvent(new CustomEvent("coalmine-curve", { detail: { trials: curve.trials } }));
  }

  #start(own) {
    const first = own.written?.steps?.[0];
    const index = own.points.findIndex((point) => point.percent === first);
    return index >= 0 ? index : Math.floor(own.points.length / 2);
  }

  #strip(written) {
    if (!written) return;
    const cells = [
      ["Bad releases caught", percent(written.power.estimate), `${interval(written.power)}`],
      ["Good ones rolled back", percent(written.false_rollback.estimate), `${interval(written.false_rollback)}`],
      ["Of those caught, half within", span(written.detection_p50), written.never > 0 ? `${percent(written.never)} never are` : "all of them are"],
      ["Requests hurt before", count(written.exposed_requests), `of ${count(written.exposed_users)} users, on average`],
    ];
    fill(this.strip, ...cells.map(([name, value, note]) => make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, note)))));
  }

  #look(percent) {
    const points = this.curve?.lines[0].points ?? [];
    const index = percent === null ? -1 : points.findIndex((point) => point.percent === percent);
    if (index < 0) return;
    this.chosen = index;
    this.#table();
  }

  #table() {
    const { curve } = this;
    if (!curve) return;
    const at = curve.lines[0].points[this.chosen]?.percent;
    this.percent = at;
    this.at.value = String(this.chosen);
    const text = percentage(at);
    say(this.atText, text);
    this.at.setAttribute("aria-valuetext", text);
    this.charts.forEach((chart) => chart.mark(at));
    fill(this.body, ...curve.lines.map((line, index) => row(line, line.points.find((point) => point.percent === at), index)));
  }
}

function row(line, point, index) {
  const name = make("th", { scope: "row" }, make("span", { className: `swatch line-${Math.min(index, 5)}`, aria: { hidden: "true" } }, letter(index)),
    make("span", { className: "who" }, line.own ? "this one: " : "", line.name), line.name !== line.rollout && make("small", {}, line.rollout));
  const cells = point
    ? [share(point.power), share(point.false_rollback), span(point.detection_p50), span(point.detection_p90), count(point.exposed_requests), count(point.requests_per_window)]
    : ["–", "–", "–", "–", "–", "–"];
  return make("tr", { className: line.own ? "written" : "" }, name, ...cells.map((text) => make("td", {}, text)));
}

function interval({ low, high }) {
  return `${digits(low * 100)} to ${percent(high)}`;
}

function pause(time, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, time);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("", "AbortError")); });
  });
}
