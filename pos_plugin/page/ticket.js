// A question or complaint is taken down for head office, also without a network.

import { post } from "./api.js";
import { TOPICS } from "./asked.js";
import { $, fill, h } from "./dom.js";
import { label, lookUpForm } from "./member_panel.js";
import { sale } from "./sale.js";
import { say, warn } from "./say.js";
import { register } from "./views.js";

const newKey = () => crypto.randomUUID();
let who = null;
let key = "";

export const start = () => register("ticket", "A customer asks", form, { shown, scanned });

function form(place) {
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "A customer asks")),
      h("p", { class: "lead" }, "Head office answers: on the member's own page, and at the till when they next show their card."),
      h("label", { class: "field" }, h("span", {}, "About"), h("select", { id: "ticket-topic" }, Object.entries(TOPICS).map(([value, words]) => h("option", { value }, words)))),
      h("label", { class: "field" }, h("span", {}, "In the customer's words"), h("textarea", { id: "ticket-words", rows: "5", maxlength: "2000" })),
      h("label", { class: "field" }, h("span", {}, "Receipt, if it is about one"), h("input", { id: "ticket-receipt", type: "text", autocomplete: "off", maxlength: "40", placeholder: "At the end of the receipt, like 7K3M2P-17-6" })),
      h("label", { class: "field" }, h("span", {}, "How to answer, if they have no card"), h("input", { id: "ticket-contact", type: "text", autocomplete: "off", maxlength: "200", placeholder: "Phone number or e-mail" })),
      h("div", { class: "field" }, h("span", {}, "The member"), h("p", { id: "ticket-member", class: "chosen", role: "status" }), lookUpForm("ticket-lookup", scanned, { isCustomer: false })),
      h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", id: "ticket-go", onclick: send }, "Send, and print the number"))));
}

function shown() {
  who = sale.member;
  key = newKey();
  draw();
  $("#ticket-words").focus();
}

function scanned(found) {
  who = found.kind === "member" ? found : null; // whoever was there before is not whose card this is
  draw();
  if (!who) warn(found.message || "This is no member card.");
}

function draw() {
  fill($("#ticket-member"), who ? [h("b", { "aria-hidden": "true" }, "✓ "), label(who)] : "Scan the card, or leave it out.");
}

async function send() {
  const words = $("#ticket-words").value.trim();
  if (!words) return warn("Write down first what the customer says.");
  try {
    const done = await post("/v1/tickets", {
      topic: $("#ticket-topic").value, words, member: who?.member ?? "", operator: sale.operator ?? "", print: true,
      receipt: $("#ticket-receipt").value.trim(), contact: $("#ticket-contact").value.trim(),
    }, { "Idempotency-Key": key });
    for (const id of ["words", "receipt", "contact"]) $(`#ticket-${id}`).value = "";
    key = newKey();
    who = null; // the next who asks is somebody else
    draw();
    return say(`Its number is ${done.ticket}; tell the customer, if no slip came out. Head office gets it as soon as there is a network.`, null);
  } catch (refusal) { return warn(refusal); }
}
