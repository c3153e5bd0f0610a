// Every device as a person meets it: how it is in words, what is wrong, a button where one helps; what waits; the last lines of the log.

import { get, post } from "./api.js";
import { openConnect } from "./connect.js";
import { $, clock, fillAfterTap, h, keepsFocus } from "./dom.js";
import { kbd } from "./keys.js";
import { state, watch } from "./live.js";
import { say, warn } from "./say.js";
import { answers, question } from "./status.js";
import { inFront, register, show } from "./views.js";

const SIGNS = { well: "✓", trouble: "!", quiet: "?", asking: "…", none: "○" };
const WORDS = { well: "Ready", trouble: "Needs you", quiet: "Cannot say", asking: "Being asked", none: "Not set up" };
const FIXES = {
  "test-print": ["Print test page", () => busy(testPrint)],
  drawer: ["Open drawer", () => openDrawer()],
  look: ["Look again", () => busy(look)],
  sync: ["Try now", () => busy(sync)],
  connect: ["Connect to head office", () => openConnect(known.pairing.url)],
};

let isOpening = false;
let isBusy = false;
let told = [];
let found = null;
let known = null;
let reading = null;

export function start() {
  register("devices", "Devices", () => {}, { shown });
  watch(changed);
  for (const chip of ["#network", "#printer"]) $(chip).addEventListener("click", () => show("devices"));
  $("#drawer").addEventListener("click", openDrawer);
  for (const kind of ["pointerdown", "pointermove"]) $("#drawer").addEventListener(kind, keepsFocus[`on${kind}`]);
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

function shown() {
  [told, found] = [[], null];
  changed();
}

function changed() {
  $("#drawer").hidden = !state?.printer.configured;
  if (inFront()?.name === "devices") read();
}

// One request at a time; what came in between is asked for once more.
async function read() {
  if (reading) { reading = "again"; return; }
  do {
    reading = "now";
    try {
      known = await get("/v1/devices");
      draw();
    } catch (refusal) { warn(refusal); reading = null; }
  } while (reading === "again");
  reading = null;
}

async function busy(work) {
  if (isBusy) return;
  isBusy = true;
  draw();
  try {
    await work();
  } catch (refusal) { told = [refusal.sentence ?? String(refusal)]; }
  isBusy = false;
  await read();
}

async function testPrint() {
  told = ["Printing the test page…"];
  draw();
  told = (await post("/v1/test-print", {})).text;
}

async function look() {
  told = ["Looking at the printer, and for devices that are not set up…"];
  draw();
  const looked = await post("/v1/devices/look");
  told = [looked.printer];
  found = looked.found;
}

async function sync() {
  await post("/v1/sync");
  told = ["Head office is asked now."];
}

function draw() {
  if (!known) return;
  const rank = (one) => ["trouble", "asking"].indexOf(one.condition) & 3; // -1, what is neither, is 3
  const devices = [...known.devices].sort((one, other) => rank(one) - rank(other));
  const troubles = devices.filter((one) => one.condition === "trouble").length + known.outbox.doubtful;
  fillAfterTap($("#view-devices"),
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "Devices"), h("button", { type: "button", class: "quiet", "data-key": "back", onclick: () => show("sale") }, "Back to the sale")),
      h("p", { class: "lead", id: "devices-sum" }, troubles ? `${troubles === 1 ? "One thing needs" : `${troubles} things need`} you.` : "Nothing needs you."),
      told.length ? h("div", { id: "tested", role: "status" }, told.map((line) => h("p", {}, line))) : null,
      found ? candidates() : null,
      h("ul", { class: "devices" }, devices.map(drawDevice)),
      h("h2", {}, "On its way"), h("p", { id: "outbox" }, outbox()),
      h("h2", {}, "This till and head office"), pairing(),
      h("h2", {}, "Last lines of the log"), log()));
}

function drawDevice(one, index) {
  const id = `device-${one.kind.replace(" ", "-")}-${index}`;
  return h("li", { class: "device", "data-condition": one.condition, "data-kind": one.kind, "aria-labelledby": id },
    h("b", { "aria-hidden": "true" }, SIGNS[one.condition]),
    h("div", {},
      h("h2", { id }, one.name, h("span", { class: "condition" }, WORDS[one.condition])),
      h("p", {}, one.text), one.do ? h("p", { class: "dim" }, one.do) : null,
      one.kind === "printer" ? prints() : null),
    one.fixes.length ? h("div", { class: "buttons" }, one.fixes.map((fix) =>
      h("button", { type: "button", class: "secondary", "data-key": `${fix}-${one.kind}`, disabled: isBusy && fix !== "drawer", onclick: FIXES[fix][1] }, FIXES[fix][0], fix === "drawer" ? kbd("drawer") : null))) : null);
}

// What the printer has not printed, and what nobody knows whether it has.
function prints() {
  const open = state.printer.jobs.filter((job) => job.state !== "printed" && job.state !== "dropped").reverse();
  const waiting = open.filter((job) => job.state !== "unknown");
  return [
    waiting.length || !open.length ? h("p", { class: "queue" }, queue(state.printer, waiting)) : null, // a doubt is told below
    waiting.length
      ? h("ol", { class: "movements", id: "queue" }, waiting.slice(0, 5).map((job) =>
        h("li", {}, h("span", {}, job.copy ? "Copy" : "Receipt"), h("span", {}, job.reference), h("span", { class: "dim" }, job.state === "started" ? "printing" : "waits"))))
      : null,
    open.filter((job) => job.state === "unknown").map((job) =>
      h("div", { class: "printing bad" }, h("b", { "aria-hidden": "true" }, "?"),
        h("span", {}, h("strong", {}, question(job)), ` Receipt ${job.reference}. ${job.reason}`),
        h("div", { class: "buttons" }, answers(job)))),
  ].flat().filter(Boolean);
}

function queue(printer, waiting) {
  if (!printer.configured) return "";
  if (!waiting.length) return "No receipt waits.";
  const many = waiting.length === 1 ? "One receipt waits" : `${printer.waiting} receipts wait`;
  return printer.trouble ? `${many}, and will print once that is put right.` : `${many} to be printed.`;
}

function candidates() {
  if (!found.length) return h("p", { id: "found" }, "There is no printer or scanner here that is not set up. One on the network is not looked for.");
  return h("ul", { id: "found", class: "devices" }, found.map((one) =>
    h("li", { class: "device" }, h("b", { "aria-hidden": "true" }, "+"), h("div", {}, h("h2", {}, one.found), h("p", {}, one.do)))));
}

function outbox() {
  const { entries, oldest, receipts } = known.outbox;
  if (!known.pairing.url) return `${entries} ${entries === 1 ? "entry is" : "entries are"} kept here: this till has no head office.`;
  const sent = !entries ? "Head office has everything." : `${entries} ${entries === 1 ? "entry waits" : "entries wait"} for head office${oldest ? `, the oldest since ${moment(oldest)}` : ""}.`;
  return receipts ? `${sent} ${receipts === 1 ? "One receipt waits" : `${receipts} receipts wait`} for the printer.` : sent;
}

const moment = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;

function pairing() {
  const { terminal, shop, url, enrolled, last_contact: heard, command } = known.pairing;
  const row = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h("dl", { class: "pairing" },
    row("Till", terminal), row("Shop", enrolled ? shop : "none yet"), row("Head office", url || "none"),
    row("Last heard", heard ? moment(heard) : "never"),
    enrolled ? null : row("By a command", h("code", {}, command)));
}

function log() {
  if (!known.log.length) return h("p", { class: "dim" }, "Nothing was logged since the till started.");
  return h("ol", { class: "log" }, known.log.map((line) => h("li", {}, h("span", { class: "dim" }, clock(line.at)), h("span", {}, `${line.level === "info" ? "" : `${line.level}: `}${line.text}`))));
}
