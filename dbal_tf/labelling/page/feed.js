// What is to be labelled next: the images that the program has leased to this annotator,
// or a list that the annotator goes through again.

import { get } from "./api.js";

/** @typedef {import("./api.js").Entry} Entry */

/** The image on the page and the three behind it. */
const AHEAD = 4;

/** Dispatches "change" when the current image, or what is known about it, changes. */
export class Feed extends EventTarget {
  /** @type {Entry[]} */
  #queue = [];
  /** @type {{title: string, entries: Entry[], length: number}|null} */
  review = null;
  state = "";
  left = 0;
  /** Whether the last reply of the program had no image. */
  certain = false;
  /** Why the last request failed. @type {Error|null} */
  trouble = null;
  /**
   * When an answer was acknowledged, by item; Infinity until then. A list of images that
   * was asked for earlier may still hold that item, and must not bring it back.
   * @type {Map<string, number>}
   */
  #answered = new Map();
  #asking = false;
  /** Whether the image may stay when the next request follows; null if none is needed. */
  #again = /** @type {boolean|null} */ (null);

  /** @param {() => string} annotator */
  constructor(annotator) {
    super();
    this.annotator = annotator;
  }

  /** @returns {Entry[]} */
  get #line() {
    return this.review ? this.review.entries : this.#queue;
  }

  /** @returns {Entry|null} */
  get current() {
    return this.#line[0] ?? null;
  }

  /** The images to load. @returns {string[]} */
  get ahead() {
    return this.#line.slice(0, AHEAD).map(({ item }) => item);
  }

  /** The items were answered on this page. @param {string[]} items */
  answer(items) {
    for (const item of items) this.#answered.set(item, Infinity);
    const open = (/** @type {Entry} */ entry) => !items.includes(entry.item);
    this.#queue = this.#queue.filter(open);
    if (this.review) this.review.entries = this.review.entries.filter(open);
    this.certain = false;
    this.#endReview();
    this.#changed();
  }

  /** The program has saved the answers for these. @param {string[]} items */
  acknowledge(items) {
    for (const item of items) this.#answered.set(item, performance.now());
  }

  /** The answers for these do not count: they are open again. @param {string[]} items */
  reopen(items) {
    for (const item of items) this.#answered.delete(item);
  }

  /** Puts an image before all others. @param {Entry} entry */
  putFirst(entry) {
    this.reopen([entry.item]);
    const others = this.#line.filter(({ item }) => item !== entry.item);
    if (this.review) this.review.entries = [entry, ...others];
    else this.#queue = [entry, ...others];
    this.#changed();
  }

  /** Goes through a list. @param {string} title @param {Entry[]} entries */
  start(title, entries) {
    this.review = { title, entries: [...entries], length: entries.length };
    this.#endReview();
    this.#changed();
  }

  /** Leaves the image of a list as it is. */
  pass() {
    this.review?.entries.shift();
    this.#endReview();
    this.#changed();
  }

  /** Goes back from a list to the images that the program asks for. */
  stop() {
    this.review = null;
    this.#changed();
  }

  /**
   * Asks the program for images; this also renews their leases.
   *
   * @param {boolean} [keepCurrent] False if nobody was looking: another annotator may have
   *   got the image meanwhile.
   */
  async refresh(keepCurrent = true) {
    if (this.#asking) {
      this.#again = keepCurrent && (this.#again ?? true);
      return;
    }
    this.#asking = true;
    const asked = performance.now();
    const busy = [...this.#answered.values()].filter((time) => time === Infinity).length;
    try {
      const count = Math.min(AHEAD + busy, 32);
      const reply = await get("/api/next", { annotator: this.annotator(), count });
      this.#take(reply, asked, keepCurrent);
      this.trouble = null;
    } catch (error) {
      this.trouble = /** @type {Error} */ (error);
    }
    this.#asking = false;
    this.#changed();
    const again = this.#again;
    this.#again = null;
    if (again !== null) await this.refresh(again);
  }

  /** @param {{items: Entry[], left: number, state: string}} reply @param {number} asked
   * @param {boolean} keepCurrent */
  #take({ items, left, state }, asked, keepCurrent) {
    const current = keepCurrent ? this.#queue.slice(0, 1) : [];
    const open = items.filter(
      ({ item }) => item !== current[0]?.item && !((this.#answered.get(item) ?? -1) > asked),
    );
    // The image on the page stays there: the person may be about to press a key.
    this.#queue = [...current, ...open];
    this.certain = items.length === 0;
    this.left = left;
    this.state = state;
  }

  #endReview() {
    if (this.review && !this.review.entries.length) this.review = null;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
