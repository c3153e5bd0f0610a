// One sentence to the cashier, seen, heard and read out; and one question at a time.

import { $, fill, h } from "./dom.js";
import { tone } from "./tones.js";

const STAYS_MS = { "#said": 3000, "#warned": 8000 };
const PLACES = { "#said": $("#said"), "#warned": $("#warned") };
let timer = 0;

export function say(text, sound = "done") {
  show("#said", "✓", text);
  if (sound) tone(sound);
}

// What the till will not do sounds unlike what does not work: the cashier turns to the customer, not to the machine.
export function warn(trouble, sound = trouble.status >= 400 && trouble.status < 500 ? "refused" : "trouble") {
  show("#warned", "!", trouble.sentence ?? String(trouble.message ?? trouble));
  tone(sound);
}

export function hush() {
  for (const place of Object.values(PLACES)) place.replaceChildren();
}

function show(place, sign, text) {
  clearTimeout(timer);
  hush();
  // An open dialog lies above everything that is not in it.
  const parent = document.activeElement?.closest("dialog[open]") ?? document.querySelector("dialog[open]") ?? document.body;
  if (PLACES[place].parentElement !== parent) parent.append(PLACES[place]);
  PLACES[place].replaceChildren(h("b", { "aria-hidden": "true" }, sign), h("span", {}, text));
  timer = setTimeout(hush, Math.max(STAYS_MS[place], text.length * 70));
}

// Resolves to true or false; Escape is false.
export function question(title, text, yes, no = "Cancel") {
  const dialog = $("#ask");
  hush(); // what was said before lies under the question, and is no part of it
  return new Promise((answered) => {
    fill(dialog,
      h("form", { method: "dialog" },
        h("h2", { id: "ask-title" }, title), h("p", {}, text),
        h("div", { class: "buttons" },
          h("button", { value: "no", class: "secondary" }, no),
          h("button", { value: "yes", class: "primary", autofocus: true }, yes))));
    dialog.returnValue = "no";
    dialog.onclose = () => answered(dialog.returnValue === "yes");
    dialog.showModal();
    tone("tick");
  });
}
