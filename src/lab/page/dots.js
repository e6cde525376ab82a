/**
 * @file Where every dot is at an instant of a rollout: a pure function of time.
 *
 * A rollout falls into stretches between ticks, in which the canary's share stays. Each has so many
 * dots for each version, at places that only their number decides, so that scrubbing back shows the
 * same picture. What a canary's dots met is what its requests met in that stretch.
 */

/** Most dots on their way at once. */
const MOST = 420;
/** Seconds on the wall that a dot takes across the picture. */
export const CROSSING = 3;

/** A number from 0 to 1 that looks like chance, but is always the same for the same three. */
export function chance(a, b, c = 0) {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x165667b1, 0xc2b2ae35) ^ Math.imul(c + 0x27d4eb2f, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

/** How many requests a dot stands for at this rate and speed. @param {number} rate per second @param {number} speed */
export function size(rate, speed, most = MOST) {
  const least = (rate * speed * CROSSING) / most;
  if (!(least > 1)) return 1;
  const ten = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= least) ?? 10 * ten;
}

/**
 * @typedef {object} Stretch
 * @property {number} index
 * @property {number} from Seconds.
 * @property {number} to Seconds.
 * @property {number} percent The canary's share.
 * @property {number} stable Dots.
 * @property {number} canary Dots.
 * @property {number} requests Requests of the canary that fail or are slowed.
 * @property {Set<number>} hurt Which of the canary's dots fail or are slowed.
 * @property {number} [stableShare] Of stable's requests, those that what the canary left behind fails.
 * @property {number} lag How much longer the canary's answers take than stable's, as a ratio.
 *
 * @typedef {object} Plan
 * @property {Stretch[]} stretches
 * @property {number} size Requests of a dot.
 * @property {number} [before] Requests that were hurt before the first stretch.
 * @property {number} errors Share of stable's requests that fail.
 * @property {boolean} slow Whether the canary's hurt requests are slow, not failed.
 */

/**
 * Dots for each stretch of a rollout.
 * @param {{from: number, to: number, percent: number, canary: number|null, hurt: number|null, share?: number, stableShare?: number, lag: number}[]} parts
 *   `canary` and `hurt` are requests; `null` where only the percentage is known. `share`: of the hurt, where that is known.
 * @param {{rate: number, size: number, errors: number, probability: number, slow: boolean}} world
 * @returns {Plan}
 */
export function plan(parts, { rate, size, errors, probability, slow }) {
  let owed = 0;
  const stretches = parts.map((part, index) => {
    const requests = rate * (part.to - part.from);
    const exact = (part.canary ?? (requests * part.percent) / 100) / size + owed;
    const canary = Math.round(exact);
    owed = exact - canary;
    const share = part.share ?? (part.canary === null ? probability : part.canary ? part.hurt / part.canary : 0);
    return {
      index: part.index ?? index,
      from: part.from,
      to: part.to,
      percent: part.percent,
      stable: Math.round((requests * (100 - part.percent)) / 100 / size),
      canary,
      requests: (part.hurt !== null && part.canary !== null ? part.hurt : ((part.canary ?? (requests * part.percent) / 100) * share))
        + (part.stableShare ?? 0) * requests * (1 - part.percent / 100),
      stableShare: part.stableShare,
      hurt: chosen(canary, share, part.index ?? index),
      lag: part.lag,
    };
  });
  return { stretches, size, errors, slow };
}

/** Which of `n` dots are hurt: as many as the share says, at places that look like chance. */
function chosen(n, share, index) {
  const hits = n * share;
  // The fraction that is left over becomes a dot as often as it should.
  const many = Math.min(n, Math.floor(hits) + (chance(index, 71) < hits % 1 ? 1 : 0));
  if (many === 0) return new Set();
  if (many === n) return new Set(Array(n).keys());
  const ranked = Array.from({ length: n }, (_, dot) => [chance(dot, index, 7), dot]).sort((a, b) => a[0] - b[0]);
  return new Set(ranked.slice(0, many).map(([, dot]) => dot));
}

/**
 * Calls `draw` for every dot on its way at `now`: its version, how far it is (0 to 1), its lane, whether
 * it fails, whether it is slow.
 * @param {Plan} plan
 * @param {number} now Seconds.
 * @param {number} crossing Seconds of the rollout that a dot takes.
 * @param {(dot: {canary: boolean, age: number, lane: number, failed: boolean, slow: boolean}) => void} draw
 */
export function each(plan, now, crossing, draw) {
  const longest = crossing * 2;
  for (const stretch of plan.stretches) {
    if (stretch.to < now - longest || stretch.from > now) continue;
    walk(stretch, stretch.stable, now, longest, (dot, since) => {
      const failed = chance(dot, stretch.index, 3) < (stretch.stableShare ?? plan.errors);
      const late = chance(dot, stretch.index, 9);
      emit(plan, draw, stretch, { canary: false, dot, since, failed, slow: late > 0.985, pace: 1 + 0.18 * late }, crossing);
    });
    walk(stretch, stretch.canary, now, longest, (dot, since) => {
      const hurt = stretch.hurt.has(dot);
      const late = chance(dot, stretch.index, 10);
      const slow = (plan.slow && hurt) || late > 0.985;
      const drag = plan.slow && hurt ? 0.55 : 0.18 * late * Math.max(1, Math.min(3, stretch.lag));
      emit(plan, draw, stretch, { canary: true, dot, since, failed: hurt && !plan.slow, slow, pace: 1 + drag }, crossing);
    });
  }
}

function walk(stretch, dots, now, longest, take) {
  if (!dots) return;
  const gap = (stretch.to - stretch.from) / dots;
  const first = Math.max(0, Math.floor((now - longest - stretch.from) / gap) - 1);
  const last = Math.min(dots - 1, Math.ceil((now - stretch.from) / gap));
  for (let dot = first; dot <= last; dot += 1) {
    const due = stretch.from + (dot + chance(dot, stretch.index, dots)) * gap;
    if (due <= now) take(dot, now - due);
  }
}

function emit(plan, draw, stretch, { canary, dot, since, failed, slow, pace }, crossing) {
  const age = since / crossing;
  // Only the way from the service on is slower.
  const way = age <= HALF ? age : HALF + (age - HALF) / (1 + (pace - 1) / (1 - HALF));
  if (way < 1) draw({ canary, age: way, lane: chance(dot, stretch.index, canary ? 5 : 6), failed, slow });
}

/** How far a dot is when its service has it. */
export const HALF = 0.55;
/** How far it is when it counts as answered. */
export const ANSWERED = 0.8;

/** Requests of the canary that were hurt by `now`, as far as their answers have come. @param {Plan} plan @param {number} now @param {number} crossing */
export function hurtRequests(plan, now, crossing) {
  const end = now - crossing * ANSWERED;
  let sum = plan.before ?? 0;
  for (const { from, to, requests } of plan.stretches) {
    if (from < end) sum += requests * Math.min(1, (end - from) / (to - from));
  }
  return Math.round(sum);
}

/** Hurt dots of the canary that were answered by `now`. @param {Plan} plan @param {number} now @param {number} crossing */
export function hurtUntil(plan, now, crossing) {
  let sum = Math.round((plan.before ?? 0) / plan.size);
  for (const stretch of plan.stretches) {
    const end = now - crossing * ANSWERED;
    if (stretch.stableShare) {
      const passed = Math.min(1, Math.max(0, (end - stretch.from) / (stretch.to - stretch.from)));
      sum += Math.round(passed * stretch.stable * stretch.stableShare);
    }
    if (stretch.to <= end) {
      sum += stretch.hurt.size;
    } else if (stretch.from < end) {
      const gap = (stretch.to - stretch.from) / Math.max(1, stretch.canary);
      for (const dot of stretch.hurt) {
        if (stretch.from + (dot + chance(dot, stretch.index, stretch.canary)) * gap <= end) sum += 1;
      }
    }
  }
  return sum;
}
