/** @file Own files: dropped, chosen or pasted; what was understood of them; edited, played, taken away. */

import { fill, fresh, keep, make, say } from "./dom.js";
import { file as fetchFile, json, isAborted } from "./api.js";
import { count, percentage, span } from "./format.js";
import { trouble } from "./trouble.js";

const SAMPLE = "plain-flagger";
const OUTCOMES = { used: "✓ used", ignored: "– ignored", unread: "✗ not read" };

/** The room for own files. */
export class Own {
  /** @param {HTMLElement} host @param {import("./state.js").Store} store @param {object} catalog */
  constructor(host, store, { limits }) {
    this.store = store;
    this.limits = limits;
    const [input, area] = [fresh("files"), fresh("paste")];
    this.input = make("input", { id: input, type: "file", multiple: true, accept: ".yaml,.yml,.json,.toml,.csv,.log,.txt", on: { change: () => this.#take(this.input.files) } });
    this.paste = make("textarea", { id: area, className: "paste", rows: 6, placeholder: "apiVersion: flagger.app/v1beta1\nkind: Canary\n…", spellcheck: false });
    this.drop = make("div", { className: "drop" },
      make("p", {}, make("strong", {}, "Drop your manifests here.")),
      make("p", {}, "A Flagger Canary, an Argo Rollout with its AnalysisTemplates, a Kayenta config, an Istio VirtualService, or a coalmine scenario with the files that it names."),
      make("p", { className: "buttons" }, make("label", { htmlFor: input, className: "button primary" }, "Choose files"), this.input,
        make("button", { type: "button", on: { click: () => this.#sample() } }, "Try it with a sample")));
    // Wherever on the page they fall.
    const isHere = (event) => !host.hidden && event.dataTransfer?.types.includes("Files");
    addEventListener("dragover", (event) => { if (isHere(event)) this.drop.classList.add("over"); });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) this.drop.classList.remove("over"); });
    addEventListener("drop", (event) => {
      this.drop.classList.remove("over");
      if (isHere(event)) this.#take(event.dataTransfer.files);
    });
    this.areas = new Map();
    this.problem = make("div", { className: "problem", role: "alert" });
    this.result = make("div", { className: "understood", hidden: true });
    fill(host,
      make("header", { className: "lead" }, make("h1", {}, "Your own rollout"),
        make("p", { className: "gist" }, "See what your gate would do, before production does. The files stay on this machine, in this page; none is written to the disk.")),
      this.drop,
      make("details", { className: "pasting" }, make("summary", {}, "Or paste one"),
        make("label", { htmlFor: area, className: "unseen" }, "Text of a manifest or a scenario"), this.paste,
        make("p", { className: "buttons" }, make("button", { type: "button", on: { click: () => this.#pasted() } }, "Read it"))),
      this.problem, this.result);
  }

  /** @param {import("./state.js").State} state */
  show(state) {
    const { setup } = state;
    const text = JSON.stringify(setup);
    if (text === this.shown) return;
    this.shown = text;
    if (!setup.files) {
      this.result.hidden = true;
      return;
    }
    this.#read(setup);
  }

  hide() {}

  async #take(list) {
    const files = [];
    for (const one of list) {
      if (one.size > this.limits.upload_bytes) {
        fill(this.problem, trouble(new Error(`${one.name} is too large: at most ${count(this.limits.upload_bytes / 1024)} KiB in all are read.`)));
        return;
      }
      files.push({ name: one.name, text: await one.text() });
    }
    this.input.value = "";
    if (files.length) this.#add(files);
  }

  #pasted() {
    const text = this.paste.value.trim();
    if (!text) return;
    const name = text.startsWith("{") ? "pasted.json" : /^\s*(\[|[a-z_]+\s*=)/m.test(text) && !/^kind:/m.test(text) ? "pasted.toml" : "pasted.yaml";
    this.#add([{ name, text: `${text}\n` }]);
  }

  /** Files beside those that are there; one of the same name is replaced. */
  #add(files) {
    const names = new Set(files.map((one) => one.name));
    const kept = this.#files().filter((one) => !names.has(one.name));
    const all = [...kept, ...files];
    if (all.length > this.limits.files) {
      fill(this.problem, trouble(new Error(`These would be ${all.length} files; at most ${this.limits.files} are read.`)));
      return;
    }
    fill(this.problem);
    this.store.update({ setup: { scenario: null, files: all }, good: null, replicate: 0, held: null }, { push: true });
  }

  /** The files as they are edited. */
  #files() {
    return (this.store.state.setup.files ?? []).map((one) => {
      const text = this.areas.get(one.name)?.value ?? one.text;
      if (text === one.text) return one;
      const original = one.original ?? one.text;
      return { name: one.name, text, original: text === original ? undefined : original };
    });
  }

  /** The setup with what is edited; the same object where nothing is. */
  #edited() {
    const { setup } = this.store.state;
    const files = this.#files();
    return files.some((one, i) => one !== setup.files[i]) ? { ...setup, files } : setup;
  }

  async #sample() {
    try {
      const { texts } = await json("/api/read", { body: { setup: { scenario: SAMPLE } } });
      this.#add(texts.filter(({ name }) => /\.ya?ml$/.test(name)).map(({ name, text }) => ({ name: name.split("/").pop(), text })));
    } catch (error) {
      fill(this.problem, trouble(error));
    }
  }

  async #read(setup) {
    this.reading?.abort();
    const { signal } = (this.reading = new AbortController());
    this.result.hidden = false;
    try {
      const understood = await json("/api/read", { body: { setup }, signal });
      fill(this.problem);
      this.#show(setup, understood);
    } catch (error) {
      if (isAborted(error)) return;
      fill(this.problem, make("h2", {}, "This is not understood yet"), trouble(error));
      this.#show(setup, null);
    }
  }

  #show(setup, understood) {
    fill(this.result, understood && this.#summary(setup, understood), this.#texts(setup, understood), understood && this.#account(understood));
    if (understood) say(document.getElementById("spoken"), `Understood: ${understood.rollout}`);
  }

  #summary(setup, understood) {
    const facts = [["Service", understood.world], ["Rollout", understood.rollout], ["Decided by", understood.controller],
      ["Percentages", understood.written_steps.map(percentage).join(" → ") || "–"], ["Cut off after", span(understood.horizon_seconds)]];
    const files = (path, name) => make("button", { type: "button", on: { click: (event) => this.#download(path, event.currentTarget) } }, name);
    this.taken = make("p", { className: "taken", role: "status" });
    return make("section", { className: "card" }, make("h2", {}, "What was understood"),
      make("dl", { className: "facts-list" }, ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])),
      ...understood.warnings.map((text) => make("p", { className: "warning" }, text)),
      make("p", { className: "buttons" },
        make("button", { type: "button", className: "primary", on: { click: () => this.store.update({ view: "play", setup: this.#edited() }, { push: true }) } }, "Play it"),
        understood.texts.length > 1 ? files("files", "Scenario and files (.zip)") : files("scenario", "Scenario (.toml)"), files("report", "Report (.html)"), files("patch", "Patch of the changes")),
      this.taken,
      make("p", { className: "help" }, `${this.#assumed(setup, understood)} are assumptions until you set them: do so in Play. What you move there, and what you edit below, is in the files and in the patch.`));
  }

  /** What none of the files says. */
  #assumed({ files }, { controller }) {
    // A split alone says who gets how much, not for how long or who looks.
    const isSplit = controller === "staged" && !files.some(({ name }) => name.endsWith(".toml"));
    return isSplit ? "Service, fault, steps and gate" : "Service and fault";
  }

  async #download(kind, button) {
    button.disabled = true;
    say(this.taken, kind === "report" ? "Simulating a few hundred rollouts for the report…" : "");
    try {
      const { blob, name } = await fetchFile(`/api/download/${kind}`, { setup: this.#edited() });
      keep(blob, name);
      say(this.taken, `${name} is ready.`);
    } catch (error) {
      say(this.taken, error.message);
    }
    button.disabled = false;
  }

  #texts(setup, understood) {
    const own = new Set(setup.files.map(({ name }) => name));
    const others = (understood?.texts ?? []).filter(({ name }) => !own.has(name));
    this.areas.clear();
    const editors = setup.files.map((one) => this.#editor(one));
    const shown = others.map(({ name, text }) => make("details", {}, make("summary", {}, `${name} (made from your files)`), make("pre", { tabIndex: 0 }, text)));
    return make("section", { className: "card" }, make("h2", {}, "The files"), ...editors, ...shown,
      make("p", { className: "buttons" }, make("button", { type: "button", className: "plain", on: { click: () => this.store.update({ setup: { scenario: "low-traffic" } }, { push: true }) } }, "Forget all of them")));
  }

  #editor({ name, text }) {
    const id = fresh("file");
    const area = make("textarea", { id, value: text, spellcheck: false, rows: Math.min(24, text.split("\n").length + 1) });
    const save = make("button", { type: "button", disabled: true, on: { click: () => this.store.change({ files: this.#files() }, { push: true }) } }, "Read it again");
    this.areas.set(name, area);
    area.addEventListener("input", () => { save.disabled = area.value === text; });
    const take = make("button", { type: "button", className: "plain", on: { click: () => keep(new Blob([area.value], { type: "text/plain" }), name) } }, "Keep this file");
    const forget = make("button", { type: "button", className: "plain", on: { click: () => {
      const files = this.#files().filter((one) => one.name !== name);
      this.store.update({ setup: files.length ? { ...this.store.state.setup, files } : { scenario: "low-traffic" } }, { push: true });
    } } }, "Remove");
    return make("details", { open: true, className: "file" }, make("summary", {}, name), make("label", { htmlFor: id, className: "unseen" }, `Text of ${name}`), area, make("p", { className: "buttons" }, save, take, forget));
  }

  #account({ account }) {
    if (!account.length) return null;
    const ignored = account.filter(({ outcome }) => outcome !== "used");
    const only = make("input", { type: "checkbox", id: fresh("only"), checked: ignored.length > 0, on: { change: () => rows() } });
    const body = make("tbody");
    const rows = () => fill(body, ...(only.checked ? ignored : account).map((one) => make("tr", { className: one.outcome },
      make("th", { scope: "row" }, make("code", {}, one.field || one.resource)), make("td", {}, OUTCOMES[one.outcome] ?? one.outcome),
      make("td", {}, [one.file, one.line && `line ${one.line}`].filter(Boolean).join(", ")), make("td", { className: "why-not" }, one.note))));
    rows();
    return make("section", { className: "card" }, make("h2", {}, "What became of every field"),
      make("p", {}, `${account.length - ignored.length} of ${account.length} decide something here. `, make("label", { htmlFor: only.id }, only, " only those that do not")),
      make("div", { className: "wide", tabIndex: 0, role: "region", aria: { label: "Fields of your files" } },
        make("table", { className: "account" }, make("thead", {}, make("tr", {}, ...["Field", "Outcome", "Where", "Why"].map((text) => make("th", { scope: "col" }, text)))), body)));
  }
}
