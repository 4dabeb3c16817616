// Signing in, and the requests that the page repeats by itself.

import { Refused, get, signIn } from "./api.js";
import { notice } from "./dom.js";
import { showRun } from "./status.js";

const SECONDS = { run: 5, waiting: 2, lease: 45, away: 60 };

/**
 * Repeats a request until the program answers.
 *
 * @template T
 * @param {() => Promise<T>} request
 * @returns {Promise<T>}
 */
async function persistently(request) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof Refused) {
        notice(error.message);
        throw error;
      }
      notice("The labelling program does not answer. The page keeps trying.");
      await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS.waiting));
    }
  }
}

/** Signs in by the address and reads the run. @returns {Promise<import("./api.js").Run>} */
export async function open() {
  await persistently(signIn);
  const run = await persistently(() => get("/api/run"));
  notice("");
  return run;
}

/** Keeps the page up to date. */
export class Session {
  #reading = false;
  #readAgain = false;
  #left = 0;
  #asked = 0;

  /**
   * @param {import("./feed.js").Feed} feed
   * @param {import("./outbox.js").Outbox} outbox
   */
  constructor(feed, outbox) {
    this.feed = feed;
    this.outbox = outbox;
  }

  /** Reads the progress of the run. */
  async refresh() {
    // Answers come faster than anyone reads these numbers.
    if (this.#reading) {
      this.#readAgain = true;
      return;
    }
    this.#reading = true;
    setTimeout(() => this.#rested(), 1000);
    try {
      showRun(await get("/api/run"));
      if (this.outbox.trouble === "signed out") this.outbox.resume();
    } catch (error) {
      if (error instanceof Refused) notice(error.message);
    }
  }

  /** Keeps asking for images while there are none, renews their leases, and reads the run. */
  watch() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#left = performance.now();
      else this.feed.refresh(performance.now() - this.#left < 1000 * SECONDS.away);
    });
    // The program was started again, and its address opened in this tab.
    addEventListener("hashchange", async () => {
      await open();
      this.outbox.resume();
      this.feed.refresh();
    });
    addEventListener("beforeunload", (event) => {
      if (this.outbox.waiting) event.preventDefault();
    });
    setInterval(() => document.hidden || this.#ask(), 500);
    setInterval(() => document.hidden || this.refresh(), 1000 * SECONDS.run);
  }

  #rested() {
    this.#reading = false;
    if (this.#readAgain) this.refresh();
    this.#readAgain = false;
  }

  #ask() {
    const due = this.feed.current ? SECONDS.lease : SECONDS.waiting;
    if (performance.now() - this.#asked < 1000 * due) return;
    this.#asked = performance.now();
    this.feed.refresh();
  }
}
