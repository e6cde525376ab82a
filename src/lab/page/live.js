/** @file A rollout for real, on loopback: started here, broken by hand, watched as it goes. */

import { ask, json, headers, isAborted, token } from "./api.js";
import { fill, fresh, make, say } from "./dom.js";
import { count, digits, millis, percentage, span } from "./format.js";
import { Flow } from "./flow.js";
import { GatePanel } from "./gate.js";
import { plan, size } from "./dots.js";

/** Faults to add by hand, as the control port of a live run takes them. */
const FAULTS = [
  ["5 % of its answers fail", { kind: "errors", target: "canary", probability: 0.05 }],
  ["300 ms slower", { kind: "latency", target: "canary", add: "300ms" }],
  ["One answer in ten hangs for 2 s", { kind: "hang", target: "canary", probability: 0.1, timeout: "2s" }],
  ["Its connections are reset", { kind: "reset", target: "canary", probability: 0.2, phase: "head" }],
  ["Stable fails too", { kind: "errors", target: "stable", probability: 0.05 }],
];
/** What the red button does. */
const BREAK = { kind: "errors", target: "canary", probability: 0.5 };
/** Seconds on the wall for which the picture of what has passed is kept. */
const KEPT = 8;
/** Seconds on the wall for which what was decided is shown. */
const AFTERWARDS = 8;

/** The room where a rollout is played for real. */
export class Live {
  /** @param {HTMLElement} host @param {import("./state.js").Store} store */
  constructor(host, store) {
    this.store = store;
    this.run = null;
    this.faults = new Map();
    this.rows = [];
    this.looks = [];
    this.pulses = [];
    this.last = 0;
    this.canvas = make("canvas", { className: "flow", role: "img", aria: { label: "Flow of requests of the live rollout" } });
    this.flow = new Flow(this.canvas);
    this.gate = new GatePanel(() => {});
    this.state = make("p", { className: "lead", role: "status", aria: { live: "polite" } }, "No rollout is under way.");
    this.problem = make("p", { className: "warning", role: "alert", hidden: true });
    this.figures = make("dl", { className: "figures live" });
    this.list = make("ul", { className: "faults", aria: { label: "Faults that were added by hand" } });
    host.append(make("div", { className: "live-room" }, this.#head(), this.problem, this.state, this.#scene()));
    this.#controls();
  }

  #head() {
    const speedId = fresh("speed");
    this.start = make("button", { type: "button", className: "primary", on: { click: () => this.#start() } }, "Start it for real");
    this.stop = make("button", { type: "button", className: "plain", disabled: true, on: { click: () => this.#post("/api/live/stop") } }, "Stop");
    this.speed = make("select", { id: speedId },
      ...[["", "under a minute"], ["1", "as it would be"], ["10", "10×"], ["30", "30×"], ["60", "60×"], ["120", "120×"]].map(([value, text]) => make("option", { value }, text)));
    // Whoever wants to break a release by hand begins with a good one.
    this.good = make("input", { type: "checkbox", checked: true, id: fresh("good") });
    this.what = make("p", { className: "what" });
    return make("div", { className: "panel" },
      make("h1", {}, "A rollout for real"),
      make("p", {}, "Real requests over real sockets on this machine, real metrics scraped, the same gate. Nothing leaves the machine."),
      this.what,
      make("div", { className: "buttons" }, this.start, this.stop,
        make("label", { htmlFor: speedId }, "Speed ", this.speed),
        make("label", { htmlFor: this.good.id }, this.good, " a good release, to be broken by hand")));
  }

  #scene() {
    this.breaker = make("button", { type: "button", className: "break", disabled: true, on: { click: () => this.#add(BREAK) } }, "Break the canary");
    this.others = FAULTS.map(([name, fault]) =>
      make("button", { type: "button", className: "plain", disabled: true, on: { click: () => this.#add(fault) } }, name));
    const hands = make("div", { className: "hands" },
      make("h2", {}, "By hand"), this.breaker,
      make("div", { className: "buttons" }, ...this.others), this.list);
    const figure = make("figure", { className: "scene" }, make("div", { className: "picture" }, this.canvas), this.figures, hands);
    return make("div", { className: "stage" }, figure, this.gate.element);
  }

  /** Says what would be played, and joins a run that goes on. @param {import("./state.js").State} state */
  show({ setup }) {
    const name = setup.scenario ?? setup.files?.[0]?.name ?? "your own files";
    say(this.what, `It plays ${name}, as it is set in Play.`);
    if (!token()) {
      this.#fail("A live rollout sends real requests, so it wants the word that coalmine lab has printed: open the whole address that it shows in the terminal, with what stands after #token=.");
      this.start.disabled = true;
      return;
    }
    if (!this.reader) this.#read();
  }

  /** The run goes on, nobody listens. */
  hide() {
    this.reader?.abort();
    this.reader = null;
    cancelAnimationFrame(this.frame);
  }

  async #start() {
    this.problem.hidden = true;
    this.start.disabled = true;
    const speed = Number(this.speed.value);
    try {
      await json("/api/live", { body: { setup: this.store.state.setup, good: this.good.checked, ...(speed ? { speed } : {}) } });
      say(this.state, "Starting backends, splitter and load…");
    } catch (error) {
      this.start.disabled = false;
      this.#fail(error.message);
    }
  }

  async #post(path) {
    try {
      await ask(path, { method: "POST", body: {} });
    } catch (error) {
      this.#fail(error.message);
    }
  }

  async #add(fault) {
    try {
      await json("/api/live/faults", { body: fault });
    } catch (error) {
      this.#fail(error.message);
    }
  }

  async #remove(id) {
    try {
      await ask(`/api/live/faults/${id}`, { method: "DELETE" });
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #fail(text) {
    this.problem.hidden = false;
    say(this.problem, text);
  }

  /** Reads the stream of events, from the one that was seen last on. */
  async #read() {
    const reader = (this.reader = new AbortController());
    while (this.reader === reader) {
      try {
        const response = await fetch("/api/live/events", { headers: { ...headers(), "Last-Event-ID": String(this.last) }, signal: reader.signal });
        if (!response.ok) throw new Error(`The lab answered ${response.status}.`);
        const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await text.read();
          if (done) break;
          const blocks = (rest + value).split("\n\n");
          rest = blocks.pop();
          for (const block of blocks) this.#event(block);
        }
      } catch (error) {
        if (isAborted(error)) return;
        this.#fail("The lab does not answer. Does coalmine lab still run?");
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  #event(block) {
    const fields = Object.fromEntries(block.split("\n").filter((line) => !line.startsWith(":")).map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at), line.slice(at + 1).trimStart()];
    }));
    if (!fields.event) return;
    this.last = Number(fields.id) || this.last;
    const data = JSON.parse(fields.data);
    if (fields.event === "ready") this.#ready(data);
    else if (fields.event === "pulse") this.#pulse(data);
    else if (fields.event === "tick") this.#tick(data);
    else if (fields.event === "fault") this.#fault(data);
    else if (fields.event === "end") this.#end(data);
  }

  #ready(run) {
    this.run = run;
    this.brokenAt = null;
    delete this.state.dataset.ending;
    [this.rows, this.looks, this.pulses] = [[], [], []];
    this.faults.clear();
    fill(this.list);
    this.#controls();
    say(this.state, `Under way at ${digits(run.speed)} times the speed of the clock; traffic goes to ${run.splitter}.`);
    this.gate.show({ rows: [], looks: [] });
    cancelAnimationFrame(this.frame);
    this.#animate();
  }

  #pulse(pulse) {
    this.pulses.push({ ...pulse, number: (this.pulses.at(-1)?.number ?? 0) + 1, at: performance.now() / 1000 });
    this.pulses = this.pulses.slice(-5 * KEPT);
    const [stable, canary] = pulse.requests;
    const figure = (all, failed) => `${count(all)}, ${count(failed)} failed`;
    fill(this.figures, ...[
      ["Time of the rollout", `${span(Math.floor(pulse.seconds))}, next check at ${span(pulse.next_seconds)}`],
      ["Canary’s share", percentage(pulse.percent)],
      ["Stable’s requests", figure(stable, pulse.failed[0])],
      ["Canary’s requests", figure(canary, pulse.failed[1])],
      ["Latency, p50 and p99", `${millis(pulse.p50_ms)}, ${millis(pulse.p99_ms)}`],
    ].map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    this.#replan();
  }

  #tick({ row, looks }) {
    this.rows.push(row);
    this.looks.push(...looks);
    this.gate.show({ rows: this.rows, looks: this.looks });
    this.gate.at(row.seconds);
    say(this.state, `At ${span(row.seconds)}: ${row.reason || row.phase}. The canary has ${percentage(row.weight)}.`);
  }

  #fault({ id, fault }) {
    if (fault) this.faults.set(id, fault);
    else this.faults.delete(id);
    const last = this.pulses.at(-1);
    if (fault?.target === "canary" && this.run) this.brokenAt ??= last ? last.seconds + (performance.now() / 1000 - last.at) * this.run.speed : 0;
    this.#inForce();
  }

  /** The faults by hand; nothing is taken out of a run that is over. */
  #inForce() {
    fill(this.list, ...[...this.faults].map(([number, one]) =>
      make("li", {}, make("span", {}, `${one.kind} on ${one.target}`),
        make("button", { type: "button", className: "plain", disabled: this.run === null, on: { click: () => this.#remove(number) } }, "Take it out"))));
  }

  /** How long it took from the red button to the end, on the clock of the rollout. */
  #sinceBroken(ending) {
    const end = this.rows.at(-1)?.seconds ?? 0;
    if (ending !== "rolled back" || this.brokenAt === null || end < this.brokenAt) return "";
    return ` Rolled back ${span(Math.round(end - this.brokenAt))} after you broke it.`;
  }

  #end({ ending, sentence }) {
    this.over = this.run && { speed: this.run.speed, until: performance.now() / 1000 + AFTERWARDS, percent: ending === "promoted" ? 100 : ending === "rolled back" ? 0 : null };
    this.run = null;
    this.#controls();
    this.#inForce();
    say(this.state, `${sentence}${this.#sinceBroken(ending)}`);
    this.state.dataset.ending = ending;
    this.#replan();
    if (this.pulses.length) this.#freeze(ending);
  }

  #controls() {
    const runs = this.run !== null;
    this.start.disabled = runs || !token();
    this.stop.disabled = !runs;
    for (const button of [this.breaker, ...this.others]) button.disabled = !runs;
  }

  /** The stretches between pulses as the picture wants them. */
  #replan() {
    const run = this.run ?? this.over;
    if (!run || this.pulses.length < 2) return;
    const parts = this.pulses.slice(1).map((pulse, i) => {
      const before = this.pulses[i];
      return {
        index: before.number, from: before.seconds, to: pulse.seconds, percent: before.percent,
        canary: pulse.requests[1] - before.requests[1], hurt: pulse.failed[1] - before.failed[1], lag: 1,
      };
    }).filter((part) => part.to > part.from);
    if (!parts.length) return;
    const first = this.pulses[0];
    const last = this.pulses.at(-1);
    const all = last.requests.reduce((a, b) => a + b) - first.requests.reduce((a, b) => a + b);
    const rate = all / Math.max(1e-6, last.seconds - first.seconds);
    const stable = Math.max(1, last.requests[0]);
    const errors = last.failed[0] / stable;
    const world = { rate, size: size(rate, run.speed), errors, probability: errors, slow: false };
    // What was hurt before the picture begins stays counted.
    const planned = () => ({ ...plan(parts, world), before: first.failed[1] });
    const decided = this.run ? null : this.over.percent;
    if (decided !== null) {
      parts.push({ index: last.number, from: last.seconds, to: last.seconds + 100 * run.speed, percent: decided, canary: null, hurt: null, lag: 1 });
      this.flow.show({ plan: planned(), percentAt: (now) => ({ from: last.percent, to: decided, since: now - last.seconds }) });
      return;
    }
    this.flow.show({ plan: planned(), percentAt: () => ({ from: last.percent, to: last.percent, since: 1e9 }) });
  }

  #animate() {
    const step = () => {
      const now = performance.now() / 1000;
      const speed = this.run?.speed ?? this.over?.speed;
      if (!speed || (!this.run && now > this.over.until)) return;
      const last = this.pulses.at(-1);
      // A second behind, so that what is drawn has happened.
      if (last) this.flow.at(last.seconds + (now - last.at - 1) * speed, speed);
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  #freeze(ending) {
    this.canvas.setAttribute("aria-label", `The live rollout has ended: ${ending}`);
  }
}
