// The classes as buttons, each with its key.

import { button, make, percent } from "./dom.js";
import { keyName } from "./keys.js";

/**
 * @param {HTMLElement} box
 * @param {import("./keys.js").ClassKeys} keys
 * @param {(index: number) => void} choose
 */
export function showClasses(box, keys, choose) {
  const buttons = keys.classes.map((name, index) => {
    const key = keys.keys[index];
    return button(
      { className: "class", title: name },
      () => choose(index),
      make("kbd", { textContent: key ? keyName(key) : "" }),
      make("span", { textContent: name }),
    );
  });
  box.replaceChildren(...buttons);
  box.classList.toggle("many", buttons.length > 8);
}

/**
 * Dims what cannot be pressed now, and says so to screen readers.
 *
 * @param {HTMLElement} box Buttons; the others in it are left as they are.
 * @param {boolean} on
 * @param {string} [selector] Which of its buttons.
 */
export function dim(box, on, selector = "button") {
  box.classList.toggle("waiting", on);
  for (const made of box.querySelectorAll(selector)) made.setAttribute("aria-disabled", String(on));
}

/**
 * Marks the answer given before, and shows what the network predicts if that may be seen.
 *
 * @param {HTMLElement} box
 * @param {import("./api.js").Entry|null} entry
 */
export function markClasses(box, entry) {
  [...box.children].forEach((made, index) => {
    const before = entry?.answer ?? entry?.previous;
    made.classList.toggle("before", before === index);
    made.querySelector(".share")?.remove();
    const share = entry?.prediction?.probs[index];
    if (share === undefined) return;
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.width = `${100 * share}%`;
    made.append(make("span", { className: "share" }, percent(share), bar));
  });
}
