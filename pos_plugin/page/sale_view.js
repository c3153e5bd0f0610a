// The sale on screen: items to tap, lines, sums, and the one button.

import { get } from "./api.js";
import { $, fill, fillAfterTap, h, keepsFocus, money } from "./dom.js";
import { drawMember } from "./member_panel.js";
import { showReceipt } from "./receipt.js";
import { hush, question, say, warn } from "./say.js";
import * as model from "./sale.js";
import { tone } from "./tones.js";
import * as views from "./views.js";

const { sale } = model;
let items = [];

export const register = () => views.register("sale", "Sale", () => {}, { shown: () => document.activeElement?.blur(), isMain: true });

export async function start() {
  items = (await get("/page/items.json")).items;
  fill($("#items"), items.filter((item) => item.price_minor).map((item) =>
    h("button", { type: "button", class: "tile", ...keepsFocus, onclick: () => model.add(item) },
      h("span", { class: "name" }, item.name), h("span", { class: "price" }, money(item.price_minor)))));
  $("#clear").addEventListener("click", clear);
  $("#complete").addEventListener("click", complete);
  model.whenChanged(draw);
  draw();
}

async function clear() {
  if (await question("Clear this sale?", "Its lines and member are taken away. Nothing has been recorded.", "Clear")) model.renew();
}

export async function complete() {
  if (sale.isCompleting) return;
  if (!sale.lines.length) {
    warn("There is nothing to complete yet. Tap an item, or scan one.");
    return;
  }
  try {
    const done = await model.complete();
    if (!done) return;
    hush();
    tone("done");
    showReceipt(done.training ? "Training sale" : "Sale completed", done);
  } catch (refusal) {
    warn(refusal);
  }
}

// What a scan means while a sale is on screen: an item adds itself, anything else concerns the member.
export function scannedItem(result) {
  if (result.kind === "coupon") return warn(result.message ?? "This is a coupon. This page knows no coupons; the shop's own till does.");
  const said = result.item ?? {};
  const item = items.find((one) => one.sku === result.code || one.sku === said.number || one.sku.padStart(14, "0") === said.gtin);
  if (!item) return warn(result.message ?? `No item has the code ${result.code.slice(0, 40)}.`);
  const price = said.price_minor ?? item.price_minor ?? Math.round((item.price_per_kg_minor * said.weight_g) / 1000);
  if (!price) return warn(result.message ?? "This code says no price or weight. Weigh it again.");
  model.add({ ...item, price_minor: price });
  return tone("tick");
}

function draw() {
  fillAfterTap($("#lines"), sale.lines.map(drawLine));
  $("#no-lines").hidden = sale.lines.length > 0;
  $("#clear").disabled = (!sale.lines.length && !sale.member) || sale.isCompleting;
  drawMember($("#member"));
  drawSums();
}

function drawLine(line) {
  const name = `${line.name}, ${line.count}`;
  const button = (key, label, text, by) =>
    h("button", { type: "button", class: "step", "data-key": `${key}${line.line_id}`, "aria-label": label, ...keepsFocus, onclick: () => model.count(line.line_id, by) }, text);
  return h("li", { "aria-label": name },
    h("div", { class: "what" }, h("span", { class: "name" }, line.name), h("span", { class: "dim" }, `${money(line.unit_minor)} each`)),
    h("div", { class: "stepper" }, button("less", `One less ${line.name}`, "−", -1), h("output", {}, String(line.count)), button("more", `One more ${line.name}`, "+", 1)),
    h("span", { class: "amount" }, money(line.unit_minor * line.count)),
    button("gone", `Remove ${line.name}`, "×", -line.count));
}

function drawSums() {
  const { quote } = sale;
  const whole = model.total();
  const used = quote?.redeemed_minor ?? 0;
  const off = Object.values(quote?.off ?? {}).reduce((sum, minor) => sum + minor, 0);
  const due = money(Math.max(0, whole - off - used));
  const isOld = sale.lines.length > 0 && !model.isSettled();
  fill($("#sums"),
    h("dl", { class: isOld ? "old" : "" },
      h("div", {}, h("dt", {}, "Subtotal"), h("dd", {}, money(whole))),
      off ? h("div", { class: "used" }, h("dt", {}, "Members' prices"), h("dd", {}, money(-off))) : null,
      h("div", { class: used ? "used" : "dim" }, h("dt", {}, "Paid with points"), h("dd", {}, used ? money(-used) : money(0))),
      h("div", { class: "due" }, h("dt", {}, "To pay"), h("dd", { id: "due" }, due))),
    sale.stuck ? stuck(sale.stuck) : sale.trouble ? h("p", { class: "trouble" }, sale.trouble.sentence) : null);
  const button = $("#complete");
  button.disabled = sale.isCompleting || !sale.lines.length;
  $("#complete-text").textContent = sale.isCompleting ? "Recording…" : sale.stuck ? "Try again" : sale.training ? "Complete (training)" : "Complete";
  $("#complete-due").textContent = due;
}

// The till does not take the sale: selling goes on, and the customer loses nothing. Without a clear answer nothing is claimed.
function stuck(refusal) {
  const isCertain = refusal.status === 503 && refusal.code !== "COMMIT_UNKNOWN";
  return h("div", { class: "stuck" },
    h("p", {}, isCertain
      ? "Points were not recorded. Take the payment and go on without points; they can be added later with the receipt."
      : `It is not certain that this sale was recorded. Try again: it is recorded once at most. If you go on without points, look it up later under Returns as ${sale.ref}.`),
    h("button", { type: "button", class: "secondary", onclick: () => { model.renew(); say("Go on without points. A new sale has begun.", null); } }, "Go on without points"));
}
