/** @file What the gate sees, what it says, and why, tick by tick. */

import { make, fill, say } from "./dom.js";
import { millis, percentage, plural, span } from "./format.js";

/** A verdict's sign: never by colour alone. */
const SIGNS = { pass: ["✓", "pass"], fail: ["✗", "fail"], inconclusive: ["?", "cannot tell"], "": ["·", "no check"] };

/** A panel beside the flow. */
export class GatePanel {
  /** @param {(seconds: number) => void} jump Called with the time of a tick that the reader picks. */
  constructor(jump) {
    this.jump = jump;
    this.badge = make("p", { className: "verdict" });
    this.reason = make("p", { className: "reason" });
    this.figures = make("dl", { className: "figures" });
    this.looks = make("ul", { className: "looks" });
    this.more = make("details", { className: "why" }, make("summary", {}, "Every gate, its rule, and what would have changed it"), this.looks);
    this.log = make("ol", { className: "ticks", aria: { label: "Ticks of the rollout" } });
    this.element = make("aside", { className: "gate", aria: { label: "What the gate sees" } },
      make("h2", {}, "What the gate sees"), this.badge, this.reason, this.figures, this.more,
      make("h3", {}, "Tick by tick"), this.log);
    this.current = -2;
  }

  /** @param {{rows: object[], looks: object[]}} rollout */
  show(rollout) {
    this.rollout = rollout;
    this.current = -2;
    const buttons = rollout.rows.map((row) => {
      const [sign, word] = SIGNS[row.verdict] ?? SIGNS[""];
      return make("li", {}, make("button", { type: "button", className: `tick ${row.verdict}`, on: { click: () => this.jump(row.seconds) } },
        make("span", { className: "when" }, span(row.seconds)),
        make("span", { className: "sign", aria: { hidden: "true" } }, sign),
        make("span", { className: "what" }, make("span", { className: "unseen" }, `${word}: `),
          row.verdict ? shortened(row.reason) : row.phase, make("small", {}, ` ${percentage(row.weight)}`))));
    });
    fill(this.log, ...buttons);
    this.buttons = buttons.map((item) => item.firstChild);
  }

  /** Shows the tick that was last at `now`. @param {number} now Seconds. */
  at(now) {
    const rows = this.rollout?.rows ?? [];
    let index = -1;
    while (index + 1 < rows.length && rows[index + 1].seconds <= now + 1e-6) index += 1;
    if (index === this.current) return;
    this.current = index;
    this.buttons.forEach((button, i) => {
      button.parentElement.classList.toggle("later", i > index);
      if (i === index) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    // What is said above may leave the list less room: it scrolls when that stands.
    this.#tick(rows[index]);
    const button = this.buttons[index];
    if (button) this.log.scrollTop = button.offsetTop - this.log.offsetTop - (this.log.clientHeight - button.offsetHeight) / 2;
  }

  #tick(row) {
    const [sign, word] = SIGNS[row?.verdict ?? ""] ?? SIGNS[""];
    this.badge.className = `verdict ${row?.verdict || "none"}`;
    fill(this.badge, make("span", { className: "sign", aria: { hidden: "true" } }, sign), row?.verdict ? word : "waiting for the first check");
    say(this.reason, row?.reason ?? "");
    if (!row) return;
    const limit = row.success_limit === null ? "" : `at least ${percentage(row.success_limit)}`;
    const ceiling = row.p99_limit === null ? "" : `at most ${millis(row.p99_limit)}`;
    const figures = [
      ["Canary’s share", percentage(row.weight), row.phase],
      ["Requests seen", `${Math.round(row.canary_requests).toLocaleString("en")}`, row.failures ? plural(row.failures, "failed check") : ""],
      ["Success, canary", ratio(row.canary_success), limit],
      ["Success, stable", ratio(row.stable_success), ""],
      ["p99, canary", millis(row.canary_p99), ceiling],
      ["p99, stable", millis(row.stable_p99), ""],
    ];
    fill(this.figures, ...figures.flatMap(([name, value, note]) => [make("dt", {}, name), make("dd", {}, value, note && make("small", {}, ` ${note}`))]));
    const looks = this.rollout.looks.filter((look) => Math.abs(look.seconds - row.seconds) < 1e-6);
    this.more.hidden = !looks.length;
    fill(this.looks, ...looks.slice(0, 40).map(told));
  }
}

function told(look) {
  const [sign, word] = SIGNS[look.verdict] ?? SIGNS[""];
  return make("li", { className: look.verdict },
    make("strong", {}, make("span", { className: "sign", aria: { hidden: "true" } }, sign), ` ${look.name}: ${word}`),
    make("span", {}, look.reason || `${look.value || "no figure"}${look.requests === null ? "" : ` over ${plural(Math.round(look.requests), "request")}`} · ${look.rule}`),
    look.change && make("small", {}, look.change));
}

function ratio(value) {
  return value === null ? "no data" : `${value.toFixed(2)}\u00a0%`;
}

function shortened(text) {
  return text.length > 60 ? `${text.slice(0, 58)}…` : text;
}
