// Answers on their way: sent one after the other, in the background, until the program
// has acknowledged each. The browser also keeps them, so that a reload loses none. Each
// has an id, so that none is saved twice.

import { Refused, post, uuid } from "./api.js";
import { forget, keep, kept, recall } from "./memory.js";

/**
 * @typedef {{key: string, path: string, body: {id: string, [name: string]: any},
 *   items: string[], tried: boolean, resolve: (reply: any) => void,
 *   reject: (error: Refused) => void, reply: Promise<any>}} Job
 */

const LONGEST_WAIT = 10_000;

/** Dispatches "change". */
export class Outbox extends EventTarget {
  /** @type {Job[]} */
  #jobs = [];
  #sending = false;
  #number = Date.now();
  #wake = () => {};
  /** Why answers cannot be sent; empty if the last attempt succeeded. */
  trouble = /** @type {""|"unreachable"|"signed out"} */ ("");

  /** @param {string} run The run's id; answers are kept under it, apart from other runs. */
  constructor(run) {
    super();
    this.prefix = `outbox/${run}/`;
    addEventListener("online", () => this.#wake());
  }

  /** How many answers the program has not acknowledged. */
  get waiting() {
    return this.#jobs.length;
  }

  /** Takes over the answers that an earlier page could not send. @returns {Job[]} */
  adopt() {
    for (const key of kept(this.prefix)) {
      const { path, body, items } = recall(key, {});
      if (path) this.#push(key, path, body, items, true);
    }
    this.#start();
    return [...this.#jobs];
  }

  /**
   * @param {string} path
   * @param {Record<string, any>} body
   * @param {string[]} items The images that the answer is for.
   * @returns {Job} Its `reply` fails only if the program refuses.
   */
  add(path, body, items) {
    const key = `${this.prefix}${String(this.#number++).padStart(15, "0")}`;
    const whole = { ...body, id: uuid() };
    keep(key, { path, body: whole, items });
    const job = this.#push(key, path, whole, items, false);
    this.#start();
    return job;
  }

  /** Takes back an answer if it was never sent. @param {Job} job @returns {boolean} */
  cancel(job) {
    if (job.tried || !this.#jobs.includes(job)) return false;
    this.#remove(job);
    return true;
  }

  /** Tries again at once, after the page was signed in. */
  resume() {
    this.#wake();
    this.#start();
  }

  /**
   * @param {string} key @param {string} path @param {Job["body"]} body
   * @param {string[]} items @param {boolean} tried
   */
  #push(key, path, body, items, tried) {
    const settle = { resolve: (/** @type {any} */ _) => {}, reject: (/** @type {any} */ _) => {} };
    const reply = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    const job = { key, path, body, items, tried, ...settle, reply };
    this.#jobs.push(job);
    this.#changed();
    return job;
  }

  /** @param {Job} job */
  #remove(job) {
    forget(job.key);
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  async #start() {
    if (this.#sending) return;
    this.#sending = true;
    let wait = 250;
    while (this.#jobs.length && (await this.#send(this.#jobs[0]))) {
      if (!this.trouble) {
        wait = 250;
        continue;
      }
      wait = Math.min(2 * wait, LONGEST_WAIT);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, wait);
        this.#wake = () => (clearTimeout(timer), resolve(null));
      });
    }
    this.#sending = false;
  }

  /** @param {Job} job @returns {Promise<boolean>} Whether to go on. */
  async #send(job) {
    job.tried = true;
    try {
      const reply = await post(job.path, job.body);
      this.trouble = "";
      this.#remove(job);
      job.resolve(reply);
    } catch (error) {
      if (!(error instanceof Refused)) {
        this.trouble = "unreachable";
      } else if (error.status === 401) {
        this.trouble = "signed out";
      } else {
        this.trouble = "";
        this.#remove(job);
        job.reject(error);
      }
      this.#changed();
    }
    return this.trouble !== "signed out";
  }
}
