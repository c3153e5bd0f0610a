// What is done for a member beside points: another card for a lost one, and whether they agree to be written to.

import { at, post } from "./api.js";
import { $, h } from "./dom.js";
import { state } from "./live.js";
import { sale } from "./sale.js";
import { say, warn } from "./say.js";
import { openDialog } from "./views.js";

export const isOpen = () => Boolean($("#replace")?.open);

// A card scanned while the form is open is the new one.
export function scanned(result) {
  if (result.kind !== "unknown card") return warn(result.kind === "member" ? "Somebody has this card already." : "This is no member card.");
  $("#replace-new").value = result.code;
  return undefined;
}

export const deskOf = (one) => [
  h("button", { type: "button", class: "secondary", id: "desk-consent", onclick: () => openConsent(one) }, "May we write?"),
  h("button", { type: "button", class: "secondary", id: "desk-replace", onclick: () => openReplace(one) }, "Replace a card")];

const field = (id, label, more) => h("label", { class: "field" }, h("span", {}, label), h("input", { id, type: "text", autocomplete: "off", ...more }));
const cancel = (name) => h("button", { type: "button", class: "secondary", onclick: () => $(`#${name}`).close() }, "Cancel");

function openReplace(one) {
  const old = h("select", { id: "replace-old" }, one.cards.map((card) => h("option", { value: card }, card)));
  openDialog("replace", "Replace a card",
    h("form", { onsubmit: (event) => replace(event, one) },
      one.cards.length > 1 ? h("div", { class: "field" }, h("label", { for: "replace-old" }, "The old card"), old) : h("p", {}, `The old card: ${one.cards[0] ?? "none is known here"}`),
      field("replace-new", "The new card", { inputmode: "numeric", maxlength: "64", required: true, placeholder: "Scan it, or type its number" }),
      field("replace-reason", "What happened to the old one", { maxlength: "200", required: true }),
      h("div", { class: "buttons" }, cancel("replace"), h("button", { class: "primary", id: "replace-go" }, "Replace it"))));
  $("#replace-new").focus();
}

async function replace(event, one) {
  event.preventDefault();
  const asked = { new: $("#replace-new").value.replace(/\s/g, ""), reason: $("#replace-reason").value.trim(), operator: sale.operator, old: $("#replace-old")?.value ?? one.cards[0] ?? "" };
  $("#replace-go").disabled = true;
  try {
    const done = await post(`/v1/members/${at(one.member)}/replace-card`, asked);
    $("#replace").close();
    say(done.outcome === "replaced" ? "Replaced. Nobody is known by the old card any more." : "Asked for. Until head office allows it, the old card counts.");
  } catch (refusal) {
    $("#replace-go").disabled = false;
    warn(refusal);
  }
}

function openConsent(one) {
  const asked = state?.consent;
  openDialog("consent", "May we write to you?",
    asked?.version ? h("p", {}, asked.text) : h("p", {}, "Head office has published no text to agree to."),
    h("div", { class: "buttons" }, cancel("consent"),
      h("button", { type: "button", class: "secondary", id: "consent-no", onclick: () => answer(one, { given: false }) }, "They take it back"),
      asked?.version ? h("button", { type: "button", class: "primary", id: "consent-yes", onclick: () => answer(one, { given: true, text: asked.version }) }, "They agree") : null));
}

async function answer(one, said) {
  try {
    await post(`/v1/members/${at(one.member)}/consent`, { ...said, operator: sale.operator });
    $("#consent").close();
    say(said.given ? "Written down: they agree." : "Written down: nobody writes to them any more.");
  } catch (refusal) { warn(refusal); }
}
