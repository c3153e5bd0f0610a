// Network and printer in words, the lasting banner while there is no connection, and the question about a doubtful print.

import { ask, post } from "./api.js";
import { $, fillAfterTap, h } from "./dom.js";
import { refresh, watch } from "./live.js";
import { say, warn } from "./say.js";

export function start() {
  watch(draw);
  $("#try-now").addEventListener("click", tryNow);
  $("#not-theirs").addEventListener("click", notTheirs);
  $("#printed-seen").addEventListener("click", () => { seen = noted; banner("#printed-banner", ""); });
}

// By itself a till without a connection asks ever more seldom, up to a minute apart.
async function tryNow() {
  try {
    await post("/v1/sync");
    say("Asking head office…", null);
  } catch (refusal) { warn(refusal); }
}

// Sales of another till that prints through this one: whose card was read, and what the cashier should know of a paper.
let noted = "", seen = "";

async function notTheirs() {
  try {
    await ask("DELETE", "/v1/lane");
    say("The next receipt of the other till is nobody's.");
  } catch (refusal) { warn(refusal); }
  refresh();
}

function drawLane({ prints_for_others: isSoldElsewhere, lane, printed }) {
  banner("#lane-banner", isSoldElsewhere && lane ? `The other till's next receipt earns points for card ${lane.card}.` : "");
  const last = printed.at(-1);
  noted = last ? JSON.stringify(last) : "";
  banner("#printed-banner", last && noted !== seen ? `${last.reference ? `Receipt ${last.reference} of the other till: ` : ""}${last.text}` : "");
}

function draw(state, refusal) {
  if (refusal) {
    chip("#network", "bad", "Till does not answer");
    banner("#banner", `${refusal.message} Keep selling; it is tried again.`);
    $("#try-now").hidden = true;
    return;
  }
  const { network, printer, scanners, till } = state;
  $("#till-name").textContent = `Till ${till.terminal}`;
  document.title = `Till ${till.terminal}`;
  chip("#network", network.online ? "good" : network.configured && till.enrolled ? "bad" : "", network.online ? "Connected" : network.configured && till.enrolled ? "Offline" : "No head office");
  $("#network").title = network.text;
  banner("#banner", network.configured && till.enrolled && !network.online ? network.text : "");
  $("#try-now").hidden = network.online;
  const silent = scanners.filter((one) => one.trouble);
  banner("#scanner-banner", scannerTrouble(silent, scanners.length > silent.length));
  $("#scanner-banner").title = silent.map((one) => one.trouble).join(" "); // for whoever set it up
  if (!printer.configured) chip("#printer", "", "No printer");
  else if (printer.trouble) chip("#printer", "bad", "No printing");
  else if (!printer.asked) chip("#printer", "", "Asking the printer…");
  else chip("#printer", printer.answers ? "good" : "", printer.answers ? "Printer ready" : "Printer silent");
  banner("#printer-banner", printer.trouble ? `${printer.trouble} ${waiting(printer.waiting)}` : printer.notice);
  drawLane(state);
  drawQuestions(printer.jobs.filter((job) => job.state === "unknown"));
}

function scannerTrouble(silent, isAnotherWell) {
  if (!silent.length) return "";
  const which = silent.length > 1 ? `${silent.length} scanners do not answer. Check their cables.` : `${sayable(silent[0].name)} does not answer. Check its cable.`;
  return `${which} ${isAnotherWell ? "Another scanner reads." : "Until then type the cards' numbers."}`;
}

// An address is nothing that a person says.
const sayable = (name) => name.includes("://") ? "The scanner" : `The scanner “${name}”`;

function chip(id, kind, text) {
  const place = $(id);
  place.dataset.kind = kind;
  const words = place.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
}

function waiting(count) {
  if (!count) return "";
  return count === 1 ? "One receipt waits and prints by itself once that is put right." : `${count} receipts wait and print by themselves once that is put right.`;
}

function banner(id, text) {
  const place = $(id);
  place.hidden = !text;
  const words = place.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
}

function drawQuestions(jobs) {
  const shown = jobs.map((job) => job.job + job.can_go_on + job.reason).join();
  if ($("#prints").dataset.shown === shown) return;
  $("#prints").dataset.shown = shown;
  fillAfterTap($("#prints"), jobs.map((job) =>
    h("div", { class: "banner ask", title: job.reason }, // what the printer said then; how it is now stands above
      h("b", { "aria-hidden": "true" }, "?"),
      h("span", {}, h("strong", {}, question(job)), ` Receipt ${job.reference}.`),
      answers(job))));
}

// What the printer keeps it prints by itself once it can; then this question goes away without anybody.
export const question = (job) => job.can_go_on
  ? "The receipt stopped half-way. Put the printer right: the rest prints by itself."
  : "Did the receipt come out? Look before reprinting.";

// What a person who has looked at the paper can say of a doubtful print.
export const answers = (job) => [
  ...(job.can_go_on ? [h("button", { type: "button", class: "secondary", onclick: () => goOn(job) }, "Print the rest")] : []),
  h("button", { type: "button", class: "secondary", onclick: () => settle(job, true) }, "It came out"),
  h("button", { type: "button", class: "secondary", onclick: () => settle(job, false) }, "Print it again"),
];

async function goOn(job) {
  try {
    const done = await post(`/v1/print-jobs/${job.job}/go-on`);
    if (done.state === "printed") say("The rest came out: the receipt is whole.");
    else warn("The printer cannot print yet. Put it right, then try again.");
  } catch (refusal) { warn(refusal); }
  refresh();
}

async function settle(job, cameOut) {
  try {
    await post(`/v1/print-jobs/${job.job}`, { came_out: cameOut });
    say(cameOut ? "Noted: it came out." : "It prints again, marked COPY.");
  } catch (refusal) { warn(refusal); }
  refresh();
}
