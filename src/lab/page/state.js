/**
 * @file What the page shows, and the link that says it: everything after `#` is a list of `name=value`.
 *
 * A link carries a whole setting, own files included (packed), so that whoever opens it sees the same.
 * The part after `#` never leaves the browser.
 */

/** Fields of a setup that are one text. */
export const TEXTS = ["scenario", "gate", "rate", "errors", "latency", "canary_errors", "canary_latency", "onset", "seed"];
/** What is looked at of a setting. */
const VIEWS = ["play", "lessons", "lesson", "own", "live", "book"];
/** The scenario of a page that was opened without a link. */
export const FIRST = "low-traffic";
/** Longest list of files, packed, that still goes into a link. */
const LONGEST_PACK = 48_000;

/**
 * @typedef {object} Setup A service, its bad release and its rollout, as the server takes it.
 * @property {string|null} scenario
 * @property {{name: string, text: string}[]} [files]
 * @property {string} [rate]
 * @property {string} [errors]
 * @property {string} [latency]
 * @property {string} [canary_errors]
 * @property {string} [canary_latency]
 * @property {string} [onset]
 * @property {string} [seed]
 * @property {number[]} [percentages]
 * @property {string} [gate]
 * @property {string[]} [set]
 *
 * @typedef {object} State
 * @property {"play"|"lessons"|"lesson"|"own"|"live"|"book"} view
 * @property {string|null} lesson
 * @property {string|null} book
 * @property {string|null} at Heading of the page of the book.
 * @property {Setup} setup
 * @property {boolean|null} good Whether the release is as good as stable; `null`: as the lesson says, or else a bad one.
 * @property {number} replicate Whose luck.
 * @property {number|null} held Percentage at which the canary is held; 0: not at all; `null`: as the lesson says, or else not at all.
 * @property {string|null} [notice] What the link could not bring.
 */

/** @returns {State} */
export function fresh() {
  return { view: "play", lesson: null, book: null, at: null, setup: { scenario: FIRST }, good: null, replicate: 0, held: null };
}

/** The link of a state, with the files packed by `pack`. @param {State} state @param {string|null} [packed] */
export function link(state, packed = null) {
  const parts = [];
  const put = (name, value) => parts.push(`${name}=${escaped(String(value))}`);
  if (state.view === "lesson") put("lesson", state.lesson);
  else if (state.view === "book" && state.book) { put("book", state.book); if (state.at) put("at", state.at); }
  else if (state.view !== "play") parts.push(state.view);
  const setup = state.setup;
  for (const name of TEXTS) {
    const value = setup[name];
    if (value === undefined || value === null || value === "") continue;
    if (name === "scenario" && (state.view === "lesson" || state.view === "book" || state.view === "lessons")) continue;
    put(name, value);
  }
  if (setup.percentages?.length) put("percentages", setup.percentages.join(","));
  for (const change of setup.set ?? []) put("set", change);
  // A lesson has its own release and percentage, which a link may change.
  const isLesson = state.view === "lesson";
  if (state.good || (isLesson && state.good === false)) put("release", state.good ? "good" : "bad");
  if (state.replicate) put("replicate", state.replicate);
  if (state.held || (isLesson && state.held === 0)) put("held", state.held);
  if (packed && PLAYERS.includes(state.view)) put("files", packed);
  return `#${parts.join("&")}`;
}

function escaped(text) {
  return encodeURIComponent(text).replace(/%(2F|3A|3D|2C|40|5B|5D)/gi, (code) => decodeURIComponent(code));
}

/** The state of a link, but for its files. @param {string} hash @returns {{state: State, packed: string|null}} */
export function read(hash) {
  const state = fresh();
  const text = hash.replace(/^#/, "");
  let packed = null;
  if (text) {
    const set = [];
    for (const part of text.split("&")) {
      const at = part.indexOf("=");
      const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), unescaped(part.slice(at + 1))];
      if (at < 0 && VIEWS.includes(name)) state.view = name;
      else if (name === "lesson") [state.view, state.lesson] = ["lesson", value];
      else if (name === "book") [state.view, state.book] = ["book", value || null];
      else if (name === "at") state.at = value || null;
      else if (TEXTS.includes(name) && value) state.setup[name] = value;
      else if (name === "percentages") state.setup.percentages = value.split(",").map(Number).filter((n) => n > 0 && n <= 100);
      else if (name === "set" && value) set.push(value);
      else if (name === "release") state.good = value === "good" ? true : value === "bad" ? false : null;
      else if (name === "replicate") state.replicate = Math.max(0, Math.trunc(Number(value)) || 0);
      else if (name === "held") state.held = Number(value) >= 0 && value.trim() ? Math.min(100, Number(value)) : null;
      else if (name === "files") packed = value;
    }
    if (set.length) state.setup.set = set;
  }
  return { state, packed };
}

function unescaped(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", "%20"));
  } catch {
    return text;
  }
}

/** Files as a text for a link; `null` when they are too long for one. @param {{name: string, text: string}[]} files */
export async function pack(files) {
  if (!files?.length || typeof CompressionStream === "undefined") return null;
  const stream = new Blob([JSON.stringify(files)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bytes.length > LONGEST_PACK) return null;
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The files of a link. @param {string} packed @returns {Promise<{name: string, text: string}[]>} */
export async function unpack(packed) {
  const text = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const files = JSON.parse(await new Response(stream).text());
  const isFile = (file) => typeof file?.name === "string" && typeof file?.text === "string";
  if (!Array.isArray(files) || !files.length || !files.every(isFile)) throw new Error("These are no files.");
  return files;
}

/** What an address says of a setting: all but the room. @param {string} address */
function setting(address) {
  return address.replace(/^#/, "").split("&").filter((part) => !/^(play|lessons|own|live|book|lesson=.*|book=.*|at=.*)$/.test(part)).join("&");
}

/** The rooms that play the setting of the address. */
const PLAYERS = ["play", "own", "live"];
/** Milliseconds between two moves of a slider that are still one move. */
const ONE_MOVE = 1500;

/** The state of the page, its link, and who wants to know when it changes. */
export class Store extends EventTarget {
  constructor() {
    super();
    this.state = fresh();
    this.packed = null;
    /** The newest address, also while it waits to be written. */
    this.shown = "";
    /** What the address of a room that plays has said last. */
    this.kept = "";
    addEventListener("popstate", () => this.open());
    addEventListener("hashchange", () => { if (location.hash !== this.shown) this.open(); });
  }

  /** Takes the state from the address. */
  async open() {
    clearTimeout(this.writing);
    this.mover = null;
    const { state, packed } = read(location.hash);
    const asked = (this.shown = location.hash);
    if (packed) {
      try {
        state.setup = { ...state.setup, scenario: null, files: await unpack(packed) };
      } catch {
        // Changes of files that are not there would only be refused.
        state.setup = { scenario: FIRST };
        state.notice = "The files in this link cannot be read: was it cut short? What you see is not their rollout.";
      }
      if (asked !== location.hash) return;
      this.packed = state.setup.files ? packed : null;
    } else if (this.state.setup.files && !/[#&]scenario=/.test(location.hash)) {
      // Files too long for a link stay with the page.
      state.setup = { ...state.setup, scenario: null, files: this.state.setup.files };
    } else {
      this.packed = null;
    }
    this.#keep(state);
    this.#tell(state);
  }

  /** The address of a room: the setting comes along to the rooms that play it. @param {string} view */
  address(view) {
    const rest = PLAYERS.includes(view) ? this.kept : "";
    if (view === "play") return `#${rest || "play"}`;
    return `#${view}${rest ? `&${rest}` : ""}`;
  }

  /** Whether the link brings all that is shown: files may be too long for one. */
  async isWhole() {
    await this.packing;
    return !this.state.setup.files || !PLAYERS.includes(this.state.view) || this.packed !== null;
  }

  #keep(state) {
    if (PLAYERS.includes(state.view)) this.kept = setting(this.shown);
    this.dispatchEvent(new Event("address"));
  }

  /**
   * Changes the setup as a slider moves: one step for Back, however far it goes.
   * @param {Partial<Setup>} part
   * @param {string} mover What is moved.
   */
  move(part, mover) {
    const now = performance.now();
    const isSame = this.mover === mover && now - this.movedAt < ONE_MOVE;
    this.change(part, { push: !isSame });
    [this.mover, this.movedAt] = [mover, now];
  }

  /**
   * Changes a part of the state.
   * @param {Partial<State>} part
   * @param {{push?: boolean}} [how] `push`: a step that the browser's Back undoes.
   */
  update(part, { push = false } = {}) {
    const state = { ...this.state, ...part, notice: null };
    const files = state.setup.files;
    this.mover = null;
    if (files === this.state.setup.files) {
      this.#address(state, push);
    } else {
      this.packed = null;
      this.#address(state, push);
      if (files?.length) {
        this.packing = pack(files).then((packed) => {
          if (this.state.setup.files !== files) return;
          this.packed = packed;
          this.#address(this.state, false);
        });
      }
    }
    this.#tell(state);
  }

  /** Changes a part of the setup. @param {Partial<Setup>} part @param {{push?: boolean}} [how] */
  change(part, how) {
    const setup = { ...this.state.setup, ...part };
    for (const [name, value] of Object.entries(setup)) {
      if (value === undefined || value === "" || (Array.isArray(value) && !value.length)) delete setup[name];
    }
    this.update({ setup }, how);
  }

  #address(state, push) {
    const address = link(state, this.packed);
    clearTimeout(this.writing);
    this.shown = address;
    this.#keep(state);
    if (address === location.hash) return;
    // Browsers limit how often an address may change: a drag writes it once, at its end.
    if (push) history.pushState(null, "", address);
    else this.writing = setTimeout(() => history.replaceState(null, "", address), 150);
  }

  #tell(state) {
    const before = this.state;
    this.state = state;
    this.dispatchEvent(new CustomEvent("change", { detail: { before, state } }));
  }
}
