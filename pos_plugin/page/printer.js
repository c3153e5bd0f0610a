// The devices as a person meets them: how each is and what to do; receipts that wait or are in doubt, the drawer, the test page.

import { post } from "./api.js";
import { $, fill, h, keepsFocus } from "./dom.js";
import { kbd } from "./keys.js";
import { state, watch } from "./live.js";
import { say, warn } from "./say.js";
import { answers, question } from "./status.js";

let isOpening = false;
let isTesting = false;
let tested = [];

export function start() {
  watch(draw);
  $("#printer").addEventListener("click", show);
  $("#drawer").addEventListener("click", openDrawer);
  $("#drawer").addEventListener("pointerdown", keepsFocus.onpointerdown);
}

export async function openDrawer() {
  if (isOpening || !state?.printer.configured) return;
  isOpening = true;
  try {
    const done = await post("/v1/drawer");
    say(done.drawer === "opened" ? done.text : `${done.text} ${done.hint}`);
  } catch (refusal) { warn(refusal); }
  isOpening = false;
}

function show() {
  tested = [];
  drawDialog();
  $("#printer-desk").showModal();
  $("#printer-close").focus();
}

function draw() {
  $("#drawer").hidden = !state?.printer.configured;
  if ($("#printer-desk").open) drawDialog();
}

async function test() {
  isTesting = true;
  tested = ["Printing the test page…"];
  drawDialog();
  try {
    tested = (await post("/v1/test-print", {})).text;
  } catch (refusal) {
    tested = [refusal.sentence];
  }
  isTesting = false;
  drawDialog();
}

function drawDialog() {
  const { printer, display, scanners } = state;
  const open = printer.jobs.filter((job) => job.state !== "printed" && job.state !== "dropped").reverse();
  const doubtful = open.filter((job) => job.state === "unknown");
  const waiting = open.filter((job) => job.state !== "unknown");
  fill($("#printer-desk > div"), // beside it stands what the till says
    h("h2", { id: "printer-title" }, "Printer"),
    sentence(printer),
    doubtful.map((job) =>
      h("div", { class: "printing bad" }, h("b", { "aria-hidden": "true" }, "?"),
        h("span", {}, h("strong", {}, question(job)), ` Receipt ${job.reference}. ${job.reason}`),
        h("div", { class: "buttons" }, answers(job)))),
    h("p", { class: "queue" }, queue(printer, waiting)),
    waiting.length
      ? h("ol", { class: "movements", id: "queue" }, waiting.slice(0, 5).map((job) =>
        h("li", {}, h("span", {}, job.copy ? "Copy" : "Receipt"), h("span", {}, job.reference), h("span", { class: "dim" }, job.state === "started" ? "printing" : "waits"))))
      : null,
    h("h2", {}, scanners.length > 1 ? "Scanners" : "Scanner"),
    scanners.length
      ? scanners.map((one) => told(...scannerWords(one)))
      : told("○", "", "No scanner is set up. One that types like a keyboard works on this page; pos-plugin doctor lists the others that are there, while no till runs."),
    display.configured ? h("h2", {}, "Customer's display") : null,
    display.configured ? h("p", { class: "queue" }, display.trouble ? `The customer's display does not answer. Check its cable. ${display.trouble}` : "The customer's display is connected.") : null,
    tested.length ? h("div", { id: "tested", role: "status" }, tested.map((line) => h("p", {}, line))) : null,
    h("div", { class: "buttons" },
      printer.configured ? h("button", { type: "button", class: "secondary", "data-key": "test", id: "print-test", disabled: isTesting, onclick: test }, "Print test page") : null,
      printer.configured ? h("button", { type: "button", class: "secondary", "data-key": "drawer", onclick: openDrawer }, h("span", {}, "Open drawer"), kbd("drawer")) : null,
      h("button", { type: "button", class: "primary", "data-key": "close", id: "printer-close", onclick: () => $("#printer-desk").close() }, "Done")));
  if (document.activeElement === document.body) $("#printer-close").focus();
}

function sentence(printer) {
  const [sign, kind, text] = !printer.configured
    ? ["○", "", "No printer is set up. Receipts are kept and can be shown; pos-plugin doctor lists the printers that are there, while no till runs."]
    : printer.trouble
      ? ["!", "bad", printer.trouble]
      : printer.answers
        ? ["✓", "good", printer.notice || "The printer is ready."]
        : ["○", "", "The printer does not say how it is. Look at the paper after each receipt."];
  return told(sign, kind, text);
}

function scannerWords(one) {
  const lost = one.lost ? ` ${one.lost === 1 ? "One code was" : `${one.lost} codes were`} lost on the way; if that goes on, check its cable and its settings.` : "";
  if (one.trouble) return ["!", "bad", `${one.name}: ${one.trouble}${lost}`];
  return one.ready ? ["✓", "good", `${one.name} is ready.${lost}`] : ["○", "", `${one.name} is being looked for.`];
}

const told = (sign, kind, text) => h("div", { class: `printing ${kind}`, role: "status" }, h("b", { "aria-hidden": "true" }, sign), h("span", {}, text));

function queue(printer, waiting) {
  if (!printer.configured) return "";
  if (!waiting.length) return "No receipt waits.";
  const many = waiting.length === 1 ? "One receipt waits" : `${printer.waiting} receipts wait`;
  return printer.trouble ? `${many}, and will print once that is put right.` : `${many} to be printed.`;
}
