// The labelling page: puts its parts together.

import { Refused, get, signIn } from "./api.js";
import { drawCurve } from "./curve.js";
import { Desk } from "./desk.js";
import { askName, openHelp, openKeys } from "./dialogs.js";
import { find, notice, onPress } from "./dom.js";
import { Feed } from "./feed.js";
import { Grid } from "./grid.js";
import { ClassKeys, actionOf, pressed } from "./keys.js";
import { LabelView } from "./label.js";
import { Lists } from "./lists.js";
import { keep, recall } from "./memory.js";
import { Outbox } from "./outbox.js";
import { showRun, showSaving } from "./status.js";

const SECONDS = { run: 5, waiting: 2, lease: 45, away: 60 };
const SIGNED_OUT = "This page is signed out. Open the address that the labelling program printed.";
const STEP = 10;

/** @param {() => Promise<any>} request Repeated until the program answers. */
async function persistently(request) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof Refused) {
        notice(error.status === 401 ? SIGNED_OUT : error.message);
        throw error;
      }
      notice("The labelling program does not answer. The page tries again.");
      await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS.waiting));
    }
  }
}

async function start() {
  await persistently(signIn);
  /** @type {import("./api.js").Run} */
  const run = await persistently(() => get("/api/run"));
  notice("");
  let annotator = run.annotators ? recall("annotator", "") : (run.annotator ?? "");
  showRun(run);

  const outbox = new Outbox(run.id ?? run.name);
  const feed = new Feed(() => annotator);
  const nameOf = (/** @type {any} */ answer) => run.classes[answer] ?? String(answer);
  const desk = new Desk(feed, outbox, () => annotator, nameOf);
  const keys = new ClassKeys(run.id ?? run.name, run.classes, run.keys);
  const label = new LabelView(desk, keys, show);
  const grid = new Grid(desk, keys, () => show("label"));
  const lists = new Lists(desk, () => show("label"));
  let view = "label";

  /** @param {string} name Which view to show. */
  function show(name) {
    view = name;
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
    if (name === "grid") grid.open();
    if (name === "lists") lists.open();
    if (name === "progress") showCurve();
  }

  async function showCurve() {
    try {
      drawCurve(find("curve"), await get("/api/curve"));
    } catch (error) {
      notice(/** @type {Error} */ (error).message);
    }
  }

  let refreshing = false;
  async function refreshRun() {
    if (refreshing) return;
    refreshing = true;
    try {
      showRun(await get("/api/run"));
      if (outbox.trouble === "signed out") outbox.resume();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) notice(SIGNED_OUT);
    }
    // Answers come faster than anyone reads these numbers.
    setTimeout(() => (refreshing = false), 1000);
  }

  /** @type {Record<import("./keys.js").Action, (key: string) => void>} */
  const act = {
    undo: () => (show("label"), desk.undo()),
    skip: () => view === "label" && label.answer("skipped"),
    unsure: () => view === "label" && label.answer("unsure"),
    grid: () => show(view === "grid" ? "label" : "grid"),
    lists: () => show(view === "lists" ? "label" : "lists"),
    progress: () => show(view === "progress" ? "label" : "progress"),
    pass: () => view === "label" && feed.pass(),
    back: () => (view === "label" ? feed.stop() : show("label")),
    zoomIn: () => label.view.zoomBy(1.25),
    zoomOut: () => label.view.zoomBy(0.8),
    pan: (key) => pan(key),
    brighter: () => label.view.set({ brightness: label.view.look.brightness + STEP }),
    darker: () => label.view.set({ brightness: label.view.look.brightness - STEP }),
    moreContrast: () => label.view.set({ contrast: label.view.look.contrast + STEP }),
    lessContrast: () => label.view.set({ contrast: label.view.look.contrast - STEP }),
    reset: () => label.view.set({ brightness: 100, contrast: 100, zoom: 1, x: 0, y: 0 }),
    help: () => openHelp(keys),
  };

  /** @param {string} key */
  function pan(key) {
    const { x, y } = label.view.look;
    const [right, down] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1] }[key] ?? [0, -1];
    label.view.set({ x: x + right / STEP, y: y + down / STEP });
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.matches("input") && event.key.startsWith("Arrow")) return;
    // A button that was reached by Tab is pressed by Space and Enter, as everywhere.
    if (target.matches("button, summary") && [" ", "Enter"].includes(event.key)) return;
    const key = pressed(event);
    const index = keys.classOf(key);
    const action = index < 0 ? actionOf(key) : undefined;
    if (action === "pan" && (view !== "label" || label.view.look.zoom === 1)) return;
    if (index < 0 && !action) return;
    event.preventDefault();
    // A key that is held down answers one image, not twenty.
    if (event.repeat && !(action && /zoom|pan|bright|dark|Contrast/.test(action))) return;
    if (action) act[action](key);
    else if (view === "grid") grid.answer(index);
    else if (view === "label") label.answer(index);
  });

  async function rename() {
    annotator = await askName(annotator);
    keep("annotator", annotator);
    find("annotator").textContent = annotator;
    feed.refresh(false);
  }

  outbox.addEventListener("change", () => showSaving(outbox));
  outbox.addEventListener("refused", (event) => {
    notice(/** @type {CustomEvent} */ (event).detail.message);
    feed.refresh();
  });
  desk.addEventListener("saved", refreshRun);
  addEventListener("beforeunload", (event) => {
    if (outbox.waiting) event.preventDefault();
  });
  addEventListener("hashchange", async () => {
    // The new address of a program that was started again, opened in this tab.
    await persistently(signIn);
    notice("");
    outbox.resume();
    feed.refresh();
  });
  for (const tab of document.querySelectorAll("nav button")) {
    onPress(/** @type {HTMLElement} */ (tab), () => show(String(tab.getAttribute("data-view"))));
  }
  onPress(find("open-help"), () => openHelp(keys));
  onPress(find("open-keys"), () => openKeys(keys, () => (label.showKeys(), grid.showKeys())));
  onPress(find("annotator"), rename);
  onPress(find("#notice button"), () => notice(""));
  /** @type {HTMLDetailsElement} */ (find("look")).open = matchMedia("(min-width: 50rem)").matches;

  if (run.annotators) {
    find("annotator").hidden = false;
    find("annotator").textContent = annotator;
    if (!annotator) await rename();
  }
  for (const job of outbox.adopt()) {
    feed.answer(job.items);
    job.reply.then(
      () => (feed.acknowledge(job.items), refreshRun()),
      () => feed.reopen(job.items),
    );
  }
  showSaving(outbox);
  await feed.refresh();
  watch();

  /** Asks again by itself: for images while there are none, for the leases, for the run. */
  function watch() {
    let left = 0;
    let leased = 0;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) left = performance.now();
      else feed.refresh(performance.now() - left < 1000 * SECONDS.away);
    });
    setInterval(() => {
      if (document.hidden) return;
      const due = feed.current ? SECONDS.lease : SECONDS.waiting;
      if (performance.now() - leased < 1000 * due) return;
      leased = performance.now();
      feed.refresh();
    }, 500);
    setInterval(() => document.hidden || refreshRun(), 1000 * SECONDS.run);
  }
}

start();
