// A till that belongs to no shop yet is connected to its head office: an address, and a code that is good once. It sells on meanwhile.

import { post } from "./api.js";
import { $, h } from "./dom.js";
import { refresh } from "./live.js";
import { hush, say } from "./say.js";
import { withWord } from "./sign_on.js";
import { tone } from "./tones.js";
import { openDialog } from "./views.js";

const field = (id, label, more) => h("label", { class: "field" }, h("span", {}, label), h("input", { id, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", required: true, ...more }));

export function openConnect(url) {
  const dialog = openDialog("connect", "Connect to head office",
    h("form", { onsubmit: submit },
      h("p", { class: "lead" }, "Head office has an address, and makes a code for each till. The code is good once, for a day."),
      field("connect-url", "Head office's address", { inputmode: "url", maxlength: "200", value: url, placeholder: "https://loyalty.example" }),
      field("connect-code", "The code", { maxlength: "32", placeholder: "Like K7QF-2M9X" }),
      h("p", { id: "connect-said", class: "refused", role: "alert" }),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, "Cancel"),
        h("button", { class: "primary", id: "connect-go" }, "Connect"))));
  $(url ? "#connect-code" : "#connect-url").focus();
}

async function submit(event) {
  event.preventDefault();
  const go = $("#connect-go");
  const asked = { url: $("#connect-url").value.trim(), code: $("#connect-code").value.trim() };
  if (go.disabled || !asked.url || !asked.code) return;
  go.disabled = true;
  go.textContent = "Asking head office…";
  hush();
  $("#connect-said").textContent = "";
  try {
    const done = await withWord((word) => post("/v1/head-office", { ...asked, ...word }));
    if (done) {
      $("#connect").close();
      await refresh();
      say(`Connected: this till belongs to ${done.shop} now. What it has recorded is being sent.`);
    }
  } catch (refusal) {
    $("#connect-said").textContent = refusal.sentence; // it stays: there is something to do about it
    tone("refused");
  }
  go.disabled = false;
  go.textContent = "Connect";
  if ($("#connect").open) $("#connect-code").select();
}
