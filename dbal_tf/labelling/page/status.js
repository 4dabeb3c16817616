// The progress of the run: budget, pace, answers not yet saved.

import { find, make, say } from "./dom.js";

/** @param {import("./api.js").Run} run */
export function showRun(run) {
  const { name, state, round, rounds, budget, labels_per_hour: pace } = run;
  document.title = `${name} · label images`;
  find("name").textContent = name;
  const whole = budget.spent + budget.left;
  const brief = [
    ["Labels", `${count(budget.spent)} of ${count(whole)}`],
    ["Left", count(budget.left)],
    ["Test set", shared(budget.test, budget.of_test)],
    ["Validation set", shared(budget.validation, budget.of_validation)],
    ["Per hour", pace ? count(Math.round(pace)) : ""],
    ["Round", `${Math.min((round ?? 0) + 1, rounds)} of ${rounds}`],
    ["Network", { training: "in training", stopped: "the run is stopped" }[state] ?? ""],
  ];
  const all = [
    ...brief,
    ["Skipped", count(budget.skipped)],
    ["Unsure", count(budget.unsure)],
    ["Corrected", count(budget.corrections)],
  ];
  for (const box of document.querySelectorAll(".status")) {
    const meter = make("progress", { max: Math.max(whole, 1), value: budget.spent });
    meter.setAttribute("aria-label", "Labels given so far, out of the budget");
    box.replaceChildren(meter, facts(box.classList.contains("brief") ? brief : all));
  }
  find("advice").textContent = run.advice ?? "";
}

/** @param {import("./outbox.js").Outbox} outbox */
export function showSaving({ waiting, trouble }) {
  const box = find("saving");
  const was = box.classList.contains("trouble");
  const why = { "": "", unreachable: " · trying again", "signed out": " · signed out" }[trouble];
  box.textContent = waiting ? `${waiting} not saved yet` : "Saved";
  if (waiting) box.append(make("span", { textContent: why }));
  box.classList.toggle("pending", waiting > 0);
  const is = waiting > 0 && trouble !== "";
  box.classList.toggle("trouble", is);
  // Not at each answer: a screen reader would have no time for anything else.
  if (is !== was) say(String(box.textContent));
}

/** @param {string[][]} pairs Those without a value are left out. */
function facts(pairs) {
  const rows = pairs.filter(([, value]) => value);
  const cells = rows.map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value })),
  );
  return make("dl", {}, ...cells);
}

/** @param {number|undefined} number */
function count(number) {
  return (number ?? 0).toLocaleString("en");
}

/** @param {number|undefined} part @param {number|undefined} whole */
function shared(part, whole) {
  return whole ? `${part ?? 0} of ${whole}` : "";
}
