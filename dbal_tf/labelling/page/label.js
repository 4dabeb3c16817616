// Labelling one image after the other.

import { Refused } from "./api.js";
import { dim, markClasses, showClasses } from "./classes.js";
import { button, find, make, percent } from "./dom.js";
import { keyName } from "./keys.js";
import { hold } from "./pictures.js";
import { View } from "./view.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Entry} Entry
 */

const USES = /** @type {Record<string, string>} */ ({
  start: "To train the first network",
  reserve: "Extra image",
  test: "Test image",
  validation: "Validation image",
  unsure: "Asked again",
});

export class LabelView {
  view = new View();
  #watch = new Stopwatch();

  /**
   * @param {import("./desk.js").Desk} desk
   * @param {import("./keys.js").ClassKeys} keys
   * @param {(name: string) => void} go Shows another view.
   * @param {string} [goOn] How to start a run that is stopped.
   */
  constructor(desk, keys, go, goOn = "") {
    this.desk = desk;
    this.feed = desk.feed;
    this.keys = keys;
    this.go = go;
    this.goOn = goOn;
    this.showKeys();
    const act = (/** @type {string} */ text, /** @type {string} */ key, /** @type {() => void} */ run) =>
      button({}, run, make("kbd", { textContent: keyName(key) }), text);
    find("actions").append(
      act("Unsure", " ", () => this.answer("unsure")),
      act("Skip", "s", () => this.answer("skipped")),
      act("Undo", "u", () => this.desk.undo()),
    );
    this.feed.addEventListener("change", () => this.update());
    desk.addEventListener("change", () => this.#showLast());
  }

  /** Shows the class buttons with their current keys. */
  showKeys() {
    showClasses(find("classes"), this.keys, (index) => this.answer(index));
    markClasses(find("classes"), this.feed.current);
    this.#dim();
  }

  /** Whether the current image can be seen, and so be answered. */
  get ready() {
    const entry = this.feed.current;
    return entry !== null && this.view.shown === entry.item;
  }

  /** @param {Answer} answer */
  answer(answer) {
    const entry = this.feed.current;
    // An image that cannot be seen can only be skipped: its file may be gone.
    if (!entry || !(this.ready || answer === "skipped")) return;
    this.desk.answer([entry], answer, this.#watch.seconds);
    if (!this.feed.review) this.feed.refresh();
  }

  /** How long the current image has been seen. */
  get seconds() {
    return this.#watch.seconds;
  }

  /** Shows what is current. */
  async update() {
    const entry = this.feed.current;
    hold(this.feed.ahead);
    this.#describe(entry);
    this.#showReview();
    const fresh = entry?.item !== this.view.shown;
    const shown = this.view.show(entry?.item ?? null);
    this.#dim();
    if (!(await shown)) return;
    if (fresh) this.#watch.start();
    this.#dim();
  }

  /** Only an image that can be seen can be answered; skip and undo are always possible. */
  #dim() {
    dim(find("answers"), !this.ready, "#classes button, #actions > :first-child");
  }

  /** @param {Entry|null} entry */
  #describe(entry) {
    find("message").hidden = entry !== null;
    find("stage").classList.toggle("empty", entry === null);
    const use = entry ? (USES[entry.use] ?? "") : "";
    const before = entry?.answer ?? entry?.previous;
    const known = before === null || before === undefined ? "" : this.desk.nameOf(before);
    find("use").textContent = [use, known && `Answer so far: ${known}`].filter(Boolean).join(" · ");
    find("item").textContent = entry?.item ?? "";
    markClasses(find("classes"), entry);
    if (entry) return;
    const { title, text, links } = this.#nothing();
    find("#message h2").textContent = title;
    find("#message p").textContent = text;
    const over = ["done", "stopped"].includes(this.feed.state);
    find("message").classList.toggle("done", over && !this.feed.trouble);
    const buttons = links.map(([name, label]) => button({}, () => this.go(name), label));
    find("#message .row").replaceChildren(...buttons);
  }

  /** Why there is no image. @returns {{title: string, text: string, links: string[][]}} */
  #nothing() {
    const { trouble, state } = this.feed;
    if (trouble instanceof Refused) return { title: "No image can be loaded", text: trouble.message, links: [] };
    if (trouble) {
      const text = "Is it still running? The page keeps trying, and nothing is lost.";
      return { title: "The labelling program does not answer", text, links: [] };
    }
    if (state === "training") {
      const text = "New images will appear automatically.";
      return { title: "The network is being trained", text, links: [["progress", "Progress"]] };
    }
    if (state === "stopped") {
      const text = `All answers are saved. To train the network, start the run again. ${this.goOn}`;
      return { title: "The run is stopped", text, links: [["progress", "Progress"]] };
    }
    if (state === "done") {
      const links = [["progress", "Progress"], ["lists", "Check the answers"]];
      return { title: "Done", text: "The run is finished and needs no more labels.", links };
    }
    if (!this.feed.certain) return { title: "Loading", text: "One moment.", links: [] };
    const text =
      "Other people are labelling the open images, or the next ones are being chosen. " +
      "New images will appear automatically.";
    return { title: "No image to label now", text, links: [["lists", "Lists"]] };
  }

  #showReview() {
    const { review } = this.feed;
    const box = find("review");
    box.hidden = !review;
    if (!review) return;
    const place = `${review.length - review.entries.length + 1} of ${review.length}`;
    box.replaceChildren(
      make("strong", { textContent: `${review.title}: ${place}` }),
      button({}, () => this.feed.pass(), make("kbd", { textContent: "Enter" }), "Leave as it is"),
      button({}, () => this.feed.stop(), make("kbd", { textContent: "Esc" }), "Stop"),
    );
  }

  #showLast() {
    const { last } = this.desk;
    const box = find("last");
    if (!last) {
      box.replaceChildren();
      return;
    }
    const { entries, answer, prediction } = last;
    const many = entries.length > 1 ? ` (${entries.length} images)` : "";
    const said = prediction
      ? ` The model: ${this.desk.nameOf(prediction.class)}, ${percent(prediction.probs[prediction.class])}.`
      : "";
    const name = make("strong", { textContent: this.desk.nameOf(answer) });
    box.replaceChildren("Last answer: ", name, `${many}.${said}`);
  }
}

/** Measures the seconds for which an image was visible. */
class Stopwatch {
  #since = performance.now();
  #sum = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#sum += performance.now() - this.#since;
      this.#since = performance.now();
    });
  }

  start() {
    this.#sum = 0;
    this.#since = performance.now();
  }

  get seconds() {
    return (this.#sum + performance.now() - this.#since) / 1000;
  }
}
