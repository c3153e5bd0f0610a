// Somebody joins: with the card just scanned, or with a new number. All else is voluntary; name and phone need head office's key.

import { post } from "./api.js";
import { $, fill, h } from "./dom.js";
import { state } from "./live.js";
import { say, warn } from "./say.js";

let attachTo = () => {};
let brought;
let key = "";
let text = "";  // the version that is shown: what is agreed to is that one, whatever head office publishes meanwhile

export const isOpen = () => $("#join").open;

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const two = (number) => String(number).padStart(2, "0");

// A card scanned while the form is open goes into it: a new one is the member's, a known one that of whoever brought them.
export function scanned(result) {
  if ($("#joined-card")) return warn("This number is shown once. Tap Done first, then scan again.");
  if (result.kind === "member") return scannedMember(result);
  if (result.kind !== "unknown card") return warn("This is no member card.");
  $("#join-card").value = result.code;
  return undefined;
}

function scannedMember(who) {
  const into = $("#join-referrer");
  if (document.activeElement !== into) return warn("Somebody has joined with this card already.");
  into.value = who.card;  // masked, as everywhere; the till is told the reference
  brought = who;
  return undefined;
}

function referrer() {
  const typed = $("#join-referrer").value.replace(/\s/g, "");
  return typed && typed === brought?.card ? brought.member : typed;
}

const field = (id, label, more) => h("label", { class: "field" }, h("span", {}, label), h("input", { id, type: "text", autocomplete: "off", maxlength: "64", ...more }));

// Beside its label, not in it: the choices are no part of the label.
const choice = (id, label, none, options) => h("div", { class: "field" }, h("label", { for: id }, label),
  h("select", { id }, h("option", { value: "" }, none), options.map(([value, text]) => h("option", { value }, text))));

const tick = (id, label, isOn) => h("label", { class: "tick" }, h("input", { id, type: "checkbox", checked: isOn }), h("span", {}, label));

// Nothing is agreed to by leaving a box alone, so it is empty at first; the words are the shop's, in its language.
const consent = (asked) => h("fieldset", { class: "consent" }, h("legend", {}, `May we write to you? (voluntary, text ${asked.version})`),
  h("p", { id: "join-consent-text" }, asked.text), tick("join-consent", "The member agrees", false));

export function openJoin(card, attach) {
  attachTo = attach;
  brought = undefined;
  key = crypto.randomUUID(); // tapped again after an answer that was lost, it is the same member
  const dialog = $("#join");
  const canName = Boolean(state?.till.enrolled);
  const charities = state?.program.charities ?? [];
  text = state?.consent?.version ?? "";
  fill(dialog,
    h("form", { class: "joining", onsubmit: submit },
      h("h2", { id: "join-title" }, "Join a member"),
      field("join-card", "Card", { inputmode: "numeric", value: card, placeholder: "Scan, or leave empty for a new one" }),
      field("join-name", "Name (voluntary)", { disabled: !canName }),
      field("join-phone", "Phone (voluntary)", { inputmode: "tel", disabled: !canName }),
      h("fieldset", { class: "birthday" }, h("legend", {}, "Birthday (voluntary)"),
        field("join-day", "Day", { inputmode: "numeric", maxlength: "2" }),
        choice("join-month", "Month", "–", MONTHS.map((name, index) => [two(index + 1), name]))),
      field("join-referrer", "Who brought you (voluntary)", { placeholder: "Scan or type that member's card" }),
      charities.length ? choice("join-charity", "Charity (voluntary)", "No choice", charities.map((one) => [one.name, one.title])) : null,
      text ? consent(state.consent) : null,
      state?.printer.configured ? tick("join-print", "Print a welcome slip", true) : null,
      state?.cards?.low ? h("p", { class: "dim" }, `New cards left in this shop: ${state.cards.left}. Ask head office for more.`) : null,
      canName ? null : h("p", { class: "dim" }, "Name and phone can be taken once this till has been connected to head office."),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, "Cancel"),
        h("button", { class: "primary", id: "join-go" }, "Join"))));
  dialog.showModal();
  if (card) $("#join-go").focus();
}

// Month and day as the till wants them; null where one of both is missing, or the day is none.
function birthday() {
  const [day, month] = [$("#join-day").value.trim(), $("#join-month").value];
  if (!day && !month) return "";
  const isDay = /^\d{1,2}$/.test(day) && new Date(Date.UTC(2000, month - 1, day)).getUTCMonth() === month - 1; // 2000 has a 29 February
  return month && isDay ? `${month}-${two(day)}` : null;
}

const asked = (born) => ({
  card: $("#join-card").value.replace(/\s/g, ""), name: $("#join-name").value.trim(), phone: $("#join-phone").value.trim(),
  birthday: born, charity: $("#join-charity")?.value ?? "", referrer: referrer(),
  consent: $("#join-consent")?.checked ? text : "", ...($("#join-print") ? { print: $("#join-print").checked } : {}),
});

async function submit(event) {
  event.preventDefault();
  const born = birthday();
  if (born === null) {
    $("#join-day").focus();
    return warn("There is no such birthday: write a day and a month, or leave both empty.");
  }
  const button = $("#join-go");
  button.disabled = true;
  try {
    const joined = await post("/v1/members", asked(born), { "Idempotency-Key": key });
    await attachTo(await post("/v1/identify", { scan: joined.card, entry_mode: "typed" }));
    done(joined.card);
  } catch (refusal) {
    button.disabled = false;
    warn(refusal);
  }
  return undefined;
}

function done(card) {
  const dialog = $("#join");
  fill(dialog,
    h("form", { method: "dialog" },
      h("h2", { id: "join-title" }, "Welcome"),
      h("p", {}, "The card's number, shown this once:"),
      h("p", { class: "card-number", id: "joined-card" }, card.replace(/(.{4})/g, "$1 ").trim()),
      h("div", { class: "buttons" }, h("button", { class: "primary", id: "joined-done" }, "Done"))));
  $("#joined-done").focus();
  say("Joined.");
}
