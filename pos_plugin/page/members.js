// A member's points without a sale: balance, what can be used here, the last movements; and joining.

import { at, get, post } from "./api.js";
import { $, asOf, day, fill, h, points, signed, usableHere } from "./dom.js";
import { openJoin } from "./join.js";
import { state } from "./live.js";
import { deskOf } from "./member_desk.js";
import { lookUpForm } from "./member_panel.js";
import { say, warn } from "./say.js";
import { register } from "./views.js";

const KINDS = { sale: "Sale", return: "Return", claim: "Points added later", join: "Joined", give: "Points given" };
let pendingCard = "";

export const start = () => register("members", "Members", form, { shown: () => $("#members-lookup").focus(), scanned, isMain: true });

function form(place) {
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "Member"), h("button", { type: "button", class: "quiet", id: "members-join", onclick: () => openJoin(pendingCard, scanned) }, "Join a member")),
      h("p", { class: "lead" }, "Scan a card to see its points, or look it up."),
      lookUpForm("members-lookup", scanned),
      h("div", { id: "enquiry", "aria-live": "polite" })));
}

export async function scanned(who) {
  pendingCard = who.kind === "unknown card" ? who.code ?? "" : "";
  if (who.kind !== "member") {
    fill($("#enquiry"));
    warn(who.message || "This is no member card.");
    return;
  }
  try {
    draw(await get(`/v1/members/${at(who.member)}`));
  } catch (refusal) { warn(refusal); }
}

function draw(one) {
  const lastDay = one.next_expiry ? day(one.next_expiry, -1) : "";
  fill($("#enquiry"),
    h("div", { class: "balance wide" },
      h("span", { class: "initials", "aria-hidden": "true" }, one.initials || "★"),
      h("div", {}, h("strong", {}, points(one.balance)), h("span", { class: "dim" }, asOf(one.as_of, state?.network.online)),
        h("span", { class: "dim" }, usableHere(one.spendable_here, one.balance, state?.network.online)))),
    h("p", { class: "dim" }, one.cards.map((card) => `Card ${card}`).join(", "), one.expiring ? ` · ${one.expiring} to use by ${lastDay}` : ""),
    one.tier ? h("p", {}, h("b", {}, one.tier.title), one.tier.ends ? ` until ${day(one.tier.ends)}` : "", one.tier.text ? h("span", { class: "dim" }, ` · ${one.tier.text}`) : null) : null,
    one.benefits.length ? h("p", { class: "dim" }, one.benefits.join(" · ")) : null,
    h("div", { class: "buttons" }, h("button", { type: "button", class: "secondary", "data-key": "print-balance", onclick: () => printBalance(one.member) }, "Print the balance"), deskOf(one)),
    h("h2", {}, "Last at this till"),
    one.movements.length
      ? h("ul", { class: "movements" }, one.movements.map((move) =>
          h("li", {}, h("span", { class: "dim" }, day(move.day)), h("span", {}, KINDS[move.kind] ?? "Other"), h("b", { class: move.points < 0 ? "minus" : "plus" }, signed(move.points)))))
      : h("p", { class: "dim" }, "Nothing yet."));
}

// Nothing moves; what becomes of the paper is said.
async function printBalance(member) {
  try {
    const done = await post(`/v1/members/${at(member)}/enquiry`);
    if (done.outcome === "printed") say("The balance is printed.");
    else warn({ message: done.reason || "Look at the paper." }, "trouble");
  } catch (refusal) { warn(refusal); }
}
