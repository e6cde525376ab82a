/** @file What the server refused, shown: file, line, what is wrong, what would be valid. */

import { make } from "./dom.js";

/** @param {Error & {problems?: object[]}} error @returns {HTMLElement} */
export function trouble(error) {
  const problems = error.problems ?? [];
  if (!problems.length) return make("p", { className: "warning" }, error.message);
  return make("div", { className: "warning" }, make("ul", { className: "troubles" }, ...problems.map((problem) =>
    make("li", {},
      make("strong", {}, problem.message),
      make("span", { className: "where" }, [problem.file, problem.line ? `line ${problem.line}` : ""].filter(Boolean).join(", ")),
      problem.text && make("code", { className: "line" }, problem.text),
      problem.help && make("small", {}, problem.help)))));
}
