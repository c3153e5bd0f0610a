// Which form takes the scans. The till is told, so that whoever is scanned into it is not greeted, and not taken for the customer
// of the next sale. It forgets after a minute, should this page be gone.

import { post } from "./api.js";
import * as join from "./join.js";
import * as memberDesk from "./member_desk.js";
import { inFront, whenShown } from "./views.js";

const FORMS = ["claim", "ticket"];
const AGAIN_MS = 20000;
let told = "";

export function form() {
  if (join.isOpen()) return "join";
  if (memberDesk.isOpen()) return "replace";
  return FORMS.includes(inFront()?.name) ? inFront().name : "";
}

// A page in the background takes no scans: the shop's own till is in front of it.
function tell() {
  const now = document.hasFocus() ? form() : "";
  if (now === told) return;
  told = now;
  post("/v1/scans", { into: now }).catch(() => { told = ""; });
}

export function start() {
  whenShown(tell);
  document.addEventListener("focusin", tell); // a dialog was opened: the focus is in it
  document.addEventListener("close", tell, true);
  for (const turned of ["focus", "blur"]) window.addEventListener(turned, tell);
  setInterval(() => {
    if (told) post("/v1/scans", { into: told }).catch(() => {});
  }, AGAIN_MS);
}
