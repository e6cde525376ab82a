/** @file Requests to the lab's server. Every answer is JSON; every error says what would be valid. */

/** What the server refused, in its words. */
export class Refusal extends Error {
  /** @param {number} status @param {{error?: string, problems?: object[]}} body */
  constructor(status, body) {
    super(body.error ?? `The server answered ${status}.`);
    this.status = status;
    /** @type {{file?: string, line?: number, text?: string, message: string, help?: string}[]} */
    this.problems = body.problems ?? [];
  }
}

const page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (n) => n.toString(16).padStart(2, "0")).join("");

/** The token of the address that `coalmine lab` printed; it leaves the address at once. */
export function takeToken() {
  const found = /^#token=([0-9a-fA-F]+)(?:&(.*))?$/.exec(location.hash);
  if (!found) return;
  try {
    sessionStorage.setItem("coalmine.token", found[1]);
  } catch {
    kept = found[1];
  }
  history.replaceState(null, "", found[2] ? `#${found[2]}` : location.pathname);
}

let kept = null;
/** @returns {string|null} */
export function token() {
  try {
    return sessionStorage.getItem("coalmine.token") ?? kept;
  } catch {
    return kept;
  }
}

/** What every request says of itself. */
export function headers() {
  const names = { "X-Coalmine-Page": page };
  const pass = token();
  if (pass) names["X-Coalmine-Token"] = pass;
  return names;
}

/**
 * Asks the server.
 * @param {string} path
 * @param {{method?: string, body?: unknown, signal?: AbortSignal}} [how]
 */
export async function ask(path, { method, body, signal } = {}) {
  const request = { method: method ?? (body === undefined ? "GET" : "POST"), headers: headers(), signal };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { error: "The lab does not answer. Does coalmine lab still run?" });
  }
  if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})));
  return response;
}

/** The same, for its JSON. @param {string} path @param {object} [how] */
export async function json(path, how) {
  const response = await ask(path, how);
  return response.status === 204 ? null : response.json();
}

/** Whether an error only says that nobody waits for the answer any more. @param {unknown} error */
export function isAborted(error) {
  return error?.name === "AbortError";
}

/**
 * A file that the server makes.
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<{blob: Blob, name: string}>}
 */
export async function file(path, body) {
  const response = await ask(path, { body });
  const said = response.headers.get("Content-Disposition") ?? "";
  const name = /filename="?([^";]+)"?/.exec(said)?.[1] ?? path.split("/").pop();
  return { blob: await response.blob(), name };
}

/**
 * Asks about the latest of many values: while one answer is on its way, newer values wait, and only the
 * newest of them is asked about.
 */
export class Latest {
  /** @param {(value: unknown, signal: AbortSignal) => Promise<void>} work */
  constructor(work) {
    this.work = work;
    this.waiting = null;
    this.running = null;
  }

  /** @param {unknown} value @param {{now?: boolean}} [how] `now`: does not wait for the answer under way. */
  ask(value, { now = false } = {}) {
    if (this.running && !now) {
      this.waiting = { value };
      return;
    }
    this.stop();
    const running = (this.running = new AbortController());
    this.work(value, running.signal)
      .catch((error) => { if (!isAborted(error)) console.warn(error.message); })
      .finally(() => {
        if (this.running !== running) return;
        this.running = null;
        const next = this.waiting;
        this.waiting = null;
        if (next) this.ask(next.value);
      });
  }

  /** Gives up. */
  stop() {
    this.waiting = null;
    this.running?.abort();
    this.running = null;
  }
}
