// The labelling page: connects its parts.

import { Refused, get } from "./api.js";
import { drawCurve } from "./curve.js";
import { Desk } from "./desk.js";
import { askName, openHelp, openKeys } from "./dialogs.js";
import { find, notice, onPress } from "./dom.js";
import { Feed } from "./feed.js";
import { Grid } from "./grid.js";
import { ClassKeys } from "./keys.js";
import { LabelView } from "./label.js";
import { Lists } from "./lists.js";
import { keep, recall } from "./memory.js";
import { Outbox } from "./outbox.js";
import { Session, open } from "./session.js";
import { listen } from "./shortcuts.js";
import { showRun, showSaving } from "./status.js";

class Page {
  view = "label";

  /** @param {import("./api.js").Run} run */
  constructor(run) {
    const id = run.id ?? run.name;
    this.run = run;
    this.name = run.annotators ? recall("annotator", "") : (run.annotator ?? "");
    this.outbox = new Outbox(id);
    this.feed = new Feed(() => this.name);
    this.keys = new ClassKeys(id, run.classes, run.keys);
    const desk = new Desk(this.feed, this.outbox, () => this.name, (answer) => nameOf(run, answer));
    this.desk = desk;
    this.label = new LabelView(desk, this.keys, (name) => this.show(name), run.go_on);
    this.grid = new Grid(desk, this.keys, () => this.show("label"));
    this.lists = new Lists(desk, () => this.show("label"));
    this.session = new Session(this.feed, this.outbox);
    desk.addEventListener("saved", () => this.session.refresh());
    this.outbox.addEventListener("change", () => showSaving(this.outbox));
    this.#connect();
  }

  async start() {
    showRun(this.run);
    if (this.run.annotators && !this.name) await this.rename();
    this.#sendLeftOver();
    showSaving(this.outbox);
    listen(this);
    await this.feed.refresh();
    this.session.watch();
  }

  /** @param {string} name The view to show. */
  show(name) {
    this.view = name;
    for (const section of document.querySelectorAll("main > section")) {
      /** @type {HTMLElement} */ (section).hidden = section.id !== name;
    }
    for (const tab of document.querySelectorAll("nav button")) {
      if (tab.getAttribute("data-view") === name) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    if (name === "label") return;
    find(`${name}-title`).focus({ preventScroll: true });
    if (name === "grid") this.grid.open();
    if (name === "lists") this.lists.open();
    if (name === "progress") this.#showCurve();
  }

  help() {
    openHelp(this.keys);
  }

  async rename() {
    const before = this.name;
    this.name = await askName(before);
    if (this.name !== before) this.desk.leave();
    keep("annotator", this.name);
    find("annotator").textContent = this.name;
    this.feed.refresh(false);
  }

  async #showCurve() {
    try {
      drawCurve(find("curve"), await get("/api/curve"));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  #connect() {
    for (const tab of document.querySelectorAll("nav button")) {
      const name = String(tab.getAttribute("data-view"));
      onPress(/** @type {HTMLElement} */ (tab), () => this.show(name));
    }
    const showKeys = () => (this.label.showKeys(), this.grid.showKeys());
    onPress(find("open-help"), () => this.help());
    onPress(find("open-keys"), () => openKeys(this.keys, showKeys));
    onPress(find("annotator"), () => this.rename());
    onPress(find("#notice button"), () => notice(""));
    find("annotator").hidden = !this.run.annotators;
    find("annotator").textContent = this.name;
    /** @type {HTMLDetailsElement} */ (find("look")).open = matchMedia("(min-width: 50rem)").matches;
  }

  /** Sends the answers that an earlier page could not send. */
  #sendLeftOver() {
    for (const { items, reply } of this.outbox.adopt()) {
      this.feed.answer(items);
      reply.then(
        () => (this.feed.acknowledge(items), this.session.refresh()),
        (error) => (this.feed.reopen(items), notice(error.message), this.feed.refresh()),
      );
    }
  }
}

/** @param {import("./api.js").Run} run @param {import("./api.js").Answer} answer */
function nameOf({ classes }, answer) {
  return typeof answer === "number" ? classes[answer] : answer;
}

try {
  new Page(await open()).start();
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  // The page shows the reason. An address with a token may be opened in this tab.
  addEventListener("hashchange", () => location.reload());
}
