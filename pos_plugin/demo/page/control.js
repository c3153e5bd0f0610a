// The control page: asks for the state twice a second, draws it, and sends what a button says.

const byId = (id) => document.getElementById(id);

const DONE = {
  "paper out": "The roll is out.",
  "paper out in mid receipt": "The roll will end in the middle of the next receipt.",
  "new roll": "A new roll is in.",
  "open cover": "The printer's cover is open.",
  "close cover": "The printer's cover is closed.",
  "unplug printer": "The printer is unplugged.",
  "plug in printer": "The printer is plugged in.",
  "cut network": "The cable to head office is cut.",
  "mend network": "The cable to head office is mended. The till finds out by itself; Try now on its page is quicker.",
  "other till sells": "The other till has printed a sale. If a card was scanned before, the receipt ends with its points.",
  "other till reports": "The other till has printed its report. That is no sale: not one byte of it was changed.",
  "unplug scanner": "The scanner is unplugged.",
  "plug in scanner": "The scanner is plugged in.",
};

let state = null;
let chosen = null; // an earlier piece that somebody looks at; null is the newest
let drawn = "";

async function act(action, value = "", done = DONE[action]) {
  try {
    const answer = await fetch("/do", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ action, value }),
    });
    byId("message").textContent = answer.ok ? done : "That did not work.";
    await refresh();
  } catch { ended(); }
}

function scan(text, code) {
  return act("scan", code, state?.scanner === "unplugged" ? "The scanner is unplugged: the till hears nothing." : `Scanned: ${text}.`);
}

function ended() {
  document.body.classList.add("ended");
  byId("message").textContent = "The demo has ended. Start it again, and this page goes on.";
}

function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

// What is so, in words, and the one button that changes it. The button stays the same element, and so keeps the focus.
function device(name, isBad, words, action, label) {
  const button = byId(name);
  button.dataset.do = action;
  if (button.textContent !== label) button.textContent = label;
  button.classList.toggle("mends", isBad);
  const place = byId(`${name === "roll" ? "paper" : name}-state`);
  place.textContent = words;
  place.classList.toggle("bad", isBad);
}

function drawDevices({ printer, network, scanner, paper_ends_soon: endsSoon }) {
  const isOut = printer.paper === "out", isOpen = printer.cover === "open", isCut = network === "cut", isOff = scanner === "unplugged";
  device("roll", isOut || endsSoon, isOut ? "out" : endsSoon ? "ends in mid receipt" : "in", isOut || endsSoon ? "new roll" : "paper out", isOut || endsSoon ? "Put in a new roll" : "Take the paper out");
  device("cover", isOpen, printer.cover, isOpen ? "close cover" : "open cover", isOpen ? "Close the cover" : "Open the cover");
  device("power", !printer.plugged, printer.plugged ? "plugged in" : "unplugged", printer.plugged ? "unplug printer" : "plug in printer", printer.plugged ? "Unplug the printer" : "Plug in the printer");
  device("network", isCut, network, isCut ? "mend network" : "cut network", isCut ? "Mend the cable" : "Cut the cable");
  device("scanner", isOff, scanner, isOff ? "plug in scanner" : "unplug scanner", isOff ? "Plug in the scanner" : "Unplug the scanner");
  document.querySelector("[data-when=ok]").hidden = isOut || endsSoon;
  const faults = [!printer.plugged && "no power", isOpen && "cover open", isOut && "paper out"].filter(Boolean).join(", ");
  byId("printer-state").textContent = faults ? `Printer: ${faults}` : "Printer: ready";
  byId("printed").textContent = `${printer.printed_total} printed`;
  byId("body").classList.toggle("bad", faults !== "");
}

// The newest piece large, as it hangs or as it was cut; the earlier ones small beside it.
function drawPaper({ hanging, receipts }) {
  const pieces = [...(hanging ? [{ ...hanging, isHanging: true }] : []), ...receipts];
  const now = JSON.stringify([pieces, chosen]);
  if (drawn === now) return;
  drawn = now;
  const shown = pieces.find((one) => one.picture === chosen) ?? pieces[0];
  if (!shown) return;
  const old = byId("out").querySelector("img");
  if (old?.getAttribute("src") !== shown.picture) {
    byId("out").replaceChildren(element("img", { src: shown.picture, alt: shown.lines.join("\n") }));
    byId("out").scrollTop = 0;
  }
  byId("caption").textContent = shown.isHanging ? `Not cut: ${shown.lines.length} lines came out so far.` : shown === pieces[0] ? "The last receipt." : "An earlier receipt.";
  const focused = document.activeElement?.dataset.piece;
  byId("earlier").replaceChildren(...pieces.map((one, index) => {
    const made = element("button", { type: "button", onclick: () => { chosen = index ? one.picture : null; drawPaper(state); } }, element("img", { src: one.picture, alt: "", loading: "lazy" }));
    made.dataset.piece = one.picture;
    made.setAttribute("aria-label", index ? `Receipt, ${index} before the last` : "The last receipt");
    made.setAttribute("aria-pressed", String(one === shown));
    return made;
  }));
  if (focused) byId("earlier").querySelector(`[data-piece="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  const was = state?.receipts[0]?.picture;
  state = await (await fetch("/state")).json();
  document.body.classList.remove("ended");
  if (state.receipts[0]?.picture !== was || state.hanging) chosen = null; // new paper is what everybody looks at
  byId("till").href = state.till;
  byId("office").href = state.office;
  if (!byId("cards").childElementCount) {
    byId("cards").replaceChildren(...state.cards.map(({ text, about, code }) =>
      element("button", { type: "button", className: about, onclick: () => scan(text, code) }, element("strong", { textContent: text }), element("span", { textContent: code }))));
  }
  drawDevices(state);
  drawPaper(state);
}

document.querySelector("main").addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) act(button.dataset.do);
});
byId("other").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = byId("code").value.trim();
  if (code) scan(code, code);
});
setInterval(() => { if (!document.hidden) refresh().catch(ended); }, 500);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().catch(ended); });
refresh().catch(ended);
