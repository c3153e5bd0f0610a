// The sale in progress: its lines, member and wanted points; its newest quote; its one commit. Draws nothing.
//
// The reference and the Idempotency-Key are made with the sale and kept across a reload, so whatever is sent again is the same sale.

import { Refusal, at, ask, post } from "./api.js";

const KEPT = "sale in progress";
const QUIET_MS = 120;
const TRIES = 3;

export const sale = { till: "", operator: "1", training: false, ...fresh(), ...kept() };

let changed = () => {};
let isDirty = sale.lines.length > 0;
let running = null;
let timer = 0;
const tapped = []; // while a sale is being recorded: for the next one

export function whenChanged(handler) { changed = handler; }

function fresh() {
  const now = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const random = crypto.getRandomValues(new Uint16Array(1))[0].toString(36).padStart(4, "0").toUpperCase();
  return { ref: `P${now}-${random}`, key: crypto.randomUUID(), lines: [], nextLine: 1, member: null, wanted: 0, reward: "", quote: null, trouble: null, isCompleting: false, stuck: null };
}

function kept() {
  try {
    const was = JSON.parse(sessionStorage.getItem(KEPT));
    return was ? { till: was.till, ref: was.ref, key: was.key, lines: was.lines, nextLine: was.nextLine, member: was.member, training: was.training } : {};
  } catch {
    return {};
  }
}

export function renew() {
  if (sale.quote) ask("DELETE", `/v1/quotes/${at(sale.quote.quote_id)}`).catch(() => {});
  forget();
}

function forget() {
  clearTimeout(timer);
  isDirty = false;
  Object.assign(sale, fresh());
  sessionStorage.removeItem(KEPT);
  changed();
}

export const total = () => sale.lines.reduce((sum, line) => sum + line.unit_minor * line.count, 0);
export const isSettled = () => !isDirty && !running;

export function add(item) {
  if (sale.isCompleting) {
    tapped.push(item);
    return;
  }
  const known = sale.lines.find((line) => line.sku === item.sku && line.unit_minor === item.price_minor);
  if (known) known.count += 1;
  else sale.lines.push({ line_id: String(sale.nextLine++), sku: item.sku, name: item.name, category: item.category, unit_minor: item.price_minor, tax_percent: item.tax_percent, count: 1 });
  touch();
}

export function count(lineId, by) {
  const line = sale.lines.find((one) => one.line_id === lineId);
  if (sale.isCompleting) {
    if (by > 0) tapped.push({ ...line, price_minor: line.unit_minor });
    return;
  }
  line.count = Math.min(999, line.count + by);
  if (line.count <= 0) sale.lines = sale.lines.filter((one) => one !== line);
  touch();
}

export function attach(member) {
  sale.member = member;
  sale.wanted = 0;
  sale.reward = "";
  touch();
}

// They were told head office's answer: the panel shows it no more.
export function told(ticket) {
  if (!sale.member?.tickets) return;
  sale.member = { ...sale.member, tickets: sale.member.tickets.filter((one) => one.ticket !== ticket) };
  sessionStorage.setItem(KEPT, JSON.stringify(sale));
  changed();
}

export function want(points) {
  sale.wanted = points;
  sale.reward = "";
  touch();
}

// One reward a sale, and no points beside it; asked for again, it is taken off again.
export function choose(reward) {
  sale.reward = sale.reward === reward ? "" : reward;
  sale.wanted = 0;
  touch();
}

// Training begins or ends, and with it the sale. `isKept`: the cashier has just asked for it on an empty sale, so what was tapped
// since is for the new one.
export function train(on, isKept) {
  const { lines } = sale;
  renew();
  sale.training = on;
  if (isKept && lines.length) goOnWith(lines);
  else changed();
}

function goOnWith(lines) {
  sale.lines = lines.map((line) => ({ ...line, line_id: String(sale.nextLine++) }));
  touch();
}

// Something changed: the shown quote is old, and a new one is asked for once the hand rests.
function touch() {
  isDirty = true;
  sale.stuck = null;
  sessionStorage.setItem(KEPT, JSON.stringify(sale));
  clearTimeout(timer);
  timer = setTimeout(settle, QUIET_MS);
  changed();
}

export function resume() { if (isDirty) touch(); }

export function requote() { if (sale.lines.length && !sale.isCompleting) touch(); }

// One request at a time, until the newest state is quoted: an older answer can never follow a newer one.
function settle() {
  clearTimeout(timer);
  running ??= quote().finally(() => { running = null; changed(); });
  return running;
}

async function quote() {
  while (isDirty) {
    isDirty = false;
    const { ref } = sale;
    if (!sale.lines.length) {
      sale.quote = null;
      continue;
    }
    try {
      const answer = await post("/v1/quotes", body());
      if (sale.ref === ref) Object.assign(sale, { quote: answer, trouble: null });
    } catch (refusal) {
      if (sale.ref === ref) Object.assign(sale, { quote: null, trouble: refusal });
    }
  }
}

function body() {
  const lines = sale.lines.map((line) => {
    const amount_minor = line.unit_minor * line.count;
    const tax_minor = Math.round((amount_minor * line.tax_percent) / (100 + line.tax_percent));
    return { line_id: line.line_id, sku: line.sku, name: line.name, category: line.category, quantity: line.count, amount_minor, tax_minor };
  });
  return {
    till: sale.till, sale_ref: sale.ref, currency: sale.currency, total_minor: total(), lines, member: sale.member?.member ?? "",
    redeem: sale.reward ? [{ kind: "reward", name: sale.reward }] : sale.wanted ? [{ kind: "points", points: sale.wanted }] : [], operator: sale.operator, training: sale.training,
  };
}

// Records the sale once, however often it is pressed; answers what was recorded, or null where there was nothing to do. What is
// tapped while it is being recorded is not in it: the next sale begins with that.
export async function complete() {
  if (sale.isCompleting || !sale.lines.length) return null;
  sale.isCompleting = true;
  sale.stuck = null;
  changed();
  try {
    const done = await commit();
    forget();
    return done;
  } catch (refusal) {
    sale.stuck = refusal.mayPass === true ? refusal : null;
    if (refusal.status === 409) isDirty = true;
    throw refusal;
  } finally {
    sale.isCompleting = false;
    tapped.splice(0).forEach(add);
    changed();
    if (isDirty) settle();
  }
}

async function commit() {
  let wasQuotedAgain = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (!sale.quote) isDirty = true;
      const shown = sale.quote?.due_minor;
      if (!isSettled()) await settle();
      if (!sale.quote) throw sale.trouble ?? new Refusal({ message: "This sale could not be priced." });
      if (wasQuotedAgain && shown !== undefined && sale.quote.due_minor !== shown) {
        throw new Refusal({ status: 409, message: "What is to pay has changed.", hint: "Look at the total and complete again." });
      }
      return await post(`/v1/quotes/${at(sale.quote.quote_id)}/commit`, undefined, { "Idempotency-Key": sale.key });
    } catch (refusal) {
      if (refusal.code === "QUOTE_UNKNOWN" && !wasQuotedAgain) {
        wasQuotedAgain = true; // the quote has run out, or the till was started anew; nothing was recorded under this key
        isDirty = true;
        continue;
      }
      if (!refusal.mayPass || attempt >= TRIES) throw refusal;
      await new Promise((done) => setTimeout(done, 150 * 2 ** attempt));
    }
  }
}
