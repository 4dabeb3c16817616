// Keys: those of the actions are fixed, those of the classes can be assigned.

import { keep, recall } from "./memory.js";

/** The actions that have keys. The help shows this table. */
export const ACTIONS = /** @type {const} */ ({
  undo: { keys: ["Backspace", "u"], help: "Undo: take back the last answer" },
  skip: { keys: ["s"], help: "Skip: do not use this image" },
  unsure: { keys: [" ", "n"], help: "Unsure: ask me again later" },
  grid: { keys: ["g"], help: "Images like this one: one key labels all" },
  lists: { keys: ["l"], help: "Lists: unsure, skipped, the model disagrees" },
  progress: { keys: ["p"], help: "Progress and learning curve" },
  pass: { keys: ["Enter"], help: "In a list: keep this answer, go to the next" },
  back: { keys: ["Escape"], help: "Back to labelling" },
  zoomIn: { keys: ["+", "="], help: "Zoom in (or mouse wheel; drag to move)" },
  zoomOut: { keys: ["-"], help: "Zoom out" },
  pan: {
    keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
    help: "Move the zoomed image",
  },
  brighter: { keys: ["b"], help: "Brighter" },
  darker: { keys: ["B"], help: "Darker" },
  moreContrast: { keys: ["c"], help: "More contrast" },
  lessContrast: { keys: ["C"], help: "Less contrast" },
  reset: { keys: ["v"], help: "Reset zoom, brightness and contrast" },
  help: { keys: ["?"], help: "Show these keys" },
});

/** @typedef {keyof typeof ACTIONS} Action */

const RESERVED = new Set(Object.values(ACTIONS).flatMap(({ keys }) => [...keys].map(lower)));
const FREE = [..."1234567890qwertyasdfghjklzxcvbnmuiop"].filter((key) => !RESERVED.has(key));
const NAMES = /** @type {Record<string, string>} */ ({
  " ": "Space",
  Escape: "Esc",
  Backspace: "⌫",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
});

/** @param {string} key */
function lower(key) {
  return key.toLowerCase();
}

/** @param {string} key @returns {string} What is printed on the key. */
export function keyName(key) {
  if (key !== lower(key) && key.length === 1) return `⇧ ${key}`;
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

/**
 * The key of an event. On some keyboards a digit needs Shift: there, the key counts, not
 * the character. A letter with Shift is a capital.
 *
 * @param {KeyboardEvent} event
 */
export function pressed(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  const { key, code } = event;
  // Keyboards of other alphabets have no Latin letters: there, the key's place counts.
  if (/^Key[A-Z]$/.test(code) && /^[^\x00-\x7f]$/.test(key)) return lower(code[3]);
  return key.length === 1 && !event.shiftKey ? lower(key) : key;
}

/** @param {string} key @returns {Action|undefined} */
export function actionOf(key) {
  const names = /** @type {Action[]} */ (Object.keys(ACTIONS));
  return names.find((name) => /** @type {readonly string[]} */ (ACTIONS[name].keys).includes(key));
}

/** The keys of the classes, as the program proposes or the annotator has chosen them. */
export class ClassKeys {
  /** @param {string} run @param {string[]} classes @param {string[]} proposed */
  constructor(run, classes, proposed) {
    this.place = `keys/${run}`;
    this.classes = classes;
    this.proposed = proposed;
    this.keys = this.#allowed(recall(this.place, proposed));
  }

  /** @param {string} key @returns {number} The class, or -1. */
  classOf(key) {
    return this.keys.indexOf(lower(key));
  }

  /** Gives a class a key; the class that had it gets the other key. Returns "", or why not.
   * @param {number} index @param {string} key @returns {string} */
  assign(index, key) {
    const wanted = lower(key);
    if (RESERVED.has(wanted)) return `${keyName(wanted)} is taken: see the help. Choose another key.`;
    if (!FREE.includes(wanted)) return `${keyName(key)} cannot be used: choose a digit or a letter.`;
    const holder = this.classOf(wanted);
    if (holder >= 0) this.keys[holder] = this.keys[index];
    this.keys[index] = wanted;
    keep(this.place, this.keys);
    return "";
  }

  reset() {
    this.keys = this.#allowed(this.proposed);
    keep(this.place, this.keys);
  }

  /** Returns one key for each class, as wished where possible; "" when no key is left.
   * @param {string[]} wished @returns {string[]} */
  #allowed(wished) {
    const seen = new Set();
    const keys = this.classes.map((_, index) => {
      const key = lower(String(wished[index] ?? ""));
      if (!FREE.includes(key) || seen.has(key)) return "";
      seen.add(key);
      return key;
    });
    const rest = FREE.filter((key) => !seen.has(key));
    return keys.map((key) => key || (rest.shift() ?? ""));
  }
}
