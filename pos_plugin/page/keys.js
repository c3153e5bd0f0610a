// What can be done with a key, and which key that is: the shop may give each another one in till.toml.

import { h } from "./dom.js";
import { settings } from "./settings.js";

const SIGNS = "?*/+-";
const QUIET_MS = 120; // a scanner that types sends these signs, too, but never one by itself

export const actions = new Map();
const keys = settings.shortcuts;

// `inMenu`: it has a line there. `inDialog`: its key works while a dialog is open, too.
export function act(name, title, run, { inMenu = false, inDialog = false } = {}) {
  actions.set(name, { name, title, run, inMenu, inDialog });
}

export const run = (name) => actions.get(name).run();
export const keyOf = (name) => keys[name] || null;
export const kbd = (name) => (keys[name] ? h("kbd", {}, keys[name]) : null);

// The signs of keys in the page's HTML, <kbd data-action="complete">, say what the shop has chosen.
export function fillSigns() {
  for (const sign of document.querySelectorAll("kbd[data-action]")) {
    const key = keyOf(sign.dataset.action);
    sign.textContent = key ?? "";
    sign.hidden = !key;
    if (key) sign.closest("button").setAttribute("aria-keyshortcuts", key);
  }
}

function pressed(event) {
  if (event.metaKey) return "";
  if (SIGNS.includes(event.key)) return event.ctrlKey || event.altKey ? "" : event.key;
  const parts = [event.ctrlKey && "Ctrl", event.altKey && "Alt", event.shiftKey && "Shift", event.key.length === 1 ? event.key.toUpperCase() : event.key];
  return parts.filter(Boolean).join("+");
}

export function listen() {
  let last = -QUIET_MS, timer = 0;
  document.addEventListener("keydown", (event) => {
    const sinceLast = event.timeStamp - last;
    last = event.timeStamp;
    clearTimeout(timer);
    const key = pressed(event);
    const action = key && [...actions.values()].find((one) => keys[one.name] === key);
    if (!action) return;
    const isSign = SIGNS.includes(key);
    if (isSign && (document.activeElement?.matches("input, textarea, select") || sinceLast < QUIET_MS)) return;
    event.preventDefault();
    if (event.repeat || (document.querySelector("dialog[open]") && !action.inDialog)) return;
    if (isSign) timer = setTimeout(action.run, QUIET_MS);
    else action.run();
  });
}

export function drawKeys() {
  return h("table", { class: "keys" }, h("caption", {}, "Keys"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "What it does"))),
    h("tbody", {}, [...actions.values()].filter((one) => keys[one.name]).map((one) => h("tr", {}, h("td", {}, kbd(one.name)), h("td", {}, one.title)))));
}
