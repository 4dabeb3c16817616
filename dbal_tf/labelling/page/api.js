// Requests to the labelling program.

/**
 * @typedef {number|"skipped"|"unsure"} Answer A class by its number, or one of two states.
 * @typedef {{class: number, probs: number[]}} Prediction
 * @typedef {{item: string, use: string, rank?: number, prediction?: Prediction|null,
 *   previous?: Answer|null, answer?: Answer}} Entry An image that can be answered.
 * @typedef {Record<string, number>} Budget
 * @typedef {{id?: string, name: string, classes: string[], keys: string[],
 *   show_predictions: string, annotators: boolean, annotator?: string, budget: Budget,
 *   labels_per_hour: number|null, round: number|null, rounds: number, state: string,
 *   go_on?: string,
 *   advice: string|null}} Run
 * @typedef {{labels: number[], error: number[], low: number[], high: number[]}} Curve
 */

const SECONDS = 15;
const SIGNED_OUT = "This page is signed out. Open the address that the labelling program printed.";

/** The program refuses: the same request again would be refused again. */
export class Refused extends Error {
  /** @param {number} status @param {string} sentence */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** The program does not answer, or has a problem: the same request may succeed later. */
export class Unreachable extends Error {}

/**
 * @param {string} path
 * @param {Record<string, string|number>} [query]
 * @returns {Promise<any>}
 */
export function get(path, query = {}) {
  const texts = Object.entries(query).map(([name, value]) => [name, String(value)]);
  const search = new URLSearchParams(Object.fromEntries(texts)).toString();
  return send(search ? `${path}?${search}` : path, {});
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return send(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** @param {string} item @param {"full"|"thumb"} size */
export function imageUrl(item, size) {
  return `/image/${encodeURIComponent(item)}?size=${size}`;
}

/** Exchanges the token in the address for a cookie, and removes it from the address. */
export async function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  await post("/api/login", { token });
  history.replaceState(null, "", location.pathname);
}

/** @param {string} path @param {RequestInit} options */
async function send(path, options) {
  let response;
  let reply;
  try {
    const signal = AbortSignal.timeout(1000 * SECONDS);
    response = await fetch(path, { credentials: "same-origin", signal, ...options });
    reply = await response.json().catch(() => null);
  } catch {
    throw new Unreachable("The labelling program does not answer.");
  }
  if (response.ok && reply !== null) return reply;
  const { status } = response;
  if (status === 429 || status >= 500 || response.ok) throw new Unreachable(`status ${status}`);
  const sentence = reply?.error ?? `The program refused this (status ${status}).`;
  throw new Refused(status, status === 401 ? SIGNED_OUT : sentence);
}

/** A random UUID, version 4; crypto.randomUUID is missing where a page has no TLS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
