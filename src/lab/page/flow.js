/** @file The picture of the flow: users, splitter, two versions, and what came back. */

import { chance, each, hurtRequests, hurtUntil, CROSSING, HALF } from "./dots.js";
import { percentage, count } from "./format.js";

/** Names of the colours that the style sheet gives. */
const COLOURS = ["paper", "card", "ink", "quiet", "rule", "stable", "canary", "hurt", "good"];
/** Seconds on the wall in which the weight moves to its new place. */
const EASE = 0.5;

/** Draws a plan of dots on a canvas. */
export class Flow {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.scene = null;
    this.now = 0;
    this.speed = 1;
    this.recolour();
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.recolour(); this.draw(); });
    addEventListener("coalmine-theme", () => { this.recolour(); this.draw(); });
  }

  recolour() {
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.font = getComputedStyle(document.body).fontFamily;
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(box.width * scale);
    this.canvas.height = Math.round(box.height * scale);
    this.scale = scale;
    [this.width, this.height] = [box.width, box.height];
    this.draw();
  }

  /** @param {{plan: object, percentAt: (t: number) => {from: number, to: number, since: number}, failed?: boolean}} scene */
  show(scene) {
    this.scene = scene;
    this.draw();
  }

  /** @param {number} now Seconds of the rollout. @param {number} speed Times faster than the wall. */
  at(now, speed) {
    this.now = now;
    this.speed = speed;
    this.draw();
  }

  /** Where things stand, in pixels. */
  #places() {
    const { width: w, height: h } = this;
    const narrow = w < 480;
    const left = 10;
    const splitter = narrow ? w * 0.24 : w * 0.25;
    const box = { x: narrow ? w * 0.44 : w * 0.49, width: narrow ? w * 0.22 : w * 0.15 };
    const right = narrow ? w - 56 : w - 112;
    const stable = { y: 14, height: h * 0.5 - 14 };
    const canary = { y: h * 0.62, height: h * 0.3 };
    return { narrow, left, splitter, box, right, stable, canary, middle: h * 0.47, spread: h * 0.3 };
  }

  draw() {
    const { context: c, scene, width, height } = this;
    if (!width || !c) return;
    c.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    c.clearRect(0, 0, width, height);
    const p = this.#places();
    const weight = scene ? this.#weight() : 0;
    this.#stage(p, weight);
    if (!scene) return;
    const crossing = CROSSING * this.speed;
    each(scene.plan, this.now, crossing, (dot) => this.#dot(dot, p, crossing));
    this.#hurt(p, hurtUntil(scene.plan, this.now, crossing), hurtRequests(scene.plan, this.now, crossing));
  }

  /** The canary's share as drawn: on its way from the old to the new one. */
  #weight() {
    const { from, to, since } = this.scene.percentAt(this.now);
    const t = Math.min(1, Math.max(0, since / (EASE * this.speed)));
    const eased = 1 - (1 - t) ** 3;
    return from + (to - from) * eased;
  }

  #stage(p, weight) {
    const c = this.context;
    const k = this.colours;
    const top = p.middle - p.spread;
    const tall = p.spread * 2;
    const part = weight <= 0 ? 0 : Math.max(3, (tall * weight) / 100);
    const lane = (target, colour, share, from, to) => {
      if (to - from < 0.5) return;
      const y = target.y + target.height / 2;
      const half = Math.max(1.5, share * target.height * 0.76) / 2;
      const [x0, x1] = [p.splitter + 5, p.box.x];
      const bend = (x1 - x0) * 0.5;
      c.fillStyle = colour;
      c.globalAlpha = 0.13;
      c.beginPath();
      c.moveTo(x0, from);
      c.bezierCurveTo(x0 + bend, from, x1 - bend, y - half, x1, y - half);
      c.lineTo(p.right, y - half);
      c.lineTo(p.right, y + half);
      c.lineTo(x1, y + half);
      c.bezierCurveTo(x1 - bend, y + half, x0 + bend, to, x0, to);
      c.fill();
      c.globalAlpha = 1;
    };
    lane(p.stable, k.stable, 1 - weight / 100, top, top + tall - part);
    lane(p.canary, k.canary, weight / 100, top + tall - part, top + tall);
    // The splitter: a bar shared out.
    c.fillStyle = k.stable;
    c.fillRect(p.splitter - 5, top, 10, tall - part);
    c.fillStyle = k.canary;
    c.fillRect(p.splitter - 5, top + tall - part, 10, part);
    c.fillStyle = k.quiet;
    c.font = `13px ${this.font}`;
    c.textAlign = "center";
    c.fillText("splitter", p.splitter, top - 8);
    c.fillStyle = k.canary;
    c.font = `bold 14px ${this.font}`;
    c.fillText(percentage(Math.round(weight * 10) / 10), p.splitter, top + tall + 19);
    // The versions.
    for (const [name, target, colour] of [["stable", p.stable, k.stable], ["canary", p.canary, k.canary]]) {
      c.fillStyle = k.card;
      c.strokeStyle = colour;
      c.lineWidth = 2;
      c.beginPath();
      c.roundRect(p.box.x, target.y, p.box.width, target.height, 8);
      c.fill();
      c.stroke();
      c.fillStyle = colour;
      c.font = `bold ${p.narrow ? 13 : 15}px ${this.font}`;
      c.fillText(name, p.box.x + p.box.width / 2, target.y + target.height / 2 + 5);
    }
    c.textAlign = "left";
    c.font = `13px ${this.font}`;
    c.fillStyle = k.quiet;
    c.fillText("users", p.left, p.middle - p.spread - 8);
  }

  #dot({ canary, age, lane, failed, slow }, p, crossing) {
    const c = this.context;
    const k = this.colours;
    const target = canary ? p.canary : p.stable;
    const lift = (lane - 0.5) * target.height * 0.72;
    const end = target.y + target.height / 2 + lift;
    const start = p.middle + (chance(Math.round(lane * 1e6), 1) - 0.5) * p.spread * 1.8;
    let x;
    let y;
    let colour = k.quiet;
    const split = HALF * 0.48;
    if (age < split) {
      x = p.left + (age / split) * (p.splitter - p.left);
      y = start;
    } else if (age < HALF) {
      const t = (age - split) / (HALF - split);
      const smooth = t * t * (3 - 2 * t);
      x = p.splitter + t * (p.box.x - p.splitter);
      y = start + smooth * (end - start);
      colour = canary ? k.canary : k.stable;
    } else {
      const t = (age - HALF) / (1 - HALF);
      const out = p.box.x + p.box.width;
      // A request is inside for a part of its way, and not seen.
      if (t < 0.16) return;
      x = out + ((t - 0.16) / 0.84) * (p.right - out);
      y = end;
      colour = canary ? k.canary : k.stable;
      if (failed) return this.#cross(x, y, canary ? 5 : 4);
      if (slow) return this.#tail(x, y, canary ? k.canary : k.stable);
    }
    c.fillStyle = colour;
    c.beginPath();
    c.arc(x, y, canary && age >= split ? 3.4 : 2.5, 0, Math.PI * 2);
    c.fill();
  }

  #cross(x, y, r) {
    const c = this.context;
    c.strokeStyle = this.colours.hurt;
    c.lineWidth = 2.4;
    c.lineCap = "round";
    c.beginPath();
    c.moveTo(x - r, y - r);
    c.lineTo(x + r, y + r);
    c.moveTo(x - r, y + r);
    c.lineTo(x + r, y - r);
    c.stroke();
  }

  /** A slow answer drags a tail and is hollow. */
  #tail(x, y, colour) {
    const c = this.context;
    c.strokeStyle = colour;
    c.lineWidth = 1.6;
    c.beginPath();
    c.moveTo(x - 16, y);
    c.lineTo(x - 4, y);
    c.stroke();
    c.beginPath();
    c.arc(x, y, 3.4, 0, Math.PI * 2);
    c.stroke();
  }

  /** The hurt requests so far, one mark each, from the top. */
  #hurt(p, many, requests) {
    const c = this.context;
    const gap = 11;
    const left = p.right + 14;
    const across = Math.max(1, Math.floor((this.width - left - 4) / gap));
    const down = Math.floor((this.height - 58) / gap);
    const shown = Math.min(many, across * down);
    c.fillStyle = this.colours.quiet;
    c.font = `13px ${this.font}`;
    c.textAlign = "left";
    c.fillText("hurt", left - 4, 22);
    c.fillStyle = requests ? this.colours.hurt : this.colours.ink;
    c.font = `bold 17px ${this.font}`;
    c.fillText(count(requests), left - 4, 42, this.width - left + 2);
    for (let i = 0; i < shown; i += 1) {
      const [x, y] = [left + (i % across) * gap, 58 + Math.floor(i / across) * gap];
      if (this.scene.plan.slow) this.#ring(x, y);
      else this.#cross(x, y, 3);
    }
  }

  #ring(x, y) {
    const c = this.context;
    c.strokeStyle = this.colours.hurt;
    c.lineWidth = 1.8;
    c.beginPath();
    c.arc(x, y, 3, 0, Math.PI * 2);
    c.stroke();
  }
}
