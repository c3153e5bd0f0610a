// The control page: asks for the state every second, and sends what a button says.

const byId = (id) => document.getElementById(id);
let shown = "";

async function act(action, value = "") {
  const answer = await fetch("/do", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ action, value }),
  });
  byId("message").textContent = answer.ok ? `Done: ${action}${value ? ` ${value}` : ""}.` : "That did not work.";
  await refresh();
}

function say(id, text, isBad) {
  byId(id).textContent = text;
  byId(id).classList.toggle("bad", isBad);
}

function button(text, action, value) {
  const made = document.createElement("button");
  made.textContent = text;
  made.addEventListener("click", () => act(action, value));
  return made;
}

function picture(number) {
  const image = document.createElement("img");
  image.src = `/receipts/${number}.png`;
  image.alt = `Receipt ${number} as it came out of the printer`;
  return image;
}

async function refresh() {
  const state = await (await fetch("/state")).json();
  byId("till").href = state.till;
  if (!byId("cards").childElementCount) {
    byId("cards").replaceChildren(...state.cards.map((card) => button(card.text, "scan", card.code)));
  }
  const printer = state.printer;
  const faults = [];
  if (!printer.plugged) faults.push("unplugged");
  if (printer.cover === "open") faults.push("cover open");
  if (printer.paper !== "ok") faults.push(`paper ${printer.paper}`);
  say("printer-state", faults.join(", ") || `ready, ${printer.printed_total} printed`, faults.length > 0);
  say("network-state", state.network, state.network === "cut");
  say("scanner-state", state.scanner, state.scanner === "unplugged");
  if (state.receipts.length && shown !== String(state.receipts)) {
    shown = String(state.receipts);
    byId("receipts").replaceChildren(...state.receipts.map(picture));
  }
}

document.querySelectorAll("[data-do]").forEach((each) => each.addEventListener("click", () => act(each.dataset.do)));
byId("other").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("code").value) act("scan", byId("code").value);
});
setInterval(() => refresh().catch(() => say("network-state", "the demo has ended", true)), 1000);
refresh();
