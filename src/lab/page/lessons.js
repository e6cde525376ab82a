/** @file The lessons: a situation, a prediction to commit to, the run that answers it, and what to do about it. */

import { fill, make, rendered, say } from "./dom.js";
import { json, isAborted } from "./api.js";
import { digits, percent, percentage, span } from "./format.js";
import { Bench, copyLink } from "./play.js";
import { link } from "./state.js";
import { prediction } from "./predict.js";
import { trouble } from "./trouble.js";

const KEY = "coalmine.progress";
/** Trials of the figures that answer a lesson: enough that they agree with its text. */
const TRIALS = 2000;
/** Trials of what follows the end, and at how many times one looks. */
const [TRIALS_AFTER, LOOKS_AFTER] = [40, 8];

function progress() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

function remember(id, part) {
  const all = progress();
  all[id] = { ...all[id], ...part };
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Nothing is kept then.
  }
}

/** The room of the lessons. */
export class Lessons {
  /** @param {HTMLElement} host @param {import("./state.js").Store} store @param {object} catalog */
  constructor(host, store, { lessons }) {
    this.host = host;
    this.store = store;
    this.lessons = lessons;
    this.lesson = null;
  }

  /** @param {import("./state.js").State} state */
  async show(state) {
    if (state.view === "lessons") {
      this.lesson?.hide();
      this.lesson = null;
      this.#list();
      return;
    }
    if (this.lesson?.id !== state.lesson) {
      this.lesson?.hide();
      this.lesson = null;
      fill(this.host, make("p", { className: "quiet" }, "One moment…"));
      let taught;
      try {
        taught = await json(`/api/lessons/${encodeURIComponent(state.lesson)}`);
      } catch (error) {
        fill(this.host, trouble(error), make("p", {}, make("a", { href: "#lessons" }, "All lessons")));
        return;
      }
      if (this.store.state.lesson !== taught.id) return;
      this.lesson = new Lesson(this.host, this.store, taught, this.lessons);
    }
    this.lesson.show(this.store.state);
  }

  hide() {
    this.lesson?.hide();
  }

  #list() {
    const done = progress();
    const many = this.lessons.filter(({ id }) => done[id]?.done).length;
    const next = this.lessons.find(({ id }) => !done[id]?.done);
    const bar = make("progress", { max: this.lessons.length, value: many, aria: { label: "Lessons done" } });
    fill(this.host,
      make("header", { className: "lead" }, make("h1", {}, "Five minutes here, or a night on call"),
        make("p", { className: "gist" }, "Each lesson is a release that went out. Say first what you expect; then see it happen, many times over.")),
      make("p", { className: "progress" }, bar, make("span", {}, `${many} of ${this.lessons.length} done`),
        next && make("a", { className: "button primary", href: `#lesson=${next.id}` }, many ? "Go on" : "Begin")),
      make("ol", { className: "lessons" }, ...this.lessons.map(({ id, title, question }) => make("li", { className: done[id]?.done ? "done" : "" },
        make("a", { href: `#lesson=${id}` }, make("span", { className: "title" }, title), make("span", { className: "asks" }, question),
          make("span", { className: "state" }, done[id]?.done ? "✓ done" : done[id]?.said !== undefined ? "begun" : ""))))));
  }
}

/** One lesson. */
class Lesson {
  constructor(host, store, taught, all) {
    this.id = taught.id;
    this.taught = taught;
    this.store = store;
    this.waiting = new AbortController();
    const at = all.findIndex(({ id }) => id === taught.id);
    const [before, after] = [all[at - 1], all[at + 1]];
    this.bench = new Bench(store, { secret: true });
    this.guess = make("div", { className: "card guesses" });
    this.commit = make("button", { type: "button", className: "primary", disabled: true, on: { click: () => this.#commit() } }, "This is my answer: play it");
    this.verdict = make("p", { className: "told", role: "status" });
    this.tries = make("div", { className: "tries" });
    this.run = make("h2", { tabIndex: -1 }, "See it happen");
    this.asked = make("section", { className: "card asked" }, make("h2", {}, taught.question), this.guess, this.verdict, make("p", { className: "buttons" }, this.commit));
    this.rest = make("div", { className: "rest", hidden: true },
      make("section", { aria: { label: "The run" } }, this.run, this.bench.problem, this.bench.stage.element, make("p", { className: "outcome" }, this.bench.sentence)),
      make("div", { className: "two" },
        make("section", { className: "card" }, make("h2", {}, "What happened"), rendered(taught.answer_html)),
        make("section", { className: "card" }, make("h2", {}, "In production"), rendered(taught.production_html))),
      make("section", {}, make("h2", {}, "Try"), this.tries));
    const neighbour = (one, text) => one && make("a", { className: "button", href: `#lesson=${one.id}` }, `${text}: ${one.title}`);
    fill(host,
      make("header", { className: "lead" }, make("p", { className: "picker" }, make("a", { href: "#lessons" }, "All lessons"), `Lesson ${at + 1} of ${all.length}`), make("h1", {}, taught.title)),
      make("div", { className: "two" },
        make("section", { className: "card" }, make("h2", {}, "The situation"), rendered(taught.text_html)),
        this.asked),
      this.rest,
      make("p", { className: "buttons onwards" }, neighbour(before, "Before"), neighbour(after, "Next"),
        make("button", { type: "button", className: "plain", on: { click: (event) => copyLink(event.currentTarget, store) } }, "Copy the link")));
  }

  /** The setup of the lesson, with what the link changes in it. */
  #setup(state) {
    const set = [...this.taught.set, ...(state.setup.set ?? [])];
    const setup = { ...state.setup, scenario: this.taught.scenario };
    delete setup.files;
    if (set.length) setup.set = set;
    return setup;
  }

  async show(state) {
    this.setup = this.#setup(state);
    if (!this.prediction) await this.#ask();
    if (!this.rest.hidden) this.#play(state);
  }

  async #ask() {
    let percentages = [];
    if (this.taught.prediction.kind === "curve") {
      try {
        percentages = (await json("/api/read", { body: { setup: this.#base() }, signal: this.waiting.signal })).percentages;
      } catch (error) {
        if (!isAborted(error)) fill(this.guess, trouble(error));
        return;
      }
    }
    this.prediction = prediction(this.taught, percentages, () => { this.commit.disabled = this.prediction.said() === null; });
    fill(this.guess, this.prediction.element);
    const said = progress()[this.id]?.said;
    if (said !== undefined) {
      this.prediction.restore(said);
      this.#reveal();
    }
  }

  /** The lesson as it is written. */
  #base() {
    const { scenario, set } = this.taught;
    return set.length ? { scenario, set } : { scenario };
  }

  #commit() {
    remember(this.id, { said: this.prediction.said() });
    this.#reveal(true);
    // The answer appears beside what was said: that stays in view, and whoever reads on begins below it.
    this.run.focus({ preventScroll: true });
    this.asked.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  async #reveal(fresh = false) {
    this.prediction.fix();
    this.commit.hidden = true;
    this.rest.hidden = false;
    const answer = this.#answer();
    this.measuring = answer.catch(() => null);
    this.#play(this.store.state, fresh);
    this.#tries();
    try {
      say(this.verdict, "Playing it many times over…");
      say(this.verdict, this.prediction.reveal(await answer));
      remember(this.id, { done: true });
    } catch (error) {
      if (!isAborted(error)) fill(this.verdict, trouble(error));
    }
  }

  async #answer() {
    const { kind, asks } = this.taught.prediction;
    const { signal } = this.waiting;
    // The newer question of a page takes the place of the older one: the others wait for this.
    if (kind === "choice") return {};
    if (kind === "curve") {
      const curve = await json("/api/curve", { body: { setup: this.#base(), trials: TRIALS, rivals: false }, signal });
      const field = asks.startsWith("false") ? "false_rollback" : "power";
      return { points: curve.lines[0].points.map((point) => ({ percent: point.percent, value: point[field] })) };
    }
    const measured = await json("/api/measure", { body: { setup: this.#base(), asks: [asks], trials: TRIALS }, signal });
    return { value: measured.answers[0] };
  }

  #play(state, autoplay = false) {
    const { good, held_percent: held } = this.taught;
    const how = { good: state.good ?? good, replicate: state.replicate, held: state.held ?? held };
    this.bench.stage.beyond = how.good ? 0 : this.taught.aftermath_seconds;
    this.bench.show(this.setup, how, { autoplay: autoplay || !this.bench.setup, curve: false });
    this.#follow(this.setup, how);
    for (const row of this.tries.children) {
      const now = row.dataset.set === JSON.stringify(state.setup.set ?? []);
      row.classList.toggle("now", now);
    }
  }

  /** What follows the end, where the scenario looks on: measured, for the stage to play. */
  #follow(setup, { good, held }) {
    const { aftermath_seconds: aftermath } = this.taught;
    if (!aftermath) return;
    const about = JSON.stringify([setup, good]);
    if (about === this.followed) return;
    this.followed = about;
    this.bench.stage.follow(null);
    if (good) return;
    const times = Array.from({ length: LOOKS_AFTER }, (_, i) => Math.round((aftermath * (i + 1)) / LOOKS_AFTER));
    const asks = [held ? `exposure.after at ${held}%` : "exposure.after"];
    this.#next(async () => {
      const after = [];
      for (const seconds of times) {
        const body = { setup: { ...setup, set: [...(setup.set ?? []), `experiment.aftermath=${seconds}s`] }, asks, trials: TRIALS_AFTER };
        const { answers } = await json("/api/measure", { body, signal: this.waiting.signal });
        if (about !== this.followed) return;
        // The rest goes on as far as is known.
        after.push({ seconds, hurt: answers[0].estimate ?? 0 });
        this.bench.stage.follow([...after]);
      }
    }).catch((error) => { if (!isAborted(error)) console.warn(error.message); });
  }

  /** One measurement after the other: the newer question of a page takes the place of the older. */
  #next(work) {
    const done = (this.measuring ?? Promise.resolve()).then(work);
    this.measuring = done.catch(() => null);
    return done;
  }

  #tries() {
    const all = [{ label: "As in the lesson", set: [] }, ...this.taught.try];
    const { scenario, set, good, held_percent: held } = this.taught;
    fill(this.tries, ...all.map((one) => {
      const figures = make("span", { className: "outcomes" });
      const open = link({ ...this.store.state, view: "play", lesson: null, good: good || null, replicate: 0, held, setup: { scenario, set: [...set, ...one.set] } });
      this.#measure(one, figures);
      return make("div", { className: "card try", data: { set: JSON.stringify(one.set) } },
        make("strong", {}, one.label), figures,
        make("span", { className: "buttons" },
          make("button", { type: "button", on: { click: () => this.#try(one) } }, "Play it above"),
          make("a", { className: "button", href: open }, "Open in Play")));
    }));
  }

  #try(one) {
    const { scenario, files } = this.store.state.setup;
    const setup = files ? { scenario, files } : { scenario };
    if (one.set.length) setup.set = one.set;
    this.bench.autoplay = true;
    this.store.update({ setup, held: null }, { push: true });
    this.bench.stage.element.scrollIntoView({ behavior: "smooth", block: "center" });
  }

  async #measure(one, place) {
    const held = this.taught.held_percent;
    const asks = ["power", "false_rollback", "detection_p50"];
    const own = this.taught.prediction.asks;
    if (own && this.taught.prediction.kind === "number" && !asks.includes(own)) asks.unshift(own);
    const body = { setup: { scenario: this.taught.scenario, set: [...this.taught.set, ...one.set] }, asks, trials: TRIALS };
    try {
      const { answers } = await this.#next(() => json("/api/measure", { body, signal: this.waiting.signal }));
      const told = answers.filter((one) => one.estimate !== null || one.unit !== "time").map(worded);
      // The lesson's own figure is the first.
      say(place, held ? `held at ${percentage(held)}: ${told[0]} · as written: ${told.slice(1).join(" · ")}` : told.join(" · "));
    } catch (error) {
      if (!isAborted(error)) say(place, error.message);
    }
  }

  hide() {
    this.bench.rest();
  }
}

const WORDS = { detection_p50: "half of those within", detection_p90: "nine in ten of those within", "exposure.requests": "requests hurt:", "exposure.users": "users hurt:", "exposure.after": "hurt after the end:", never: "never caught:" };

function worded({ asks, unit, estimate }) {
  const value = estimate === null ? "an unknown number" : unit === "share" ? percent(estimate) : unit === "time" ? span(estimate) : digits(estimate);
  const [figure] = asks.split(" at ");
  if (figure === "false_rollback") return `rolls back ${value} of the good`;
  if (figure === "power") return `catches ${value} of the bad`;
  return `${WORDS[figure] ?? figure} ${value}`;
}
