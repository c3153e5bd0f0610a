// Who is at the till: the sign-on screen, the cashier's button, training, and a supervisor's word. No PIN is kept anywhere.

import { post } from "./api.js";
import { $, h } from "./dom.js";
import { act } from "./keys.js";
import * as live from "./live.js";
import * as model from "./sale.js";
import { question, say, warn } from "./say.js";
import { openDialog } from "./views.js";

const { sale } = model;
const ARROWS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
let known = { kept: false, known: [], on: null, training: false, word: "" };
let saidWord = "";
let isBusy = false;
let trainsWith = ""; // the empty sale on which the cashier here has asked for training, or for its end

export function start() {
  sale.operator = localStorage.getItem("operator") || "1";
  act("cashier", "Change cashier", cashier, { inMenu: true });
  act("training", "Training mode", train, { inMenu: true });
  $("#cashier").addEventListener("click", cashier);
  $("#training").addEventListener("click", train);
  live.watch(told);
}

// What the till says of who is on. Another operator, or training begun or ended in another window: the sale here is over.
function told(state) {
  if (!state) return;
  known = state.operators;
  if (known.on) beOperator(known.on.operator);
  if (sale.training !== known.training) model.train(known.training, sale.ref === trainsWith);
  draw();
  if (known.word !== saidWord) {
    saidWord = known.word;
    if (saidWord) warn(saidWord);
  }
  if (known.kept && !known.on) {
    if (!sale.lines.length && !$("#sign-on")?.open) signOnScreen();
  } else if ($("#sign-on")?.dataset.must === "yes") closeScreen();
}

function beOperator(operator) {
  if (sale.operator === operator) return;
  if (sale.lines.length || sale.member) model.renew();
  sale.operator = operator;
  localStorage.setItem("operator", operator);
}

const shift = (on) => `shift ${on.shift.split("-").at(-1)}`;

function draw() {
  const { kept, on } = known;
  $("#cashier span").textContent = on ? `${on.name}, ${shift(on)}` : kept ? "Sign on" : `Cashier ${sale.operator}`;
  $("#training").setAttribute("aria-checked", String(sale.training));
  $("#training-banner").hidden = !sale.training;
  document.documentElement.classList.toggle("is-training", sale.training);
}

function cashier() {
  if (!known.kept) return named();
  if (!known.on) return signOnScreen();
  const { on } = known;
  const close = (next) => () => { $("#who").close(); next(); };
  return openDialog("who", on.name,
    h("p", { class: "lead" }, `${on.role}, ${shift(on)}. Whoever signs on or off ends the sale on screen.`),
    h("div", { class: "buttons column" },
      h("button", { type: "button", class: "primary", autofocus: true, onclick: close(() => signOnScreen({ mayGoBack: true })) }, "Another cashier"),
      h("button", { type: "button", class: "secondary", onclick: close(() => signOnScreen({ mayGoBack: true, chosen: on.operator, newShift: true })) }, "Begin a new shift"),
      h("button", { type: "button", class: "secondary", onclick: close(signOff) }, "Sign off"),
      h("button", { type: "button", class: "secondary", onclick: close(() => {}) }, "Back")));
}

async function signOff() {
  try {
    await post("/v1/sign-off", { operator: known.on.operator });
    model.renew();
    await live.refresh();
  } catch (refusal) { warn(refusal); }
}

// Where no operators are kept: whatever name or number somebody gives themselves.
async function named() {
  const field = h("input", { id: "operator", type: "text", autocomplete: "off", maxlength: "32", value: sale.operator });
  const answer = question("Cashier", "Signing off ends the sale on screen.", "Sign on", "Back");
  $("#ask p").after(h("label", { class: "field" }, h("span", {}, "Name or number"), field));
  field.select();
  field.focus();
  const yes = await answer;
  if (!yes || !field.value.trim()) return;
  try {
    model.renew(); // before the till is asked: a tap meanwhile is for the next sale
    await post("/v1/sign-off", { operator: sale.operator });
    sale.operator = field.value.trim();
    localStorage.setItem("operator", sale.operator);
    draw();
    say(`Cashier ${sale.operator} is signed on.`, null);
  } catch (refusal) { warn(refusal); }
}

// -- the sign-on screen

function signOnScreen({ mayGoBack = false, chosen = "", newShift = false } = {}) {
  const people = newShift ? known.known.filter((one) => one.operator === chosen) : known.known;
  const dialog = openDialog("sign-on", newShift ? "A new shift" : "Who is at the till?", known.word ? h("p", { class: "lead" }, known.word) : "",
    ...pinForm("sign-on", people, chosen, "Sign on", async (operator, pin) => {
      const done = await post("/v1/sign-on", { operator, pin, new_shift: newShift });
      if (newShift) model.renew();
      await live.refresh(); // first: who is on ends the sale on screen, and a tap after the screen has gone is for the next
      closeScreen();
      say(`${done.on.name} is signed on, ${shift(done.on)}.`, "done");
    }, mayGoBack ? closeScreen : null));
  dialog.dataset.must = mayGoBack ? "no" : "yes";
  dialog.oncancel = (event) => { if (!mayGoBack) event.preventDefault(); };
  dialog.onclose = () => { if (dialog.dataset.must === "yes") signOnScreen(); }; // browsers let a second Escape through
}

function closeScreen() {
  const dialog = $("#sign-on");
  if (!dialog) return;
  dialog.dataset.must = "no";
  dialog.close();
}

// Names as big buttons, a PIN, and a pad for fingers. The keyboard needs none of it: arrows and Enter choose, digits, Enter.
function pinForm(id, people, chosen, verb, done, back, ...more) {
  let who = people.length === 1 ? people[0].operator : chosen;
  const field = h("input", { id: `${id}-pin`, class: "pin", type: "password", inputmode: "none", autocomplete: "one-time-code", maxlength: "8", pattern: "[0-9]{4,8}", required: true });
  const isNamesake = (one) => people.some((other) => other !== one && other.name === one.name);
  const label = (one) => (isNamesake(one) ? `${one.name} (${one.operator})` : one.name);
  const names = h("div", { class: "operators", role: "group", "aria-label": "Name" }, people.map((one) =>
    h("button", { type: "button", class: "secondary operator", "data-operator": one.operator, "aria-pressed": "false", onclick: () => choose(one.operator) }, h("span", {}, label(one)), h("span", { class: "dim" }, one.role))));
  const choose = (operator) => {
    who = operator;
    for (const button of names.children) button.setAttribute("aria-pressed", String(button.dataset.operator === who));
    field.value = "";
    field.focus();
  };
  names.addEventListener("keydown", (event) => {
    const [all, by] = [[...names.children], ARROWS[event.key]];
    if (by) {
      event.preventDefault();
      all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus();
    }
  });
  const key = (text, label, press) => h("button", { type: "button", class: "secondary", "aria-label": label, onpointerdown: (event) => event.preventDefault(), onclick: press }, text);
  const digit = (text) => key(text, text, () => { if (field.value.length < 8) field.value += text; });
  const pad = h("div", { class: "pad", role: "group", "aria-label": "Number pad" },
    [..."123456789"].map(digit),
    key("C", "Clear the PIN", () => { field.value = ""; }), digit("0"), key("⌫", "Take back one digit", () => { field.value = field.value.slice(0, -1); }));
  const submit = async (event) => {
    event.preventDefault();
    if (!who) return warn("Choose a name first.");
    if (isBusy) return undefined;
    isBusy = true;
    try {
      await done(who, field.value);
    } catch (refusal) {
      field.value = "";
      field.focus();
      warn(refusal);
    } finally { isBusy = false; }
    return undefined;
  };
  if (who || names.firstElementChild) (who ? field : names.firstElementChild).autofocus = true; // there when the dialog opens: no first digit is lost
  setTimeout(() => {
    for (const button of names.children) button.setAttribute("aria-pressed", String(button.dataset.operator === who));
    (who ? field : names.firstElementChild)?.focus();
  });
  return [h("form", { class: "pin-form", onsubmit: submit }, names,
    h("div", {}, h("label", { class: "field" }, h("span", {}, "PIN"), field), pad, ...more,
      h("div", { class: "buttons" }, back ? h("button", { type: "button", class: "secondary", onclick: back }, "Back") : null, h("button", { class: "primary" }, verb))))];
}

// -- a supervisor's word

// Sends a request; where it needs somebody else's word, asks for that and sends it again with it. null where nobody gives it.
export async function withWord(send) {
  try {
    return await send({});
  } catch (refusal) {
    if (refusal.code !== "SUPERVISOR_NEEDED") throw refusal;
    return askForWord(refusal, send);
  }
}

function askForWord(refusal, send) {
  const people = known.known.filter((one) => one.role !== "cashier" && one.operator !== known.on?.operator);
  if (!people.length) throw refusal;
  return new Promise((answered) => {
    const reason = h("input", { id: "allow-reason", type: "text", autocomplete: "off", maxlength: "120", required: true });
    const dialog = openDialog("allow", "A supervisor's word", h("p", { class: "lead" }, refusal.message),
      ...pinForm("allow", people, "", "Allow", async (allowed_by, pin) => {
        const done = await send({ allowed_by, pin, reason: reason.value.trim() });
        dialog.onclose = null;
        dialog.close();
        answered(done);
      }, () => dialog.close(), h("label", { class: "field" }, h("span", {}, "Why"), reason)));
    dialog.onclose = () => answered(null);
  });
}

// -- training

async function train() {
  const on = !sale.training;
  if (sale.lines.length && !(await question(on ? "Begin training?" : "End training?", "The sale on screen is cleared.", on ? "Begin training" : "End training"))) return;
  trainsWith = sale.lines.length ? "" : sale.ref;
  try {
    await withWord((word) => post("/v1/training", { on, ...word }));
    await live.refresh();
  } catch (refusal) { warn(refusal); }
  trainsWith = "";
}
