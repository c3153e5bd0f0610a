// Ties the page together: views, keys, scans, the cashier, training. Knows no figure.

import { post } from "./api.js";
import * as claim from "./claim.js";
import { $, h, useCurrency, useZone } from "./dom.js";
import * as join from "./join.js";
import * as live from "./live.js";
import * as panel from "./member_panel.js";
import * as members from "./members.js";
import * as printer from "./printer.js";
import * as receipt from "./receipt.js";
import * as returns from "./returns.js";
import * as model from "./sale.js";
import * as saleView from "./sale_view.js";
import { question, say, warn } from "./say.js";
import * as scanner from "./scanner.js";
import * as status from "./status.js";

const { sale } = model;
const KEYS = { F2: () => show("sale"), F4: () => show("returns"), F6: () => show("members"), F7: () => show("claim"), F8: panel.useAll, F9: complete };
const REFERENCE = /^[0-9A-Z]{6}-\d+-[0-9A-Z]$/i;
let view = "sale";

function show(name) {
  view = name;
  for (const button of document.querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
    $(`#view-${button.dataset.view}`).hidden = button.dataset.view !== name;
  }
  if (name === "returns") returns.focus();
  if (name === "claim") claim.shown();
  if (name === "members") $("#members-lookup").focus();
  if (name === "sale") document.activeElement?.blur();
}

function complete() {
  if (view === "sale") saleView.complete();
  else show("sale");
}

function scanned(result) {
  if (["damaged card", "blocked card", "refused code"].includes(result.kind)) return warn(result.message);
  if (join.isOpen()) return join.scanned(result);
  if ($("#ask").open) return warn("Answer the question first, then scan again.");
  if (receipt.isOpen()) receipt.close();
  if (result.kind === "item" && REFERENCE.test(result.code)) {
    if (view === "claim") $("#claim-reference").value = result.code.toUpperCase();
    else { show("returns"); returns.look(result.code.toUpperCase()); }
    return undefined;
  }
  if (view === "members") return members.scanned(result);
  if (view === "claim") return claim.scanned(result);
  show("sale");
  return result.kind === "item" || result.kind === "coupon" ? saleView.scannedItem(result) : panel.identified(result);
}

async function typedByScanner(code) {
  try {
    scanned(await post("/v1/identify", { scan: code, entry_mode: "scanned" }));
  } catch (refusal) { warn(refusal); }
}

function pressed(event) {
  const isDialog = Boolean(document.querySelector("dialog[open]"));
  if (event.key === "F10" && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    if (!event.repeat) printer.openDrawer(); // also while the receipt is shown: that is when change is given
  } else if (KEYS[event.key] && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    if (!isDialog && !event.repeat) KEYS[event.key]();
  } else if (event.key === "Enter" && !event.repeat && !isDialog && view === "sale" && document.activeElement === document.body) {
    event.preventDefault();
    saleView.complete();
  }
}

function drawCashier() { $("#cashier span").textContent = `Cashier ${sale.operator}`; }

async function signOff() {
  const field = h("input", { id: "operator", type: "text", autocomplete: "off", maxlength: "32", value: sale.operator });
  const answer = question("Cashier", "Signing off ends the sale on screen.", "Sign on", "Back");
  $("#ask p").after(h("label", { class: "field" }, h("span", {}, "Name or number"), field));
  field.select();
  field.focus();
  const yes = await answer;
  if (!yes || !field.value.trim()) return;
  try {
    await post("/v1/sign-off", { operator: sale.operator });
    model.renew();
    sale.operator = field.value.trim();
    localStorage.setItem("operator", sale.operator);
    drawCashier();
    say(`Cashier ${sale.operator} is signed on.`, null);
  } catch (refusal) { warn(refusal); }
}

async function train() {
  const on = !sale.training;
  if (sale.lines.length && !(await question(on ? "Begin training?" : "End training?", "The sale on screen is cleared.", on ? "Begin training" : "End training"))) return;
  model.train(on);
  drawTraining();
}

function drawTraining() {
  $("#training").setAttribute("aria-checked", String(sale.training));
  $("#training-banner").hidden = !sale.training;
  document.documentElement.classList.toggle("is-training", sale.training);
}

let wasOnline = null;
let wasAtTill = false;

function told(state) {
  if (!state) return;
  useCurrency(state.program.currency);
  useZone(state.program.time_zone);
  if (sale.till && sale.till !== state.till.terminal) model.renew(); // kept from another till at this address
  Object.assign(sale, { till: state.till.terminal, currency: state.program.currency });
  if (wasOnline !== null && wasOnline !== state.network.online) model.requote();
  wasOnline = state.network.online;
  // The other till has sold: whoever was here has gone, and the figures are of before.
  if (wasAtTill && !state.lane && state.prints_for_others && !sale.lines.length) model.renew();
  wasAtTill = Boolean(state.lane);
}

sale.operator = localStorage.getItem("operator") || "1";
live.watch(told);
status.start();
printer.start();
for (const part of [returns, members, claim]) part.start();
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => show(button.dataset.view));
$("#cashier").addEventListener("click", signOff);
$("#training").addEventListener("click", train);
scanner.listen(typedByScanner);
live.whenScanned(scanned);
document.addEventListener("keydown", pressed);
drawCashier();
drawTraining();
await live.refresh();
await saleView.start();
model.resume();
live.listen();
document.documentElement.dataset.ready = "yes";
