// The end of the day: what it has come to (X), on the page or on paper; the Z; and the last closings.

import { get, post } from "./api.js";
import { $, day, fill, h, money, signed } from "./dom.js";
import { state, watch } from "./live.js";
import { sale } from "./sale.js";
import { question, say, warn } from "./say.js";
import { withWord } from "./sign_on.js";
import { inFront, register } from "./views.js";

const MOST_DAYS = 14;
let key = "";
let isBusy = false;
let shownTo = ""; // the operator whose figures stand there

export function start() {
  register("closing", "Close the day", draw, { shown: read });
  watch((state) => {
    const who = state?.operators.on?.operator ?? "";
    if (who === shownTo) return;
    shownTo = who;
    for (const id of ["#closing-now", "#closings"]) $(id)?.replaceChildren(); // figures are for whoever is on, and nobody else
    if (who && inFront()?.name === "closing") read();
  });
}

function draw(place) {
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "The day at this till")),
      h("div", { id: "closing-now", "aria-live": "polite" }),
      h("h2", {}, "Last closings"),
      h("div", { id: "closings" })));
}

async function read() {
  key = crypto.randomUUID(); // kept until a Z is recorded: pressed again after a failure, it is the same Z
  const whom = shownTo;
  try {
    const [now, last] = [await get("/v1/closing"), await get("/v1/closings")];
    if (whom !== shownTo) return; // somebody else has come meanwhile
    drawNow(now);
    drawLast(last.closings);
  } catch (refusal) { warn(refusal); }
}

const percent = (tenths) => `${Math.trunc(tenths / 10)}.${tenths % 10} %`;
const moved = (points) => (points ? signed(points) : "0");
const sales = (count) => `${count} ${count === 1 ? "sale" : "sales"}`;
const gap = (one) => (one.count === 1 ? one.first : `${one.first} to ${one.last}`);
const row = (name, figure) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, figure));

function drawNow(now) {
  const { total, names } = now;
  const mine = now.only ? null : now.operators[sale.operator];
  fill($("#closing-now"),
    h("p", { class: "lead" }, leadOf(now)),
    mine ? h("p", {}, h("b", {}, "You"), `: ${sales(mine.sales)}, ${percent(mine.share_tenths)} with a member.`) : null,
    now.is_empty ? null : h("table", { class: "tally" },
      h("caption", {}, now.only ? `${names[now.only] ?? now.only}, your own figures at till ${now.terminal}` : `Till ${now.terminal}`),
      h("tbody", {},
        row("Sales", `${total.sales}, ${money(total.sales_minor)}`),
        row("Returns", `${total.returns}, ${money(-total.returns_minor)}`),
        total.voids ? row("Voided", total.voids) : null,
        row("With a member", `${total.member_sales}, ${percent(total.share_tenths)} of the sales and ${percent(total.value_share_tenths)} of their value`),
        row("Points given", moved(total.issued)),
        row("Points used", moved(-total.redeemed)),
        row("Points taken back", moved(-total.reversed)),
        total.restored ? row("Points given back", moved(total.restored)) : null)),
    now.only ? h("p", { class: "dim" }, "A supervisor or manager sees everybody's, and ends the day.") : null,
    now.only ? null : parts("By cashier", now.operators, names),
    parts("By shift", now.shifts, Object.fromEntries(Object.keys(now.shifts).map((shift) => [shift, now.shift_names[shift] ?? (shift || "Without a shift")]))),
    warnings(now).map((words) => h("p", { class: "refused" }, words)),
    h("div", { class: "buttons" },
      now.is_empty ? null : h("button", { type: "button", class: "secondary", "data-key": "closing-print", onclick: printLook }, "Print this look"),
      now.is_closed ? null : h("button", { type: "button", class: now.is_empty ? "secondary" : "primary", id: "closing-z", "data-key": "closing-z", onclick: () => close(now) }, now.is_empty ? "Close an empty day" : "Close the day")));
}

function leadOf(now) {
  if (now.is_closed) return `${day(now.business_day)} is closed, and nothing has happened since. There is nothing to close.`;
  if (now.is_empty) return `${day(now.business_day)}, so far: nothing was sold, given or taken back. There is nothing to close, unless your country wants a closing for every day.`;
  return `${day(now.business_day)}, so far: this is a look, and the day goes on.`;
}

// As people know them: two of one name have what they sign on with beside it.
function nameOf(operator, names, all) {
  const shown = names[operator] ?? operator;
  const isShared = shown !== operator && [...new Set([...all, ...Object.keys(names)])].some((one) => one !== operator && (names[one] ?? one) === shown);
  return isShared ? `${shown} (${operator})` : shown || "nobody named";
}

function parts(title, tallies, known) {
  const names = Object.entries(tallies);
  if (!names.length) return null;
  const cells = ([name, one]) => h("tr", {},
    h("th", { scope: "row" }, nameOf(name, known, Object.keys(tallies))), h("td", {}, one.sales),
    h("td", {}, money(one.sales_minor - one.returns_minor)), h("td", {}, percent(one.share_tenths)));
  return h("table", { class: "tally" },
    h("caption", {}, title),
    h("thead", {}, h("tr", {}, ["Name", "Sales", "Value", "With a member"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, names.map(cells)));
}

function warnings(now) {
  const said = [];
  const late = Object.entries(now.late);
  const earlier = late.splice(0, Math.max(0, late.length - MOST_DAYS)); // a till's first closing may cover years
  if (earlier.length) said.push(`${sales(earlier.reduce((sum, [, count]) => sum + count, 0))} of ${earlier.length} days before ${day(late[0][0])}.`);
  for (const [of, count] of late) said.push(`${sales(count)} of ${day(of)}, which ${of > now.business_day ? "had not come: a clock was wrong" : "is over or was closed before"}.`);
  for (const [of, count] of Object.entries(now.ahead)) said.push(`${sales(count)} of ${day(of)}, left for a later closing.`);
  for (const one of now.missing) said.push(`No sale of till ${one.till} has ${one.count === 1 ? "the receipt number" : "the receipt numbers"} ${gap(one)}.`);
  if (now.restored_on) said.push(`On ${day(now.restored_on)} this till was put back to an earlier state. What it closed after that state is not in here, and may have the same numbers; the next Z says so.`);
  if (now.unsent) said.push(now.unsent === 1 ? "1 entry is not at head office yet. It is safe here." : `${now.unsent} entries are not at head office yet. They are safe here.`);
  return said;
}

async function printLook() {
  try {
    const done = await post("/v1/closing/look", { operator: sale.operator });
    if (done.outcome === "printed") say("The look is printed.");
    else warn({ message: done.reason || "Look at the paper." }, "trouble");
  } catch (refusal) { warn(refusal); }
}

async function close(now) {
  if (isBusy) return;
  if (sale.training) {
    warn("A day is closed for good. Leave training first.");
    return;
  }
  const ends = `${day(now.business_day)} ends at this till with Z ${now.number}.`;
  const isSure = now.is_empty
    ? await question("Close an empty day?", `${ends} Nothing is in it: its paper says so, and its number is used.`, "Close the empty day")
    : await question("Close the day?", `${ends} What is sold later is in the next one, which says so.`, "Close the day");
  if (!isSure) return;
  isBusy = true;
  try {
    const done = await withWord((word) => post("/v1/closing", { day: now.business_day, operator: sale.operator, ...word }, { "Idempotency-Key": key }));
    if (done) say(`${day(done.business_day)} is closed: Z ${done.number}. ${state?.printer.configured ? "Its paper is printed." : "This till has no printer: its paper is kept."}`);
    await read();
  } catch (refusal) { warn(refusal); }
  isBusy = false;
}

function drawLast(closings) {
  fill($("#closings"), closings.length
    ? h("ul", { class: "movements" }, closings.map((one) =>
        h("li", {},
          h("span", {}, `Z ${one.number}`), h("span", { class: "dim" }, `${day(one.business_day)}, ${sales(one.total.sales)}`),
          one.only || !state?.printer.configured ? null : h("button", { type: "button", class: "secondary", "data-key": one.reference, "aria-label": `Print again: Z ${one.number}`, onclick: () => again(one) }, "Print again"))))
    : h("p", { class: "dim" }, "None yet."));
}

async function again(one) {
  try {
    await post(`/v1/receipts/${encodeURIComponent(one.reference)}/reprint`);
    say(`Z ${one.number} is printed again, marked COPY.`);
  } catch (refusal) { warn(refusal); }
}
