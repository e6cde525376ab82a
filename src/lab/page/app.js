/** @file The page: rooms, links, colours. Begin here. */

import { fill, make, say } from "./dom.js";
import { json, takeToken } from "./api.js";
import { Store } from "./state.js";
import { Play } from "./play.js";
import { trouble } from "./trouble.js";

const TITLES = { play: "Play", lessons: "Lessons", lesson: "Lessons", own: "Your own", live: "Live", book: "Book" };
/** Rooms that are only fetched when somebody enters. */
const ROOMS = {
  lessons: () => import("./lessons.js").then((module) => module.Lessons),
  own: () => import("./own.js").then((module) => module.Own),
  live: () => import("./live.js").then((module) => module.Live),
  book: () => import("./book.js").then((module) => module.Book),
};

takeToken();
const store = new Store();
const rooms = new Map();
let catalog;
let shown = null;

async function room(name) {
  if (!rooms.has(name)) {
    const host = document.getElementById(name);
    const Kind = name === "play" ? Play : await ROOMS[name]();
    if (!rooms.has(name)) rooms.set(name, new Kind(host, store, catalog));
  }
  return rooms.get(name);
}

async function show(state, before) {
  const name = state.view === "lesson" ? "lessons" : state.view;
  if (shown && shown !== name) rooms.get(shown)?.hide();
  const moved = before && (before.view !== state.view || before.lesson !== state.lesson || before.book !== state.book || before.at !== state.at);
  shown = name;
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  for (const link of document.querySelectorAll("#rooms a")) {
    const here = link.dataset.view === name;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  refer();
  notice(state.notice);
  document.title = `${TITLES[state.view]} · coalmine lab`;
  if (moved) {
    scrollTo({ top: 0, behavior: "instant" });
    say(document.getElementById("spoken"), TITLES[state.view]);
  }
  const entered = await room(name);
  if (shown === name) entered.show(state);
}

/** Has the links to the rooms lead to the setting as it is now. */
function refer() {
  for (const link of document.querySelectorAll("#rooms a")) link.href = store.address(link.dataset.view);
}

/** Says what the link could not bring. @param {string|null|undefined} text */
function notice(text) {
  const place = document.getElementById("notice");
  place.hidden = !text;
  say(place, text ?? "");
}

/** A file that misses its place must not take the place of the page. */
function guardDrops() {
  for (const name of ["dragover", "drop"]) {
    addEventListener(name, (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  }
}

/** On paper everything is dark on white, pictures too. */
function guardPrints() {
  const root = document.documentElement;
  let before;
  const colour = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    dispatchEvent(new Event("coalmine-theme"));
  };
  addEventListener("beforeprint", () => { before = root.dataset.theme; colour("light"); });
  addEventListener("afterprint", () => colour(before));
}

function colours() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const words = { "": "as the system", light: "light", dark: "dark" };
  const tell = () => {
    const now = root.dataset.theme ?? "";
    button.setAttribute("aria-label", `Colours: ${words[now]}. Change`);
    button.title = `Colours: ${words[now]}`;
    fill(button, now === "dark" ? "☾" : now === "light" ? "☀" : "◐");
  };
  button.addEventListener("click", () => {
    // The other one first, then the system's own by name, then whatever the system has.
    const [own, other] = matchMedia("(prefers-color-scheme: dark)").matches ? ["dark", "light"] : ["light", "dark"];
    const next = { "": other, [other]: own, [own]: "" }[root.dataset.theme ?? ""];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try {
      if (next) localStorage.setItem("coalmine.theme", next);
      else localStorage.removeItem("coalmine.theme");
    } catch {
      // Nothing is kept then.
    }
    tell();
    dispatchEvent(new Event("coalmine-theme"));
  });
  tell();
}

async function start() {
  colours();
  guardDrops();
  guardPrints();
  const main = document.getElementById("main");
  document.getElementById("skip").addEventListener("click", () => main.focus());
  try {
    catalog = await json("/api/catalog");
  } catch (error) {
    fill(main, trouble(error));
    return;
  }
  say(document.getElementById("version"), `coalmine ${catalog.version}`);
  store.addEventListener("change", ({ detail }) => show(detail.state, detail.before).catch((error) => {
    fill(document.getElementById(shown), make("div", {}, trouble(error)));
    console.warn(error.message);
  }));
  store.addEventListener("address", refer);
  await store.open();
}

start();
