/** @file The book: one page for each subject. */

import { json } from "./api.js";
import { fill, make, rendered } from "./dom.js";

/** The room with the pages of the book. */
export class Book {
  /** @param {HTMLElement} host @param {import("./state.js").Store} store @param {{book: {subject: string, line: string}[]}} catalog */
  constructor(host, store, { book: pages }) {
    this.pages = pages;
    this.kept = new Map();
    this.links = new Map(pages.map(({ subject, line }) => [subject, make("a", { href: `#book=${subject}`, title: line }, subject)]));
    this.index = make("nav", { className: "contents", aria: { label: "Pages of the book" } },
      make("ul", {}, ...[...this.links.values()].map((link) => make("li", {}, link))));
    this.page = make("article", { className: "page", tabIndex: -1 });
    host.append(make("div", { className: "book-room" }, this.index, this.page));
  }

  /** Opens a page; without a subject the list of them. @param {import("./state.js").State} state */
  async show({ book: subject, at }) {
    this.asked = subject;
    for (const [name, link] of this.links) {
      if (name === subject) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!subject) {
      fill(this.page, make("h1", {}, "The book"),
        make("p", {}, "How each number is computed, what the gates promise, what can go wrong with a release, and what the files hold. In a terminal: ", make("code", {}, "coalmine docs"), "."),
        make("dl", { className: "pages" }, ...this.pages.flatMap(({ subject: name, line }) =>
          [make("dt", {}, make("a", { href: `#book=${name}` }, name)), make("dd", {}, line)])));
      return;
    }
    try {
      if (!this.kept.has(subject)) this.kept.set(subject, await json(`/api/book/${encodeURIComponent(subject)}`));
      if (this.asked !== subject) return;
      fill(this.page, rendered(this.kept.get(subject).html));
      const heading = at && document.getElementById(`book-${at}`);
      if (heading) {
        heading.scrollIntoView();
      } else {
        this.page.focus({ preventScroll: true });
        scrollTo({ top: 0, behavior: "instant" });
      }
    } catch (error) {
      if (this.asked === subject) fill(this.page, make("p", { className: "warning", role: "alert" }, error.message));
    }
  }

  hide() {}
}
