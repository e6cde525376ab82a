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
    link.href = address(link.dataset.view, state);
  }
  document.title = `${TITLES[state.view]} · coalmine lab`;
  if (moved) {
    scrollTo({ top: 0, behavior: "instant" });
    say(document.getElementById("spoken"), TITLES[state.view]);
  }
  const entered = await room(name);
  if (shown === name) entered.show(state);
}

/** The address of a room: the setting comes along to the rooms that play it. */
function address(view, state) {
  const text = location.hash.replace(/^#/, "").split("&").filter((part) => !/^(play|lessons|own|live|book|lesson=.*|book=.*|at=.*)$/.test(part)).join("&");
  const carries = ["play", "own", "live"].includes(view) && ["play", "own", "live"].includes(state.view);
  const rest = carries ? text : "";
  if (view === "play") return `#${rest || "play"}`;
  return `#${view}${rest ? `&${rest}` : ""}`;
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
    const next = { "": matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark", light: "dark", dark: "light" }[root.dataset.theme ?? ""];
    root.dataset.theme = next;
    try {
      localStorage.setItem("coalmine.theme", next);
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
  await store.open();
}

start();
