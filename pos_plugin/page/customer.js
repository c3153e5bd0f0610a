// What the customer reads on a second screen: goods, sum, points, in a language of their choice. Draws what the till says; knows no figure.

import { get } from "./api.js";
import { $, fill, h, quantity } from "./dom.js";

const LANGUAGES = { en: "English", tr: "Türkçe", de: "Deutsch", fr: "Français", es: "Español" };
const STAYS_MS = 60_000; // a language that was chosen while nobody is there, and the goods of somebody who has left
const GOODS_SHOWN = 60;

let chosen = "";
let was = "idle";
let ends = 0;
let goes = 0;
let reading = null;
let again = false;

function read() {
  again = true;
  reading ??= (async () => {
    while (again) {
      again = false;
      try {
        draw(await get(`/v1/customer?language=${chosen}`));
        document.documentElement.dataset.till = "up";
      } catch {
        document.documentElement.dataset.till = "down"; // what stands there stays: the customer is not to be troubled
      }
    }
  })().finally(() => { reading = null; });
}

function draw(shown) {
  document.documentElement.lang = shown.language;
  document.title = shown.shop[0] || shown.title;
  if (shown.moment === "idle" && was !== "idle") choose(""); // the next customer has another language
  was = shown.moment;
  clearTimeout(ends);
  if (shown.ends_in_s) ends = setTimeout(read, shown.ends_in_s * 1000 + 100);
  $("#now").className = shown.moment;
  fill($("#now"), shown.moment === "sale" ? sale(shown) : words(shown));
  $(".goods")?.scrollTo(0, 1e6); // what was scanned last
  drawLanguages(shown);
}

const money = (shown, minor) => new Intl.NumberFormat(shown.language, { style: "currency", currency: shown.currency, minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(minor / 100);

function words(shown) {
  return [
    h("p", { class: "shop" }, shown.shop[0] ?? ""),
    shown.moment === "idle" ? h("span", { class: "card", "aria-hidden": "true" }) : null,
    h("h1", {}, shown.title, shown.initials ? h("span", { class: "initials" }, ` ${shown.initials}`) : null),
    ...shown.points.map((line, index) => h("p", { class: index || shown.moment === "idle" ? "line" : "large" }, line)),
  ];
}

function sale(shown) {
  const goods = shown.goods.slice(-GOODS_SHOWN);
  return [
    h("p", { class: "shop" }, shown.shop[0] ?? "", shown.initials ? h("span", { class: "initials" }, shown.initials) : null),
    h("ul", { class: "goods", tabindex: "0", "aria-label": shown.shop[0] || shown.title }, goods.map((one) =>
      h("li", {}, h("span", { class: "name" }, one.quantity_milli === 1000 ? one.name : `${quantity(one.quantity_milli)} × ${one.name}`), h("span", {}, money(shown, one.amount_minor))))),
    h("div", { class: "sum" },
      shown.off_minor ? h("p", { class: "off" }, h("span", {}, shown.off_text), h("span", {}, `−${money(shown, shown.off_minor)}`)) : null,
      h("h1", { class: "due" }, h("span", {}, shown.due_text), h("strong", { id: "due" }, money(shown, shown.due_minor))),
      shown.points.map((line) => h("p", { class: "large", id: "to-come" }, line)),
      shown.offer ? h("p", { class: "offer", id: "offer" }, h("b", { "aria-hidden": "true" }, "★ "), shown.offer) : null,
      shown.reward ? h("p", { class: "line", id: "reward" }, shown.reward) : null),
  ];
}

function drawLanguages(shown) {
  const place = $("#languages fieldset");
  if (place.children.length === 1) {
    place.append(...Object.entries(LANGUAGES).map(([language, name]) => h("label", { lang: language },
      h("input", { type: "radio", name: "language", value: language, onchange: () => choose(language) }), h("span", {}, name))));
  }
  for (const one of place.querySelectorAll("input")) one.checked = one.value === shown.language;
}

function choose(language) {
  clearTimeout(goes);
  if (language) goes = setTimeout(() => { if (was === "idle") choose(""); }, STAYS_MS);
  if (chosen === language) return;
  chosen = language;
  read();
}

function listen() {
  const source = new EventSource("/v1/events");
  source.onmessage = (message) => { if (["hello", "customer", "sync"].includes(JSON.parse(message.data).about)) read(); };
  source.onerror = () => {
    read();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

// 1 to 5 choose a language, wherever the focus is.
document.addEventListener("keydown", (event) => {
  const language = Object.keys(LANGUAGES)[Number(event.key) - 1];
  if (language && !event.ctrlKey && !event.altKey && !event.metaKey) choose(language);
});
document.documentElement.dataset.ready = "yes";
listen();
