// Elements, and figures as people read them. Text goes in as text, never as HTML.

export const $ = (selector) => document.querySelector(selector);

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value === "boolean") element[name] = value;
    else if (name === "value") element.value = value;
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Replaces what is in `parent`, and keeps the focus on the element with the same data-key.
export function fill(parent, ...children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children.flat().filter(Boolean));
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// What is under a finger stays there until it is lifted: a button that is replaced meanwhile would never be clicked.
let held = null;
const waiting = new Map();

export function fillAfterTap(parent, ...children) {
  if (parent.contains(held)) waiting.set(parent, children);
  else fill(parent, ...children);
}

document.addEventListener("pointerdown", (event) => { held = event.target; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => { // the click comes first
    held = null;
    for (const [parent, children] of waiting) fill(parent, ...children);
    waiting.clear();
  }), true);
}

// A tap does not move the focus: Enter after it still completes the sale, and taps no second time. It is for what the finger came
// down on, also where a band comes at the top meanwhile and moves the page; whoever slides off takes it back.
const SLID_PX = 30;
let down = null;

export const keepsFocus = {
  onpointerdown: (event) => {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    down = event;
  },
  onpointermove: (event) => {
    const { currentTarget: button, pointerId, clientX, clientY } = event;
    if (button.hasPointerCapture(pointerId) && Math.hypot(clientX - down.clientX, clientY - down.clientY) > SLID_PX) button.releasePointerCapture(pointerId);
  },
};

let currency = "EUR";
export const useCurrency = (code) => { currency = code; };

export function money(minor) {
  const text = new Intl.NumberFormat("en", { style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(Math.abs(minor) / 100);
  return minor < 0 ? `−${text}` : text;
}

export const signed = (points) => (points < 0 ? `−${-points}` : `+${points}`);

export const points = (count) => `${count < 0 ? `−${-count}` : count} ${Math.abs(count) === 1 ? "point" : "points"}`;

// The shop's time zone; this machine's own until the till has named it.
let shopZone;

export function useZone(name) {
  shopZone = name;
}

export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB", { timeZone: shopZone });

// When head office said so, in the shop's time; a till that was never told says that. Without a connection the figure
// stands on what this till has recorded since as well.
export function asOf(iso, isOnline) {
  if (!iso) return "as far as this till knows";
  const said = (moment, parts) => moment.toLocaleString("en-GB", { timeZone: shopZone, ...parts });
  const [at, now] = [new Date(iso), new Date()];
  const date = { weekday: "short", day: "numeric", month: "short" };
  const day = said(at, date) === said(now, date) ? "" : `${said(at, date)} `;
  return `as of ${day}${said(at, { hour: "2-digit", minute: "2-digit", hour12: false })}${isOnline ? "" : ", and here since"}`;
}

// What can be used here: head office hands over more while there is a connection, so only without one is it a limit.
export function usableHere(usable, balance, isOnline) {
  if (balance < 0) return `The next ${points(-balance)} cover a return`;
  if (isOnline || !balance) return "";
  return usable > balance ? `${points(usable)} can be used here today` : `${usable} of your ${points(balance)} can be used here today`;
}

// A calendar day (ISO, perhaps with a time after it) as people write it.
export function day(iso, shift = 0) {
  const at = new Date(`${iso.slice(0, 10)}T12:00:00`);
  at.setDate(at.getDate() + shift);
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export const quantity = (milli) => String(milli / 1000);

// Minor units of what a person typed, or null.
export function minor(text) {
  const match = /^\s*(\d{1,9})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : null;
}
