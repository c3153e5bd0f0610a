// The member of the sale: who, what they have, what this sale earns and can take.

import { post } from "./api.js";
import { asked } from "./asked.js";
import { $, asOf, day, fill, fillAfterTap, h, keepsFocus, money, points, signed } from "./dom.js";
import { openJoin } from "./join.js";
import { kbd } from "./keys.js";
import { state } from "./live.js";
import { question, say, warn } from "./say.js";
import * as model from "./sale.js";
import { tone } from "./tones.js";

const { sale } = model;
let shownFor = null;
let pendingCard = ""; // nobody's yet, and only this sale's: the next customer is somebody else
let pendingFor = "";
let allOf = ""; // the sale of which all points are to be used once it is known how many

// A member was identified: attach them, or ask first where the sale has another.
export async function identified(who) {
  if (who.kind === "unknown card") {
    if (sale.member) return warn(`Nobody has joined with this card. ${label(sale.member)} stays on this sale.`, "refused");
    pendingCard = /^\d+$/.test(who.code ?? "") ? who.code : "";
    pendingFor = sale.ref;
    shownFor = null;
    drawMember($("#member"));
    return warn(who.message, "refused");
  }
  if (who.kind !== "member") return warn(who.message || "This is no member card.", "refused");
  const other = sale.member && sale.member.member !== who.member;
  if (other && !(await question("Another card", `This sale has ${label(sale.member)}. Use ${label(who)} instead?`, "Use this card", "Keep the first"))) return undefined;
  pendingCard = "";
  // A card that was read stays read, also when the same member is then looked up by phone.
  const wasRead = sale.member?.member === who.member && sale.member.can_redeem;
  if (wasRead && !who.can_redeem) return undefined;
  model.attach(who);
  say(`${label(who)} is on this sale.`, null);
  return tone("tick");
}

export const label = (who) => [who.initials, who.card && `Card ${who.card}`].filter(Boolean).join(" · ") || "the member";

export async function lookUp(text, entryMode, isCustomer = true) {
  const scan = text.trim();
  if (!scan) return null;
  return post("/v1/identify", { scan: entryMode === "typed" ? scan.replace(/\s/g, "") : scan, entry_mode: entryMode, is_customer: isCustomer });
}

export function drawMember(parent) {
  if (pendingCard && pendingFor !== sale.ref) {
    pendingCard = "";
    shownFor = null;
  }
  const now = sale.member ? sale.member.member : "";
  if (shownFor !== now) {
    shownFor = now;
    fill(parent, now ? attached() : nobody());
  }
  if (now) update();
  else $("#could-earn").textContent = sale.quote && sale.lines.length ? `With a card, this sale would earn ${signed(sale.quote.earn_points)}.` : "";
}

function nobody() {
  return [
    h("div", { class: "pane-head" }, h("h2", {}, "Member"), h("button", { type: "button", class: "quiet", id: "join-open", onclick: () => openJoin(pendingCard, identified) }, pendingCard ? "Join with this card" : "Join")),
    h("div", { class: "scan-hint" }, h("span", { class: "card-sign", "aria-hidden": "true" }), h("p", {}, "Scan the card, any time before paying.", h("span", { class: "dim", id: "could-earn" }))),
    lookUpForm("sale-lookup", identified),
  ];
}

const WAYS = { typed: ["Card", "Card number"], phone: ["Phone", "Phone number"], name: ["Name", "Name, or its beginning"] };

// Card number, phone or name, one field: the switch says which. Of those with a name, a person chooses.
export function lookUpForm(id, found, { isCustomer = true } = {}) {
  const input = h("input", { id, type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "64", "aria-label": WAYS.typed[1] });
  const named = h("div", { class: "named", "aria-live": "polite" });
  const by = ([mode, [text, label]]) => {
    const turn = () => {
      input.setAttribute("aria-label", label);
      input.inputMode = mode === "name" ? "text" : "numeric";
      named.replaceChildren();
    };
    return h("label", {}, h("input", { type: "radio", name: `${id}-by`, value: mode, checked: mode === "typed", onchange: turn }), h("span", {}, text));
  };
  const choose = async (one) => {
    try {
      const who = await lookUp(one.member, "name", isCustomer);
      input.value = "";
      named.replaceChildren();
      await found(who);
    } catch (refusal) { warn(refusal); }
  };
  return h("form", {
    class: "lookup",
    onsubmit: async (event) => {
      event.preventDefault();
      const mode = event.target.querySelector("input[type=radio]:checked").value;
      try {
        if (mode === "name") return await showNamed(named, input.value, choose);
        const who = await lookUp(input.value, mode, isCustomer);
        if (!who) return;
        input.value = "";
        await found(who.kind === "item" ? { kind: "item", message: "This number is no member card." } : who);
      } catch (refusal) { warn(refusal); }
    },
  },
    h("div", { class: "segments", role: "radiogroup", "aria-label": "Look up by" }, Object.entries(WAYS).map(by)),
    input, h("button", { class: "secondary" }, "Find"), named);
}

async function showNamed(place, name, choose) {
  if (!name.trim()) return;
  const { members, more } = await post("/v1/members/search", { name: name.trim() });
  place.replaceChildren(
    ...members.map((one) => h("button", { type: "button", class: "secondary", onclick: () => choose(one) }, h("span", {}, one.name), h("span", { class: "dim" }, one.card_end ? `Card ****${one.card_end}` : "no card"))),
    h("p", { class: "dim" }, !members.length ? "Nobody has joined with this name." : more ? "There are more. Write more of the name." : "Whoever is found by name earns points; to use points, scan the card."));
  place.querySelector("button")?.focus();
}

function attached() {
  const who = sale.member;
  return [
    h("div", { class: "pane-head" },
      h("h2", {}, h("span", { class: "initials", "aria-hidden": "true" }, who.initials || "★"), h("span", { id: "who" }, who.card ? `Card ${who.card}` : who.initials || "Found by phone")),
      h("button", { type: "button", class: "quiet", "aria-label": "Remove the member from this sale", onclick: () => model.attach(null) }, "Remove")),
    h("div", { class: "balance" }, h("strong", { id: "balance" }), h("span", { class: "dim", id: "as-of" }), h("span", { class: "dim", id: "spendable" })),
    h("div", { class: "standing", id: "standing" }),
    h("p", { class: "earn" }, h("span", { id: "earn", class: "plus" }), h("span", { id: "earn-text" })),
    h("div", { class: "redeem", id: "redeem" },
      h("label", { for: "wanted" }, "Use points"),
      h("p", { id: "redeem-text", class: "dim", "aria-live": "polite" }),
      h("input", { id: "wanted", type: "text", inputmode: "numeric", maxlength: "9", autocomplete: "off", value: "0",
        oninput: (event) => { const count = Number.parseInt(event.target.value, 10); model.want(Number.isSafeInteger(count) && count > 0 ? count : 0); } }),
      h("button", { type: "button", id: "use-all", class: "secondary accent", onclick: () => useAll() }, h("span", { id: "use-all-text" }), kbd("use_points"))),
    h("div", { class: "rewards", id: "rewards" }),
    h("p", { class: "sum-line", id: "sum-line" }),
  ];
}

const pointsOffer = () => sale.quote?.offers.find((one) => !one.reward);

export function useAll() {
  const most = pointsOffer()?.points ?? 0;
  if (sale.member && sale.lines.length && !sale.quote?.member) allOf = sale.ref; // pressed before the till has said what there is
  if (!most) return;
  model.want(sale.wanted === most ? 0 : most);
}

function update() {
  const { member: who, quote } = sale;
  const balance = quote?.member ? quote.balance : (who.balance ?? 0);
  const used = quote?.redeem_points ?? 0;
  const earned = quote?.member ? quote.earn_points : 0;
  const most = pointsOffer()?.points ?? 0;
  if (quote?.member && allOf) {
    const isThis = allOf === sale.ref;
    allOf = "";
    if (isThis && most && !sale.wanted) model.want(most);
  }
  $("#balance").textContent = points(balance);
  $("#as-of").textContent = asOf(quote?.member ? quote.as_of : who.as_of, state?.network.online);
  $("#spendable").textContent = quote?.member && sale.member.can_redeem ? quote.spendable_text : "";
  $("#earn").textContent = signed(earned);
  $("#earn-text").textContent = quote ? (quote.earn[0]?.text ?? "this sale") : "this sale";
  $("#redeem").classList.toggle("off", !most && !sale.wanted);
  const field = $("#wanted");
  field.disabled = !most && !sale.wanted;
  if (document.activeElement !== field || Number(field.value || 0) !== sale.wanted) field.value = String(sale.wanted);
  const all = $("#use-all");
  all.disabled = !most;
  all.setAttribute("aria-pressed", String(most > 0 && sale.wanted === most));
  $("#use-all-text").textContent = most && sale.wanted === most ? "Use none" : most ? `Use all ${most}` : "Use all";
  $("#redeem-text").textContent = redeemText(quote, most, used);
  $("#redeem-text").classList.toggle("refused", Boolean(quote?.rejected.length));
  fillAfterTap($("#standing"), standing(quote));
  fillAfterTap($("#rewards"), (quote?.offers ?? []).filter((one) => one.reward).map(rewardButton));
  $("#sum-line").textContent = quote ? `${balance} ${signed(earned)} ${used ? `${signed(-used)} ` : ""}= ${points(balance + earned - used)}` : "";
}

// The tier and the way to the next, what the member has without points, and a word to the cashier.
function standing(quote) {
  if (!quote?.member) return asked(sale.member);
  const { tier, benefits, notes } = quote;
  const until = tier?.ends ? ` until ${day(tier.ends)}` : "";
  return [
    tier ? h("p", {}, h("b", {}, tier.title), until, tier.text ? h("span", { class: "dim" }, ` · ${tier.text}`) : null) : null,
    benefits.length ? h("p", { class: "dim" }, benefits.join(" · ")) : null,
    ...notes.map((note) => h("p", { class: "refused", role: "status" }, note)),
    ...asked(sale.member),
  ];
}

// What can be had, to be taken with a tap; what is nearly in reach says what is missing.
function rewardButton(one) {
  const isChosen = sale.reward === one.reward;
  return h("button", {
    type: "button", class: "secondary", "data-key": `reward ${one.reward}`, "aria-pressed": String(isChosen), disabled: one.missing_points > 0,
    ...keepsFocus, onclick: () => model.choose(one.reward),
  }, h("span", {}, one.title), h("span", { class: "dim" }, one.missing_points ? `${points(one.missing_points)} more` : points(one.points)));
}

function redeemText(quote, most, used) {
  if (quote?.rejected.length) return quote.rejected.map((one) => one.text).join(" ");
  if (used) return `${points(used)} take ${money(quote.redeemed_minor)} off.`;
  if (most) return `All of them take ${money(pointsOffer().worth_minor)} off.`;
  if (quote?.member && !sale.member.can_redeem) return "To use points, scan the card itself.";
  return quote?.member ? "None can be used on this sale." : "";
}
