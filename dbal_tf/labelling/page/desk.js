// Giving answers and taking them back.

import { notice, say } from "./dom.js";

/** Most seconds per answer: a page that was left open for longer says nothing about the work. */
const DAY = 86_400;

/**
 * @typedef {import("./api.js").Entry} Entry
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Prediction} Prediction
 * @typedef {import("./outbox.js").Job} Job
 * @typedef {{entries: Entry[], answer: Answer, job: Job, prediction?: Prediction|null}} Given
 */

/** Dispatches "change" when the last answer changes, and "saved". */
export class Desk extends EventTarget {
  /** The answers that this page gave, newest last. @type {Given[]} */
  history = [];

  /**
   * @param {import("./feed.js").Feed} feed
   * @param {import("./outbox.js").Outbox} outbox
   * @param {() => string} annotator
   * @param {(answer: Answer) => string} nameOf
   */
  constructor(feed, outbox, annotator, nameOf) {
    super();
    this.feed = feed;
    this.outbox = outbox;
    this.annotator = annotator;
    this.nameOf = nameOf;
  }

  /** The last answer of this page. @returns {Given|undefined} */
  get last() {
    return this.history.at(-1);
  }

  /**
   * Gives one or several images an answer; the page goes on at once.
   *
   * @param {Entry[]} entries
   * @param {Answer} answer
   * @param {number} seconds How long the annotator saw them.
   */
  answer(entries, answer, seconds) {
    const items = entries.map(({ item }) => item);
    const rounded = Math.min(Math.round(100 * seconds) / 100, DAY);
    const body = { answer, annotator: this.annotator(), seconds: rounded };
    const job =
      items.length === 1
        ? this.outbox.add("/api/answer", { item: items[0], ...body }, items)
        : this.outbox.add("/api/answers", { items, ...body }, items);
    const given = { entries, answer, job };
    this.history.push(given);
    say(`${items.length > 1 ? `${items.length} images` : "Answered"}: ${this.nameOf(answer)}.`);
    this.feed.answer(items);
    this.#changed();
    this.#settle(given);
  }

  /** Forgets the answers of this page for the next person, who can undo only their own. */
  leave() {
    this.history = [];
    this.#changed();
  }

  /** Takes back the last answer, even one that was given before this page was opened. */
  async undo() {
    const last = this.history.pop();
    this.#changed();
    if (last && this.outbox.cancel(last.job)) {
      this.#offer(last);
      return;
    }
    // The image is shown at once; the request is sent in order with the answers.
    const items = last?.entries.map(({ item }) => item) ?? [];
    const job = this.outbox.add("/api/undo", { items, annotator: this.annotator() }, []);
    if (last) this.#offer(last);
    try {
      const { item, use = "query", previous = null } = await job.reply;
      const same = last?.entries.some((entry) => entry.item === item);
      if (item === null) notice("You have no answer to take back.");
      else if (!same) this.feed.putFirst({ item, use, previous });
      this.dispatchEvent(new Event("saved"));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.feed.refresh();
  }

  /** @param {Given} given */
  #offer({ entries, answer }) {
    this.feed.reopen(entries.map(({ item }) => item));
    this.feed.putFirst({ ...entries[0], previous: answer });
    say(`Taken back: ${this.nameOf(answer)}.`);
    if (entries.length > 1) notice(`The answers for ${entries.length} images were taken back.`);
  }

  /** @param {Given} given */
  async #settle(given) {
    const { items, reply } = given.job;
    try {
      const { prediction } = await reply;
      this.feed.acknowledge(items);
      given.prediction = prediction;
      this.dispatchEvent(new Event("saved"));
    } catch (error) {
      // The image is open again, and is shown when the program offers it.
      this.feed.reopen(items);
      this.history = this.history.filter((other) => other !== given);
      notice(`“${this.nameOf(given.answer)}” was not saved: ${/** @type {Error} */ (error).message}`);
    }
    this.#changed();
    this.feed.refresh();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
