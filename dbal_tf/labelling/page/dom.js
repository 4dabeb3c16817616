// Small helpers for the document. No markup is ever made from text: file names and
// class names are shown as text, whatever they hold.

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector An id without "#", or any selector.
 * @returns {T}
 */
export function find(selector) {
  const plain = /^[a-z-]+$/.test(selector);
  const found = plain ? document.getElementById(selector) : document.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * Makes an element. Properties are set as such (`className`, `textContent`, `onclick`),
 * those with a "-" as attributes.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, String(value));
    else Reflect.set(element, name, value);
  }
  element.append(...children);
  return element;
}

/**
 * A button that gives up the focus after a mouse click: Space is a shortcut, and must
 * not press the button that was clicked last.
 *
 * @param {Record<string, any>} properties
 * @param {(event: MouseEvent) => void} act
 * @param {...(Node|string)} children
 */
export function button(properties, act, ...children) {
  const made = make("button", { type: "button", ...properties }, ...children);
  return onPress(made, act);
}

/**
 * @template {HTMLElement} T
 * @param {T} element
 * @param {(event: MouseEvent) => void} act
 * @returns {T}
 */
export function onPress(element, act) {
  element.addEventListener("click", (event) => {
    if (event.detail > 0) element.blur();
    act(event);
  });
  return element;
}

/** @param {string} text What screen readers say next. */
export function say(text) {
  find("said").textContent = text;
}

/** @param {string} text A sentence that stays until it is closed, or "" for none. */
export function notice(text) {
  const box = find("notice");
  find("#notice span").textContent = text;
  box.hidden = !text;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** @param {number} share 0 to 1. */
export function percent(share) {
  return `${Math.round(100 * share)}\u00a0%`;
}
