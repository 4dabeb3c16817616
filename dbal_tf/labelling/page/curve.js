// The learning curve: error on the test images against labels, with its interval.

import { percent } from "./dom.js";

const HEIGHT = 320;
const EDGE = { left: 52, right: 16, top: 14, bottom: 44 };

/**
 * @param {HTMLElement} box
 * @param {import("./api.js").Curve} curve
 */
export function drawCurve(box, { labels, error, low, high }) {
  if (!labels.length) {
    const text = "The curve appears when the first network has been tested on labelled test images.";
    box.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
    return;
  }
  // One unit per pixel, so that the text has the same size on every screen.
  const width = Math.max(box.clientWidth, 280);
  const ticksY = ticks(0, Math.max(...high, 0.05));
  const ticksX = ticks(0, Math.max(...labels));
  const across = scale(0, last(ticksX), EDGE.left, width - EDGE.right);
  const up = scale(0, last(ticksY), HEIGHT - EDGE.bottom, EDGE.top);
  const latest = `${percent(last(error))} (95 % interval ${percent(last(low))} to ${percent(last(high))})`;
  const title = `Test error after ${last(labels)} labels: ${latest}`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": title });
  svg.append(...axes(ticksX, ticksY, across, up));
  const point = (/** @type {number} */ x, /** @type {number} */ y) => `${across(x)},${up(y)}`;
  const there = labels.map((x, index) => point(x, high[index]));
  const back = labels.map((x, index) => point(x, low[index])).reverse();
  svg.append(draw("polygon", { class: "band", points: [...there, ...back].join(" ") }));
  const line = labels.map((x, index) => point(x, error[index])).join(" ");
  svg.append(draw("polyline", { class: "line", points: line }));
  if (labels.length === 1) {
    // A single point has no band: its interval is a line.
    const x = across(labels[0]);
    svg.append(draw("line", { class: "line", x1: x, x2: x, y1: up(low[0]), y2: up(high[0]) }));
  }
  labels.forEach((x, index) => {
    svg.append(draw("circle", { class: "dot", cx: across(x), cy: up(error[index]), r: 3.5 }));
  });
  const caption = Object.assign(document.createElement("p"), { textContent: `${title}.` });
  box.replaceChildren(svg, caption);
}

/**
 * @param {number[]} ticksX
 * @param {number[]} ticksY
 * @param {(value: number) => number} across
 * @param {(value: number) => number} up
 */
function axes(ticksX, ticksY, across, up) {
  const [left, right] = [EDGE.left, across(last(ticksX))];
  const rows = ticksY.flatMap((value) => [
    draw("line", { class: "grid", x1: left, x2: right, y1: up(value), y2: up(value) }),
    draw("text", { x: left - 8, y: up(value) + 4, "text-anchor": "end" }, percent(value)),
  ]);
  const columns = ticksX.map((value) => {
    const place = { x: across(value), y: HEIGHT - EDGE.bottom + 20, "text-anchor": "middle" };
    return draw("text", place, String(value));
  });
  const middle = { x: (left + right) / 2, y: HEIGHT - 4, "text-anchor": "middle" };
  return [...rows, ...columns, draw("text", middle, "labels")];
}

/**
 * @param {string} tag
 * @param {Record<string, string|number>} attributes
 * @param {string} [text]
 */
function draw(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** Four to seven round numbers, from one value to another or a little beyond it.
 * @param {number} first @param {number} most */
function ticks(first, most) {
  const rough = Math.max(most - first, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.ceil((most - first) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => first + index * step);
}

/** @param {number} a @param {number} b @param {number} from @param {number} to */
function scale(a, b, from, to) {
  return (/** @type {number} */ value) => from + ((value - a) / (b - a)) * (to - from);
}

/** @template T @param {T[]} values @returns {T} */
function last(values) {
  return values[values.length - 1];
}
