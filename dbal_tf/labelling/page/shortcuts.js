// What each key does.

import { actionOf, pressed } from "./keys.js";

/** Actions that repeat while a key is held down. */
const CONTINUOUS = new Set(
  ["zoomIn", "zoomOut", "pan", "brighter", "darker", "moreContrast", "lessContrast"],
);
const STEP = 10;

/**
 * @typedef {import("./keys.js").Action} Action
 * @typedef {{view: string, show: (name: string) => void, label: import("./label.js").LabelView,
 *   grid: import("./grid.js").Grid, keys: import("./keys.js").ClassKeys,
 *   help: () => void}} Parts
 */

/** @param {Parts} parts */
export function listen(parts) {
  const act = actions(parts);
  addEventListener("keydown", (event) => {
    if (isForAnother(event)) return;
    const key = pressed(event);
    const index = parts.keys.classOf(key);
    const action = index < 0 ? actionOf(key) : undefined;
    if (index < 0 && !action) return;
    if (action === "pan" && !canPan(parts)) return;
    event.preventDefault();
    // A key that is held down answers one image, not twenty.
    if (event.repeat && !CONTINUOUS.has(action ?? "")) return;
    if (action) act[action](key);
    else if (parts.view === "grid") parts.grid.answer(index);
    else if (parts.view === "label") parts.label.answer(index);
  });
}

/** Whether the browser, a dialog or a control wants this key. @param {KeyboardEvent} event */
function isForAnother(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.matches("input") && event.key.startsWith("Arrow")) return true;
  // A button that was reached by Tab is pressed by Space and Enter, as everywhere.
  return target.matches("button, summary") && [" ", "Enter"].includes(event.key);
}

/** Without zoom the arrows scroll the page. @param {Parts} parts */
function canPan({ view, label }) {
  return view === "label" && label.view.look.zoom > 1;
}

/** @param {Parts} parts @returns {Record<Action, (key: string) => void>} */
function actions(parts) {
  const { label } = parts;
  const { view: image, feed, desk } = label;
  const labelling = () => parts.view === "label";
  const show = (/** @type {string} */ name) => parts.show(name);
  const toggle = (/** @type {string} */ name) => show(parts.view === name ? "label" : name);
  return {
    undo: () => (show("label"), desk.undo()),
    skip: () => labelling() && label.answer("skipped"),
    unsure: () => labelling() && label.answer("unsure"),
    grid: () => toggle("grid"),
    lists: () => toggle("lists"),
    progress: () => toggle("progress"),
    pass: () => labelling() && feed.pass(),
    back: () => (labelling() ? feed.stop() : show("label")),
    zoomIn: () => image.zoomBy(1.25),
    zoomOut: () => image.zoomBy(0.8),
    pan: (key) => pan(image, key),
    brighter: () => image.set({ brightness: image.look.brightness + STEP }),
    darker: () => image.set({ brightness: image.look.brightness - STEP }),
    moreContrast: () => image.set({ contrast: image.look.contrast + STEP }),
    lessContrast: () => image.set({ contrast: image.look.contrast - STEP }),
    reset: () => image.reset(),
    help: () => parts.help(),
  };
}

/** @param {import("./view.js").View} image @param {string} key */
function pan(image, key) {
  const right = { ArrowLeft: 1, ArrowRight: -1 }[key] ?? 0;
  const down = { ArrowUp: 1, ArrowDown: -1 }[key] ?? 0;
  image.set({ x: image.look.x + right / STEP, y: image.look.y + down / STEP });
}
