// Goods that come back: all of a sale, some lines, or an amount; or the whole sale undone.

import { at, get, post } from "./api.js";
import { $, day, fill, h, minor, money, quantity, signed } from "./dom.js";
import { state } from "./live.js";
import { showReceipt } from "./receipt.js";
import { sale } from "./sale.js";
import { hush, question, warn } from "./say.js";
import { withWord } from "./sign_on.js";
import { tone } from "./tones.js";
import { register } from "./views.js";

let found = null;
let way = "all";
let taken = {};
let returnRef = "";
let isBusy = false;

export const start = () => register("returns", "Returns", form, { shown: () => $("#return-of").focus(), isMain: true });

function form(place) {
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "Return")),
      h("p", { class: "lead" }, "The receipt's reference stands at its end."),
      h("form", { class: "lookup", onsubmit: (event) => { event.preventDefault(); look($("#return-of").value.trim()); } },
        h("input", { id: "return-of", type: "text", autocomplete: "off", maxlength: "64", placeholder: "Receipt reference or sale number", "aria-label": "Receipt reference or sale number" }),
        h("button", { class: "secondary" }, "Find")),
      h("div", { id: "returned", "aria-live": "polite" })));
}

export async function look(text) {
  if (!text) return;
  try {
    const reference = /^\w{6}[- ]\d+[- ]\w$/.test(text) ? await get(`/v1/receipts/${at(text)}`) : { till: state.till.terminal, sale_ref: text };
    if (!reference.sale_ref) throw new Error("This receipt is of no sale.");
    found = await get(`/v1/sales/${at(reference.till, reference.sale_ref)}`);
    [way, taken, returnRef] = ["all", {}, `R${Date.now().toString(36).toUpperCase()}`];
    hush(); // what was said of a number before
    draw();
  } catch (trouble) {
    found = null;
    fill($("#returned"));
    warn(trouble);
  }
}

function draw() {
  const { sale: sold, left } = found;
  const wayButton = (value, text) => h("label", {}, h("input", { type: "radio", name: "way", value, checked: way === value, "data-key": `way-${value}`, onchange: () => { way = value; draw(); } }), h("span", {}, text));
  const isGone = !left.lines.length && !left.total_minor;
  fill($("#returned"),
    h("div", { class: "sold" },
      h("div", {}, h("strong", {}, `Receipt ${found.reference}`), h("span", { class: "dim" }, `${day(sold.sold_at)} ${sold.sold_at.slice(11, 16)} · sale ${sold.sale_ref}`)),
      h("div", { class: "right" }, h("strong", {}, money(found.due_minor)), h("span", { class: "dim" }, `${found.member ? signed(found.earned_points) : "no card"}${found.redeem_points ? ` · ${signed(-found.redeem_points)} used` : ""}`))),
    found.returns.map((one) => h("p", { class: "came-back" }, `Came back already: ${money(one.returned_minor)}, receipt ${one.reference}`)),
    found.redeem_points && !isGone ? h("p", { class: "dim", id: "paid-with-points" }, `${money(found.due_minor)} was paid, the rest with points. What comes back of each is said when the return is recorded.`) : null,
    isGone ? h("p", { class: "lead" }, "All of this sale has come back.") : [
      h("div", { class: "segments", role: "radiogroup", "aria-label": "What comes back" },
        wayButton("all", found.returns.length ? `All that is left, ${money(left.total_minor)}` : `All of it, ${money(left.total_minor)}`), wayButton("lines", "Some items"), wayButton("amount", "An amount")),
      way === "lines" ? h("ul", { class: "lines back" }, left.lines.map(drawLine)) : null,
      way === "amount" ? h("label", { class: "field" }, h("span", {}, `Amount, at most ${money(left.total_minor)}`), h("input", { id: "back-amount", "data-key": "amount", type: "text", inputmode: "decimal", autocomplete: "off", maxlength: "12", placeholder: "0.00" })) : null,
      h("div", { class: "buttons" },
        found.returns.length ? null : h("button", { type: "button", class: "secondary danger", onclick: voidSale }, "Void the sale"),
        h("button", { type: "button", class: "primary", id: "return-go", onclick: giveBack }, "Record the return")),
    ]);
}

function drawLine(line) {
  const milli = line.quantity_milli ?? 1000;
  const most = Math.ceil(milli / 1000);
  const now = taken[line.line_id] ?? 0;
  const step = (by) => { taken[line.line_id] = Math.min(most, Math.max(0, now + by)); draw(); };
  const name = line.name || line.sku || line.line_id;
  return h("li", {},
    h("div", { class: "what" }, h("span", { class: "name" }, name), h("span", { class: "dim" }, `${quantity(milli)} sold, ${money(line.amount_minor)}`)),
    h("div", { class: "stepper" },
      h("button", { type: "button", class: "step", "data-key": `less${line.line_id}`, "aria-label": `One less ${name}`, onclick: () => step(-1) }, "−"),
      h("output", {}, String(Math.min(now, milli / 1000))),
      h("button", { type: "button", class: "step", "data-key": `more${line.line_id}`, "aria-label": `One more ${name}`, onclick: () => step(1) }, "+")));
}

function wanted() {
  if (way === "all") return {};
  if (way === "amount") {
    const amount_minor = minor($("#back-amount").value);
    if (!amount_minor) throw new Error("Write the amount like 2.50.");
    return { amount_minor };
  }
  const lines = found.left.lines.filter((line) => taken[line.line_id]).map((line) =>
    taken[line.line_id] * 1000 >= (line.quantity_milli ?? 1000) ? { line_id: line.line_id } : { line_id: line.line_id, quantity: taken[line.line_id] });
  if (!lines.length) throw new Error("Choose what comes back.");
  return { lines };
}

async function giveBack() {
  try {
    // The same reference until it is recorded: pressed again after a failure, it is the same return.
    await send("refund", "Return recorded", { return_ref: returnRef, ...wanted() });
  } catch (trouble) { warn(trouble); }
}

async function voidSale() {
  if (!(await question("Void this sale?", "All of it is undone: the money goes back, and so do the points on both sides.", "Void the sale"))) return;
  try {
    await send("void", "Sale voided", {});
  } catch (trouble) { warn(trouble); }
}

async function send(what, title, body) {
  if (isBusy) return;
  if (sale.training) throw new Error("Returns are recorded for good. Leave training first.");
  isBusy = true;
  try {
    const { till, sale_ref } = found.sale;
    const done = await withWord((word) => post(`/v1/sales/${at(till, sale_ref)}/${what}`, { operator: sale.operator, ...body, ...word }));
    if (!done) return;
    hush();
    tone("done");
    showReceipt(title, done);
    found = null;
    fill($("#returned"));
    $("#return-of").value = "";
  } finally { isBusy = false; }
}
