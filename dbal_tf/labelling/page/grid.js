// A grid of images like the current one: one key answers all that are selected.

import { get, imageUrl, post } from "./api.js";
import { dim, showClasses } from "./classes.js";
import { button, counted, find, make, notice, onPress, say } from "./dom.js";

const COUNT = 23;
/** A lease lasts two minutes, so one renewal may fail. */
const RENEW_SECONDS = 45;

/** @typedef {import("./api.js").Entry} Entry */

export class Grid {
  /** @type {Map<string, boolean>} Whether an item is selected. */
  #items = new Map();
  /** @type {Entry|null} */
  #entry = null;
  #opened = 0;

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {import("./keys.js").ClassKeys} keys
   * @param {() => void} close
   */
  constructor(desk, keys, close) {
    this.desk = desk;
    this.keys = keys;
    this.close = close;
    this.showKeys();
    onPress(find("grid-all"), () => this.#toggleAll());
    setInterval(() => this.#renew(), 1000 * RENEW_SECONDS);
    document.addEventListener("visibilitychange", () => this.#renew());
  }

  showKeys() {
    showClasses(find("grid-classes"), this.keys, (index) => this.answer(index));
    this.#count();
  }

  /** Shows the current image and those like it. */
  async open() {
    const entry = this.desk.feed.current;
    this.#entry = entry;
    this.#items = new Map(entry ? [[entry.item, true]] : []);
    this.#opened = performance.now();
    this.#show();
    if (!entry) return;
    find("grid-count").textContent = "Looking for images like this one …";
    try {
      const { items } = await get("/api/alike", { item: entry.item, count: COUNT });
      if (this.#entry !== entry) return;
      for (const item of items) if (!this.#items.has(item)) this.#items.set(item, true);
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.#show();
    say(`${counted(this.#items.size, "image")} to answer at once.`);
  }

  /** Renews the leases; images that others got meanwhile are left out. */
  async #renew() {
    const entry = this.#entry;
    const others = [...this.#items.keys()].filter((item) => item !== entry?.item);
    if (!entry || !others.length || document.hidden || find("grid").hidden) return;
    try {
      const annotator = this.desk.annotator();
      const { items } = await post("/api/renew", { items: others, annotator });
      const lost = others.filter((item) => !items.includes(item));
      if (this.#entry !== entry || !lost.length) return;
      for (const item of lost) this.#items.delete(item);
      this.#show();
    } catch {
      // The next renewal may succeed.
    }
  }

  /** @param {number} answer One class for all that are selected. */
  answer(answer) {
    const items = [...this.#items].filter(([, selected]) => selected).map(([item]) => item);
    if (!items.length || !this.#entry) return;
    const current = this.#entry;
    const entries = items.map((item) => (item === current.item ? current : { item, use: "query" }));
    this.desk.answer(entries, answer, (performance.now() - this.#opened) / 1000);
    this.#entry = null;
    this.close();
  }

  #show() {
    const found = this.#items.size > 1;
    find("grid-hint").textContent = !this.#entry
      ? "There is no image to label now."
      : found
        ? "Click an image to leave it out. Then one key labels all the others."
        : "";
    find("grid-all").hidden = !found;
    find("grid-tiles").replaceChildren(...[...this.#items.keys()].map((item) => this.#tile(item)));
    this.#count();
  }

  /** @param {string} item */
  #tile(item) {
    const image = make("img", { src: imageUrl(item, "thumb"), alt: item, draggable: false });
    const current = item === this.#entry?.item ? " current" : "";
    const pressed = this.#items.get(item);
    const properties = { className: `tile${current}`, title: item, "aria-pressed": pressed };
    const tile = button(
      properties,
      () => {
        const selected = !this.#items.get(item);
        this.#items.set(item, selected);
        tile.setAttribute("aria-pressed", String(selected));
        this.#count();
      },
      image,
    );
    return tile;
  }

  /** Selects all, or only the current image if all are selected. */
  #toggleAll() {
    const all = [...this.#items.values()].every(Boolean);
    for (const item of this.#items.keys()) {
      this.#items.set(item, !all || item === this.#entry?.item);
    }
    this.#show();
  }

  #count() {
    const selected = [...this.#items.values()].filter(Boolean).length;
    const text = `${counted(selected, "image")}, one label each`;
    find("grid-count").textContent = this.#entry ? text : "";
    dim(find("grid-classes"), selected === 0);
  }
}
