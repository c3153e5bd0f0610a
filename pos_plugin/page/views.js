// The views of the page, the menu that lists them, and dialogs in one frame. Knows nothing of what is in them.
//
// A module adds a view, its line in the menu and its key with one call; app.js calls its start():
//
//   import { openDialog, register } from "./views.js";
//
//   export const start = () => register("closing", "Close the day", draw, { shown });
//   const draw = (place) => fill(place, h("div", { class: "pane narrow" }, …));      // once, before it is first shown
//   const shown = () => …;                                                           // each time it comes to the front
//
// draw(place) fills the view's own <section id="view-NAME">. Of the rest every part may be left out:
//   shown(place)     each time: read anew what may have changed, put the focus where the work begins
//   scanned(result)  a code was read while this view is in front; without it the page goes to the sale
//   isMain           it stands in the header's row, not in the menu: for what is wanted every few minutes
//
// The key's default stands in pos_plugin/page_settings.py under the same NAME: one line there. What is no view, but has a
// line in the menu or a key (a switch, the drawer), is an action: act() of keys.js.
//
// openDialog("allow", "A supervisor's word", …content) fills, shows and answers the <dialog id="allow">; its close() ends it.

import { $, fill, h } from "./dom.js";
import { act, actions, kbd, keyOf, run } from "./keys.js";

const views = new Map();
let onShown = () => {};
let current = "";

export function register(name, title, draw, { shown = () => {}, scanned, isMain = false } = {}) {
  views.set(name, { name, title, draw, shown, scanned, isMain, isDrawn: false });
  act(name, title, () => show(name), { inMenu: !isMain });
  if (!$(`#view-${name}`)) $("main").append(h("section", { class: "view form", id: `view-${name}`, "aria-label": title, hidden: true }));
  if (isMain) drawRow();
}

export const names = () => [...views.keys()];
export const inFront = () => views.get(current);

export function show(name) {
  const [view, place] = [views.get(name), $(`#view-${name}`)];
  current = name;
  for (const other of views.keys()) $(`#view-${other}`).hidden = other !== name;
  drawRow();
  if (!view.isDrawn) {
    view.isDrawn = true;
    view.draw(place);
  }
  view.shown(place);
  onShown();
}

export function whenShown(handler) { onShown = handler; }

function drawRow() {
  const mark = (isHere) => (isHere ? "page" : null);
  const main = [...views.values()].filter((one) => one.isMain);
  fill($(".views"),
    main.map((one) => h("button", { type: "button", "data-key": one.name, "data-view": one.name, "aria-current": mark(one.name === current), "aria-keyshortcuts": keyOf(one.name), onclick: () => show(one.name) }, `${one.title} `, kbd(one.name))),
    h("button", { type: "button", id: "menu-open", "data-key": "menu", "aria-haspopup": "dialog", "aria-current": mark(views.get(current)?.isMain === false), "aria-keyshortcuts": keyOf("menu"), onclick: openMenu }, "More ", h("span", { "aria-hidden": "true" }, "▾ "), kbd("menu")));
}

// A view of the row for which this screen is too narrow.
const isLeftOut = (name) => views.get(name)?.isMain && !$(`[data-view="${name}"]`).offsetWidth;

function openMenu() {
  const close = (name) => { $("#menu").close(); run(name); };
  openDialog("menu", "More",
    h("div", { class: "menu" }, [...actions.values()].filter((one) => one.inMenu || isLeftOut(one.name)).map((one) =>
      h("button", { type: "button", class: "secondary", "data-key": one.name, onclick: () => close(one.name) }, h("span", {}, one.title), kbd(one.name)))),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", onclick: () => $("#menu").close() }, "Back")));
}

export function openDialog(name, title, ...content) {
  const dialog = $(`#${name}`) ?? h("dialog", { id: name, "aria-labelledby": `${name}-title` }, h("div"));
  if (!dialog.isConnected) document.body.append(dialog);
  fill(dialog.firstElementChild, h("h2", { id: `${name}-title` }, title), ...content);
  if (!dialog.open) dialog.showModal();
  return dialog;
}

act("menu", "Menu", openMenu, { inMenu: false });
