// Lists of answers to look at again.

import { get, imageUrl } from "./api.js";
import { button, counted, find, make, notice, onPress, percent } from "./dom.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {{item: string, answer: Answer, annotator: string,
 *   prediction?: import("./api.js").Prediction|null, use?: string}} Row
 */

const PAGE = 48;
const LISTS = /** @type {Record<string, {title: string, hint: string, start: string}>} */ ({
  disagreements: {
    title: "The model disagrees",
    hint: "The answers that the model finds least likely come first. Check them for mistakes.",
    start: "Go through these",
  },
  unsure: { title: "Unsure", hint: "Images to label when you know more.", start: "Label these now" },
  skipped: { title: "Skipped", hint: "Images that are not used.", start: "Label these now" },
  answered: { title: "Answered", hint: "All answers, newest first.", start: "" },
  conflicts: {
    title: "Conflicts",
    hint: "Images for which annotators gave different answers.",
    start: "Go through these",
  },
});

export class Lists {
  #which = "disagreements";
  /** @type {Row[]} */
  #rows = [];
  #total = 0;
  #more = false;

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {() => void} close Shows the large image.
   */
  constructor(desk, close) {
    this.desk = desk;
    this.close = close;
    onPress(find("lists-more"), () => this.#load(this.#rows.length));
    onPress(find("lists-start"), () => this.#start(0));
    const tabs = Object.entries(LISTS).map(([which, { title }]) =>
      button({ "data-which": which }, () => this.open(which), title),
    );
    find("lists-tabs").append(...tabs);
  }

  /** @param {string} [which] The list; the one shown before if none is given. */
  async open(which = this.#which) {
    this.#which = which;
    for (const tab of find("lists-tabs").children) {
      tab.setAttribute("aria-pressed", String(tab.getAttribute("data-which") === which));
    }
    this.#rows = [];
    this.#total = 0;
    await this.#load(0);
  }

  /** @param {number} offset */
  async #load(offset) {
    const which = this.#which;
    try {
      const { items, total } = await get("/api/list", { which, offset, count: PAGE });
      if (which !== this.#which) return;
      this.#rows = [...this.#rows.slice(0, offset), ...items];
      this.#total = total;
      this.#more = items.length === PAGE;
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
    this.#show();
  }

  /** Answers by item; of several, the first is in force. @returns {Map<string, Row[]>} */
  #grouped() {
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    for (const row of this.#rows) groups.set(row.item, [...(groups.get(row.item) ?? []), row]);
    return groups;
  }

  #show() {
    const { hint, start } = LISTS[this.#which];
    const groups = [...this.#grouped().values()];
    const number = counted(this.#total, "image");
    find("lists-hint").textContent = this.#total ? `${number}. ${hint}` : "This list is empty.";
    find("lists-start").textContent = start;
    find("lists-start").hidden = !start || !groups.length;
    find("lists-tiles").replaceChildren(...groups.map((rows, index) => this.#tile(rows, index)));
    find("lists-more").hidden = !this.#more || groups.length >= this.#total;
  }

  /** @param {Row[]} rows @param {number} index */
  #tile(rows, index) {
    const [{ item, prediction }] = rows;
    const image = make("img", { src: imageUrl(item, "thumb"), alt: "", draggable: false });
    const given = rows.map(({ answer, annotator }) => {
      const name = this.desk.nameOf(answer);
      return make("strong", { textContent: rows.length > 1 ? `${annotator}: ${name}` : name });
    });
    const model = prediction
      ? `model: ${this.desk.nameOf(prediction.class)} ${percent(prediction.probs[prediction.class])}`
      : "";
    const differs = prediction && prediction.class !== rows[0].answer ? "differs" : "";
    const small = make("small", { textContent: model, className: differs });
    const text = make("span", {}, ...given, small);
    return button({ className: "tile", title: item }, () => this.#start(index), image, text);
  }

  /** Goes through the list from one image on. @param {number} from */
  #start(from) {
    const groups = [...this.#grouped().values()].slice(from);
    const entries = groups.map(([{ item, answer, prediction, use = "" }]) => ({
      item,
      use,
      answer,
      prediction,
    }));
    this.desk.feed.start(LISTS[this.#which].title, entries);
    this.close();
  }
}
