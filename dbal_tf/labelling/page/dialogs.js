// Dialogs: help, the annotator's name, the keys of the classes.

import { button, find, make } from "./dom.js";
import { ACTIONS, keyName, pressed } from "./keys.js";

/** @param {import("./keys.js").ClassKeys} keys */
export function openHelp(keys) {
  const classes = keys.classes.map((name, index) => row([keys.keys[index]], name));
  const actions = Object.values(ACTIONS).map(({ keys, help }) => row([...keys], help));
  find("#help .columns").replaceChildren(
    make("dl", {}, ...actions),
    make("dl", {}, ...classes),
  );
  open("help");
}

/** @param {string[]} keys @param {string} text */
function row(keys, text) {
  const named = keys.filter(Boolean).map((key) => make("kbd", { textContent: keyName(key) }));
  return make("div", {}, make("dt", {}, ...named), make("dd", { textContent: text }));
}

/** @param {string} name The name so far. @returns {Promise<string>} The name, never empty. */
export function askName(name) {
  const dialog = open("ask-name");
  const field = /** @type {HTMLInputElement} */ (find("name-field"));
  field.value = name;
  field.select();
  // A name is required. If there is one already, Esc keeps it, whatever was typed.
  dialog.oncancel = (event) => {
    if (name) field.value = name;
    else event.preventDefault();
  };
  return new Promise((resolve) => {
    dialog.onclose = () => {
      const given = field.value.trim() || name;
      if (given) resolve(given);
      else dialog.showModal();
    };
  });
}

/**
 * @param {import("./keys.js").ClassKeys} keys
 * @param {() => void} changed
 */
export function openKeys(keys, changed) {
  let chosen = -1;
  const hint = find("keys-hint");
  const dialog = open("keys");
  const show = () => {
    const buttons = keys.classes.map((name, index) => {
      const key = make("kbd", { textContent: keyName(keys.keys[index]) });
      const text = index === chosen ? "press a key" : "";
      const made = button({ "aria-pressed": index === chosen }, () => choose(index), key, name);
      made.append(make("small", { textContent: text }));
      return made;
    });
    find("#keys .list").replaceChildren(...buttons);
    if (chosen >= 0) buttons[chosen].focus();
    changed();
  };
  const choose = (/** @type {number} */ index) => {
    chosen = index;
    show();
  };
  dialog.onkeydown = (event) => {
    const key = pressed(event);
    if (chosen < 0 || key.length > 1 || key === " ") return;
    event.preventDefault();
    const problem = keys.assign(chosen, key);
    hint.textContent = problem || "Choose a class, then press its new key: a digit or a letter.";
    if (!problem) choose(-1);
  };
  find("keys-default").onclick = () => {
    keys.reset();
    choose(-1);
  };
  show();
}

/** @param {string} id @returns {HTMLDialogElement} */
function open(id) {
  const dialog = /** @type {HTMLDialogElement} */ (find(id));
  if (!dialog.open) dialog.showModal();
  return dialog;
}
