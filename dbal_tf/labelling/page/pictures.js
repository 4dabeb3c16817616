// Images, loaded and decoded before they are needed. An <img> that is ready is kept, and is
// itself put on the page, so that nothing is fetched twice.

import { get, imageUrl, Refused } from "./api.js";

const PATIENCE = 4000;

/**
 * @typedef {{image: HTMLImageElement, ready: Promise<void>, done: boolean,
 *   problem: string, onProblem: () => void}} Picture Its problem is a sentence, or empty.
 */

/** @type {Map<string, Picture>} */
const held = new Map();

/** @param {string} item @returns {Picture} */
export function picture(item) {
  let found = held.get(item);
  if (!found) {
    const image = new Image();
    image.draggable = false;
    image.alt = `Image to label: ${item}`;
    found = { image, ready: Promise.resolve(), done: false, problem: "", onProblem() {} };
    held.set(item, found);
    found.ready = load(item, found);
  }
  return found;
}

/** Holds these images and lets go of all others. @param {string[]} items */
export function hold(items) {
  for (const item of held.keys()) {
    if (!items.includes(item)) held.delete(item);
  }
  items.forEach(picture);
}

/** @param {string} item @param {Picture} wanted */
async function load(item, wanted) {
  for (let wait = 250; held.get(item) === wanted; wait = Math.min(2 * wait, PATIENCE)) {
    wanted.image.src = imageUrl(item, "full");
    try {
      await wanted.image.decode();
      wanted.done = true;
      return;
    } catch {
      wanted.problem = await whyNot(item);
      wanted.onProblem();
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Why the program has no image: a sentence; empty if it may come. @param {string} item */
async function whyNot(item) {
  try {
    await get(imageUrl(item, "full"));
  } catch (error) {
    if (error instanceof Refused) return error.message;
  }
  return "";
}
