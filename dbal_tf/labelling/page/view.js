// The large image: zoom, pan, brightness and contrast. They are kept from image to image,
// so that nobody has to set them again.

import { find, onPress } from "./dom.js";
import { keep, recall } from "./memory.js";
import { picture } from "./pictures.js";

const FIT = { brightness: 100, contrast: 100, zoom: 1, x: 0, y: 0 };
const [LEAST, MOST] = [1, 16];
/** From this magnification on, the pixels of an image are shown as squares. */
const PIXELATED = 2;

export class View {
  /** @type {typeof FIT} */
  look = { ...FIT, ...recall("look", {}) };
  /** The item whose image can be seen now. @type {string|null} */
  shown = null;
  #wanted = /** @type {string|null} */ (null);
  #stage = find("stage");
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();

  constructor() {
    for (const name of /** @type {const} */ (["brightness", "contrast"])) {
      const slider = /** @type {HTMLInputElement} */ (find(name));
      slider.addEventListener("input", () => this.set({ [name]: Number(slider.value) }));
    }
    onPress(find("zoom-in"), () => this.zoomBy(1.25));
    onPress(find("zoom-out"), () => this.zoomBy(0.8));
    onPress(find("reset"), () => this.reset());
    this.#stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#stage.addEventListener("pointerdown", (event) => this.#down(event));
    this.#stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      this.#stage.addEventListener(end, (event) => this.#fingers.delete(event.pointerId));
    }
    new ResizeObserver(() => this.#apply()).observe(this.#stage);
  }

  /**
   * Shows an item's image when it is loaded; until then the stage is empty, so that
   * nobody answers while looking at the previous image.
   *
   * @param {string|null} item
   * @returns {Promise<boolean>} Whether it is still the one to show.
   */
  async show(item) {
    this.#wanted = item;
    if (item === this.shown) return item !== null;
    this.shown = null;
    if (item === null) {
      this.#stage.replaceChildren();
      return false;
    }
    const found = picture(item);
    if (!found.done) {
      this.#stage.replaceChildren();
      this.#stage.classList.add("loading");
      found.onProblem = () => {
        if (this.#wanted !== item) return;
        const { problem } = found;
        this.#stage.dataset.note = problem ? `${problem} You can skip it.` : "Loading …";
      };
      found.onProblem();
      await found.ready;
    }
    // If the image was released and is wanted again, another load shows it.
    if (this.#wanted !== item || !found.done) return false;
    this.#stage.classList.remove("loading");
    this.#stage.replaceChildren(found.image);
    this.shown = item;
    this.#apply();
    return true;
  }

  /** @param {Partial<typeof FIT>} change */
  set(change) {
    Object.assign(this.look, change);
    this.look.zoom = clip(this.look.zoom, LEAST, MOST);
    // The picture may be moved until its edge reaches the middle of the stage.
    const reach = (this.look.zoom - 1) / 2;
    this.look.x = clip(this.look.x, -reach, reach);
    this.look.y = clip(this.look.y, -reach, reach);
    this.look.brightness = clip(this.look.brightness, 20, 300);
    this.look.contrast = clip(this.look.contrast, 20, 300);
    keep("look", this.look);
    this.#apply();
  }

  reset() {
    this.set(FIT);
  }

  /**
   * @param {number} factor
   * @param {{x: number, y: number}} [at] What stays where it is, in widths of the stage
   *   from its middle.
   */
  zoomBy(factor, at = { x: 0, y: 0 }) {
    const { zoom, x, y } = this.look;
    const grown = clip(zoom * factor, LEAST, MOST) / zoom;
    const zoomed = { x: at.x - grown * (at.x - x), y: at.y - grown * (at.y - y) };
    this.set({ zoom: grown * zoom, ...zoomed });
  }

  #apply() {
    const { brightness, contrast, zoom, x, y } = this.look;
    const image = this.#stage.querySelector("img");
    const { clientWidth: width, clientHeight: height } = this.#stage;
    if (image) {
      const fit = Math.min(width / image.naturalWidth, height / image.naturalHeight);
      // A small photograph is easier to recognise if smooth; when zoomed in, pixels matter.
      image.classList.toggle("pixelated", zoom > 1 && fit * zoom >= PIXELATED);
      image.style.transform = `translate(${x * width}px, ${y * height}px) scale(${zoom})`;
      image.style.filter = `brightness(${brightness}%) contrast(${contrast}%)`;
    }
    this.#stage.classList.toggle("zoomed", zoom > 1);
    for (const name of /** @type {const} */ (["brightness", "contrast"])) {
      /** @type {HTMLInputElement} */ (find(name)).value = String(this.look[name]);
    }
    find("zoom").textContent = `${Math.round(100 * zoom)} %`;
  }

  /** @param {{clientX: number, clientY: number}} event */
  #place(event) {
    const box = this.#stage.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) / box.width - 0.5,
      y: (event.clientY - box.top) / box.height - 0.5,
    };
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    this.zoomBy(Math.exp(-clip(event.deltaY, -100, 100) / 300), this.#place(event));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#stage.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, this.#place(event));
  }

  /** One finger, or the mouse, pans; two fingers zoom. @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return;
    const now = this.#place(event);
    this.#fingers.set(event.pointerId, now);
    const [other] = [...this.#fingers].filter(([id]) => id !== event.pointerId);
    if (other) {
      const at = other[1];
      const apart = (/** @type {{x: number, y: number}} */ p) => Math.hypot(p.x - at.x, p.y - at.y);
      this.zoomBy(apart(now) / Math.max(apart(before), 0.01), at);
    } else {
      this.set({ x: this.look.x + now.x - before.x, y: this.look.y + now.y - before.y });
    }
  }
}

/** @param {number} value @param {number} least @param {number} most */
function clip(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
