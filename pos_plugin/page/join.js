// Somebody joins: with the card just scanned, or with a new number. Name and phone are voluntary, and need head office's key.

import { post } from "./api.js";
import { $, fill, h } from "./dom.js";
import { state } from "./live.js";
import { say, warn } from "./say.js";

let attachTo = () => {};

export const isOpen = () => $("#join").open;

// A card scanned while the form is open goes into it.
export function scannedCard(code) { $("#join-card").value = code; }

export function openJoin(card, attach) {
  attachTo = attach;
  const dialog = $("#join");
  const canName = Boolean(state?.till.enrolled);
  const field = (id, label, more) => h("label", { class: "field" }, h("span", {}, label), h("input", { id, type: "text", autocomplete: "off", maxlength: "64", ...more }));
  fill(dialog,
    h("form", { onsubmit: submit },
      h("h2", { id: "join-title" }, "Join a member"),
      field("join-card", "Card", { inputmode: "numeric", value: card, placeholder: "Scan a card, or leave empty for a new number" }),
      field("join-name", "Name (voluntary)", { disabled: !canName }),
      field("join-phone", "Phone (voluntary)", { inputmode: "tel", disabled: !canName }),
      canName ? null : h("p", { class: "dim" }, "Name and phone can be taken once this till has been connected to head office."),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, "Cancel"),
        h("button", { class: "primary", id: "join-go" }, "Join"))));
  dialog.showModal();
  if (card) $("#join-go").focus();
}

async function submit(event) {
  event.preventDefault();
  const button = $("#join-go");
  button.disabled = true;
  try {
    const joined = await post("/v1/members", { card: $("#join-card").value.replace(/\s/g, ""), name: $("#join-name").value.trim(), phone: $("#join-phone").value.trim() });
    await attachTo(await post("/v1/identify", { scan: joined.card, entry_mode: "typed" }));
    done(joined.card);
  } catch (refusal) {
    button.disabled = false;
    warn(refusal);
  }
}

function done(card) {
  const dialog = $("#join");
  say("Joined.");
  fill(dialog,
    h("form", { method: "dialog" },
      h("h2", { id: "join-title" }, "Welcome"),
      h("p", {}, "The card's number, shown this once:"),
      h("p", { class: "card-number", id: "joined-card" }, card.replace(/(.{4})/g, "$1 ").trim()),
      h("div", { class: "buttons" }, h("button", { class: "primary", autofocus: true }, "Done"))));
}
