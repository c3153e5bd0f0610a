// The card was forgotten: the points of an earlier sale, for the member who comes back with the receipt.

import { post } from "./api.js";
import { $, fill, h } from "./dom.js";
import { state } from "./live.js";
import { label, lookUpForm } from "./member_panel.js";
import { showReceipt } from "./receipt.js";
import { sale } from "./sale.js";
import { hush, warn } from "./say.js";
import { withWord } from "./sign_on.js";
import { tone } from "./tones.js";
import { register } from "./views.js";

let who = null;
let isBusy = false;

export const start = () => register("claim", "Forgotten card", form, { shown, scanned, isMain: true });

function form(place) {
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "Forgotten card")),
      h("p", { class: "lead", id: "claim-lead" }, "Adds the points of an earlier sale, once."),
      h("label", { class: "field" }, h("span", {}, "1. Receipt reference"), h("input", { id: "claim-reference", type: "text", autocomplete: "off", maxlength: "40", placeholder: "At the end of the receipt, like 7K3M2P-17-6" })),
      h("div", { class: "field" }, h("span", {}, "2. The member"), h("p", { id: "claim-member", class: "chosen", role: "status" }), lookUpForm("claim-lookup", scanned, { isCustomer: false })),
      h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", id: "claim-go", onclick: claim }, "Add the points"))));
}

function shown() {
  who = null; // the next customer is somebody else
  draw();
  if (state) $("#claim-lead").textContent = `Adds the points of an earlier sale, once, within ${state.program.claim_days} days.`;
  $("#claim-reference").focus();
}

function scanned(found) {
  who = found.kind === "member" ? found : null; // whoever was there before is not whose card this is
  draw();
  if (!who) warn(found.message || "This is no member card.");
}

function draw() {
  fill($("#claim-member"), who ? [h("b", { "aria-hidden": "true" }, "✓ "), `${label(who)}`] : "Scan the card.");
}

async function claim() {
  const reference = $("#claim-reference").value.trim();
  if (!reference || !who) {
    warn(reference ? "Scan the member's card first." : "Write the receipt's reference first.");
    return;
  }
  if (sale.training) {
    warn("Points are added for good. Leave training first.");
    return;
  }
  if (isBusy) return;
  isBusy = true;
  try {
    const done = await withWord((word) => post("/v1/claims", { reference, member: who.member, operator: sale.operator, ...word }));
    if (!done) return;
    hush();
    tone("done");
    showReceipt("Points added", done);
    who = null;
    $("#claim-reference").value = "";
    draw();
  } catch (refusal) { warn(refusal); } finally { isBusy = false; }
}
