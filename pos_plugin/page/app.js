// Ties the page together: views, keys, scans. Knows no figure.

import { post } from "./api.js";
import * as claim from "./claim.js";
import * as closing from "./closing.js";
import * as devices from "./devices.js";
import { $, useCurrency, useZone } from "./dom.js";
import * as help from "./help.js";
import * as intoForm from "./into_form.js";
import * as join from "./join.js";
import * as memberDesk from "./member_desk.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as panel from "./member_panel.js";
import * as members from "./members.js";
import * as receipt from "./receipt.js";
import * as returns from "./returns.js";
import * as model from "./sale.js";
import * as saleView from "./sale_view.js";
import { warn } from "./say.js";
import * as scanner from "./scanner.js";
import * as signOn from "./sign_on.js";
import * as status from "./status.js";
import * as ticket from "./ticket.js";
import { inFront, show } from "./views.js";

const { sale } = model;
const REFERENCE = /^[0-9A-Z]{6}-\d+-[0-9A-Z]$/i;

function complete() {
  if (inFront().name === "sale") saleView.complete();
  else show("sale");
}

function scanned(result) {
  if (["damaged card", "blocked card", "refused code"].includes(result.kind)) return warn(result.message, "refused");
  if (join.isOpen()) return join.scanned(result);
  if (memberDesk.isOpen()) return memberDesk.scanned(result);
  if ($("#ask").open || $("#sign-on")?.open || $("#allow")?.open) return warn("Answer the question first, then scan again.");
  if (receipt.isOpen()) receipt.close();
  if (result.kind === "item" && REFERENCE.test(result.code)) {
    if (inFront().name === "claim") $("#claim-reference").value = result.code.toUpperCase();
    else { show("returns"); returns.look(result.code.toUpperCase()); }
    return undefined;
  }
  if (inFront().scanned) return inFront().scanned(result);
  show("sale");
  return result.kind === "item" || result.kind === "coupon" ? saleView.scannedItem(result) : panel.identified(result);
}

async function typedByScanner(code) {
  try {
    scanned(await post("/v1/identify", { scan: code, entry_mode: "scanned", is_customer: !intoForm.form() }));
  } catch (refusal) { warn(refusal); }
}

// Enter completes the sale where nothing else has the focus.
function entered(event) {
  if (event.key !== "Enter" || event.repeat || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (inFront().name !== "sale" || document.activeElement !== document.body) return;
  event.preventDefault();
  saleView.complete();
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

live.watch(told);
status.start();
saleView.register();
signOn.start();
for (const part of [returns, members, claim, ticket, devices, closing, help, intoForm]) part.start();
keys.act("use_points", "Use all points, or none", panel.useAll);
keys.act("complete", "Complete the sale", complete);
keys.act("drawer", "Open the drawer", devices.openDrawer, { inDialog: true }); // also while the receipt is shown: that is when change is given
keys.act("customer", "Customer's window", () => window.open("/customer", "customer", "popup,width=1024,height=768"), { inMenu: true });
keys.fillSigns();
keys.listen();
scanner.listen(typedByScanner);
live.whenScanned(scanned);
document.addEventListener("keydown", entered);
show("sale");
await live.refresh();
await saleView.start();
model.resume();
live.listen();
document.documentElement.dataset.ready = "yes";
