// A receipt as it was printed, and what became of its printing, in words.

import { at, post } from "./api.js";
import { $, fill, fillAfterTap, h, money, signed } from "./dom.js";
import { kbd } from "./keys.js";
import { state, watch } from "./live.js";
import { openDrawer } from "./devices.js";
import { say, warn } from "./say.js";
import { answers, question } from "./status.js";

let shown = null;

export const isOpen = () => $("#receipt").open;
export const close = () => $("#receipt").close();

watch(() => shown && isOpen() && drawPrinting());

// `done` is what the till answered to a sale, a return, or a claim.
export function showReceipt(title, done) {
  const dialog = $("#receipt");
  shown = done;
  const isReturn = done.return_ref !== undefined;
  const money_minor = isReturn ? done.refund_minor : done.due_minor;
  const changes = isReturn
    ? [done.taken_points && signed(-done.taken_points), done.restored_points && `${signed(done.restored_points)} given back`]
    : [done.member && signed(done.earned_points), done.redeem_points && `${signed(-done.redeem_points)} used`];
  fill(dialog,
    h("div", { class: "receipt-facts" },
      h("h2", { id: "receipt-title" }, title),
      money_minor === undefined ? null : h("p", { class: "figure" }, h("span", {}, isReturn ? "Give back" : "To pay"), h("strong", {}, money(money_minor))),
      h("p", { class: "figure small" }, h("span", {}, "Points"), h("strong", {}, changes.filter(Boolean).join("  ") || (done.member === "" ? "No card" : signed(0)))),
      done.reference ? h("p", { class: "figure small" }, h("span", {}, "Receipt"), h("strong", { id: "receipt-reference" }, done.reference)) : null,
      h("div", { id: "printing", class: "printing", role: "status" }),
      h("div", { class: "buttons column" },
        done.reference && state?.printer.configured ? h("button", { type: "button", id: "reprint", class: "secondary", onclick: reprint }, "Print again (marked COPY)") : null,
        state?.printer.configured ? h("button", { type: "button", class: "secondary", onclick: drawer }, h("span", {}, "Open drawer"), kbd("drawer")) : null,
        h("button", { type: "button", class: "primary", id: "receipt-close", autofocus: true, onclick: () => dialog.close() }, h("span", {}, isReturn || done.sale_reference ? "Done" : "New sale"), h("kbd", {}, "Enter")))),
    h("div", { class: "paper", tabindex: "0", "aria-label": "The receipt" },
      done.reference
        ? h("img", { id: "receipt-picture", src: `/v1/receipts/${at(done.reference)}.png`, alt: done.receipt_text })
        : h("pre", {}, done.receipt_text)));
  // As many columns as the paper has, however narrow the page: nothing of it is cut.
  dialog.querySelector(".paper pre")?.style.setProperty("--columns", Math.max(...done.receipt_text.split("\n").map((line) => line.length)));
  drawPrinting();
  if (!dialog.open) dialog.showModal();
  $("#receipt-close").focus();
}

async function reprint() {
  $("#receipt-close").focus(); // Enter goes on with the next sale; it does not print once more
  try {
    await post(`/v1/receipts/${at(shown.reference)}/reprint`);
    say("A copy goes to the printer.");
  } catch (refusal) { warn(refusal); }
}

function drawer() {
  $("#receipt-close").focus(); // Enter goes on with the next sale
  openDrawer();
}

function drawPrinting() {
  const job = state?.printer.jobs.find((one) => one.reference === shown.reference);
  const [sign, text, kind] = shown.reference ? printed(job) : ["◆", "Training receipts are not printed.", ""];
  const place = $("#printing");
  place.className = `printing ${kind}`;
  const isAsked = job?.state === "unknown";
  fillAfterTap(place, h("b", { "aria-hidden": "true" }, sign), h("span", {}, text), isAsked ? answers(job) : null);
  // A copy is of something on paper, and while that is in doubt the question above comes first.
  if ($("#reprint")) $("#reprint").hidden = job !== undefined && job.state !== "printed" && job.state !== "dropped";
  if (document.activeElement === document.body) $("#receipt-close").focus();
}

function printed(job) {
  if (!state?.printer.configured) return ["○", "No printer is set up. The receipt is kept and can be shown here.", ""];
  const what = job?.copy ? "Copy" : "Receipt";
  switch (job?.state) {
    case "printed": return ["✓", `${what} printed.`, "good"];
    case "unknown": return ["?", question(job), "bad"];
    case "not printed": return ["!", `Not printed yet: ${job.reason} It prints by itself once that is put right.`, "bad"];
    case "dropped": return ["○", "Settled.", ""];
    default: return ["…", state.printer.trouble ? `Waits for the printer: ${state.printer.trouble}` : `${what} is printing…`, state.printer.trouble ? "bad" : ""];
  }
}

