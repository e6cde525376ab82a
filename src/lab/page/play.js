/** @file The first room: one rollout, its sliders, and the same release many times over. */

import { make, fill, say, fresh, rendered } from "./dom.js";
import { json, Latest, isAborted } from "./api.js";
import { Stage } from "./stage.js";
import { Knobs } from "./knobs.js";
import { Curve } from "./curve.js";
import { trouble } from "./trouble.js";
import { percentage } from "./format.js";

/** What the picture needs to know of a world. @param {object} understood @param {object} rollout */
export function worldOf(understood, rollout) {
  const knobs = understood?.knobs ?? [];
  const of = (id) => knobs.find((knob) => knob.id === id)?.number;
  const share = (id, otherwise) => { const value = of(id); return value === undefined || value === null ? otherwise : value / 100; };
  const errors = share("errors", 0.001);
  const seen = rollout.canary_requests ? rollout.exposed_requests / rollout.canary_requests : 0;
  return {
    rate: rollout.rate,
    errors,
    probability: rollout.good ? 0 : seen,
    slow: rollout.hurts === "slowed" || rollout.hurts === "lessened",
    lessened: rollout.hurts === "lessened",
  };
}

/** The changes of a setup that a new gate leaves meaningless. */
const OF_THE_ROLLOUT = /^(rollout|kayenta|flagger|argo)[.:[]/;

/** One rollout and its controls; also the heart of a lesson. */
export class Bench {
  /** @param {import("./state.js").Store} store @param {{secret?: boolean, onEnd?: () => void}} [options] */
  constructor(store, { onEnd = () => {}, secret = false } = {}) {
    this.store = store;
    this.setup = null;
    this.#extras();
    this.stage = new Stage({ onEnd, secret, extras: [this.release, this.luck, this.heldChip] });
    this.sentence = make("p", { className: "sentence" });
    this.problem = make("div", { className: "problem", role: "alert" });
    this.knobs = new Knobs((part, knob) => this.onMove(part, knob));
    this.curve = new Curve({
      onSentence: (sentence, settled) => this.onSentence(sentence, settled),
      onHold: (held) => { store.update({ held }, { push: true }); this.stage.element.scrollIntoView({ block: "nearest", behavior: "smooth" }); },
      onProblem: (error) => this.#problem(error),
    });
    this.reading = new Latest((setup, signal) => this.#read(setup, signal));
    this.playing = new Latest((question, signal) => this.#play(question, signal));
    this.onMove = (part, knob) => (knob?.kind === "slider" ? store.move(part, knob.id) : store.change(part, { push: true }));
    this.onSentence = () => {};
    this.onUnderstood = () => {};
    this.onRollout = () => {};
  }

  #extras() {
    const { store } = this;
    const id = fresh("release");
    this.releaseSelect = make("select", { id, on: { change: () => store.update({ good: this.releaseSelect.value === "good" }, { push: true }) } },
      make("option", { value: "bad" }, "bad release"), make("option", { value: "good" }, "good release"));
    this.release = make("label", { htmlFor: id, className: "release" }, make("span", { className: "unseen" }, "Release"), this.releaseSelect);
    this.luck = make("button", { type: "button", className: "plain", title: "The same rollout with other arrivals and other failures", on: { click: () => store.update({ replicate: store.state.replicate + 1 }, { push: true }) } }, "Another draw");
    this.heldChip = make("button", { type: "button", className: "plain chip", hidden: true, on: { click: () => store.update({ held: 0 }, { push: true }) } });
  }

  /**
   * Plays a setup.
   * @param {object} setup
   * @param {{good: boolean|null, replicate: number, held: number|null}} how
   * @param {{autoplay?: boolean, curve?: boolean}} [options]
   */
  show(setup, { good, replicate, held }, { autoplay = false, curve = true } = {}) {
    const text = JSON.stringify(setup);
    const question = { setup, replicate, good: Boolean(good), held_percent: held || null };
    const asked = JSON.stringify(question);
    this.releaseSelect.value = good ? "good" : "bad";
    this.heldChip.hidden = !held;
    if (held) say(this.heldChip, `held at ${percentage(held)} ✕`);
    if (text !== this.read) {
      this.read = text;
      this.setup = setup;
      this.knobs.setup = setup;
      this.reading.ask(setup);
      if (curve) this.curve.update(setup);
    } else if (curve && this.curve.setup !== this.setup) {
      this.curve.update(this.setup);
    }
    if (asked !== this.asked) {
      this.asked = asked;
      this.autoplay ||= autoplay;
      this.playing.ask(question);
    }
  }

  /** Stops whatever moves. */
  rest() {
    this.stage.clock.pause();
    this.curve.fine.stop();
    clearTimeout(this.curve.resting);
  }

  async #read(setup, signal) {
    let understood;
    try {
      understood = await json("/api/read", { body: { setup }, signal });
    } catch (error) {
      if (!isAborted(error)) this.#problem(error);
      throw error;
    }
    if (signal.aborted) return;
    this.understood = understood;
    const isLate = JSON.stringify(setup) !== this.read;
    this.knobs.show(understood.knobs, this.setup, isLate);
    this.onUnderstood(understood);
    if (this.stage.rollout && !isLate) {
      this.stage.world = worldOf(understood, this.stage.rollout);
    }
  }

  async #play(question, signal) {
    let rollout;
    try {
      rollout = await json("/api/rollout", { body: question, signal });
    } catch (error) {
      if (!isAborted(error)) this.#problem(error);
      throw error;
    }
    if (signal.aborted) return;
    this.#problem(null);
    rollout.good = question.good;
    say(this.sentence, rollout.sentence);
    const first = !this.stage.rollout || this.autoplay;
    this.stage.load(rollout, worldOf(this.understood, rollout), { keep: !first, play: first && this.autoplay });
    this.autoplay = false;
    this.onRollout(rollout);
  }

  #problem(error) {
    for (const shown of [this.stage.element, this.curve.element]) shown.classList.toggle("stale", Boolean(error));
    fill(this.problem, ...(error ? [trouble(error)] : []));
  }

  /** Replaces the gate. @param {string} gate */
  choose(gate) {
    const set = (this.setup?.set ?? []).filter((change) => !OF_THE_ROLLOUT.test(change));
    this.onMove({ gate: gate === "as-written" ? undefined : gate, set });
  }
}

/** The room. */
export class Play {
  /** @param {HTMLElement} host @param {import("./state.js").Store} store @param {object} catalog */
  constructor(host, store, catalog) {
    this.store = store;
    this.bench = new Bench(store);
    this.#heading(catalog);
    const { bench } = this;
    this.story = make("div", { className: "story" });
    this.facts = make("p", { className: "facts" });
    this.warnings = make("div", { className: "warnings" });
    const side = make("div", { className: "side" },
      make("div", { className: "panel" }, make("h2", {}, "Move something"), this.gateRow, bench.knobs.element, this.reset));
    fill(host,
      make("header", { className: "lead" }, this.picker, this.headline),
      this.gist,
      bench.problem,
      make("div", { className: "bench" }, make("div", { className: "centre" }, bench.stage.element, make("p", { className: "outcome" }, bench.sentence)), side, bench.curve.element),
      make("section", { className: "about", aria: { label: "About this scenario" } }, make("h2", {}, "What this scenario is about"), this.facts, this.warnings, this.story, this.share));
    bench.onSentence = (sentence, settled) => this.#say(sentence, settled);
    bench.onUnderstood = (understood) => this.#understood(understood);
  }

  #heading(catalog) {
    const { store, bench } = this;
    const [id, gateId] = [fresh("scenario"), fresh("gate")];
    const subjects = new Map();
    for (const one of catalog.scenarios) subjects.set(one.subject, [...(subjects.get(one.subject) ?? []), one]);
    this.scenario = make("select", { id, on: { change: () => {
      bench.autoplay = true;
      store.update({ setup: { scenario: this.scenario.value }, held: null, replicate: 0 }, { push: true });
    } } }, make("option", { value: "", hidden: true }, "Your own files"),
    ...[...subjects].map(([subject, list]) => make("optgroup", { label: subject }, ...list.map((one) => make("option", { value: one.name }, one.title)))));
    this.picker = make("p", { className: "picker" }, make("label", { htmlFor: id }, "Scenario"), this.scenario);
    this.headline = make("h1", {}, "Would your canary have caught it?");
    this.gist = make("p", { className: "gist" });
    this.gate = make("select", { id: gateId, on: { change: () => bench.choose(this.gate.value) } },
      ...catalog.gates.map((gate) => make("option", { value: gate.id }, gate.name)));
    this.gates = catalog.gates;
    this.gateLine = make("small", { className: "help" });
    this.gateRow = make("div", { className: "knob choice" }, make("div", { className: "name" }, make("label", { htmlFor: gateId }, "Who decides")), this.gate, this.gateLine);
    this.reset = make("button", { type: "button", className: "plain", on: { click: () => {
      const { scenario, files } = store.state.setup;
      store.update({ setup: files ? { scenario: null, files } : { scenario }, held: null, replicate: 0 }, { push: true });
    } } }, "Everything as it was");
    this.share = make("p", { className: "share" }, make("button", { type: "button", on: { click: (event) => copyLink(event.currentTarget, store) } }, "Copy the link to exactly this"));
  }

  /** @param {import("./state.js").State} state */
  show(state) {
    const autoplay = !this.opened || this.bench.setup?.scenario !== state.setup.scenario;
    this.opened = true;
    this.scenario.value = state.setup.files ? "" : state.setup.scenario ?? "";
    this.gate.value = state.setup.gate ?? "as-written";
    say(this.gateLine, this.gates.find((gate) => gate.id === this.gate.value)?.line ?? "");
    const changed = Object.keys(state.setup).some((name) => !["scenario", "files"].includes(name));
    this.reset.hidden = !changed && !state.held && !state.replicate;
    this.bench.show(state.setup, state, { autoplay });
  }

  hide() {
    this.bench.rest();
  }

  #say(sentence, settled) {
    say(this.gist, sentence.replaceAll(" %", "\u00a0%"));
    if (settled) say(document.getElementById("spoken"), sentence);
  }

  #understood(understood) {
    say(this.headline, understood.title);
    say(this.facts, `${understood.world}. ${understood.rollout}. Played by the engine “${understood.engine.name}”: ${understood.engine.why}.`);
    fill(this.warnings, ...understood.warnings.map((text) => make("p", { className: "warning" }, text)));
    fill(this.story, rendered(understood.story_html));
  }
}

/** Copies the address of the page as it stands. @param {HTMLButtonElement} button @param {import("./state.js").Store} store */
export async function copyLink(button, store) {
  const text = button.textContent;
  const isWhole = await store.isWhole();
  try {
    await navigator.clipboard.writeText(new URL(store.shown || location.hash, location.href).href);
    say(button, isWhole ? "Copied" : "Copied without your files: they are too long for a link. “Your own” has them to download");
  } catch {
    say(button, isWhole ? "Copy it from the address bar" : "The address bar has it, without your files: they are too long for a link. “Your own” has them to download");
  }
  setTimeout(() => say(button, text), isWhole ? 2000 : 8000);
}
