// What the till says of itself: after each hint of /v1/events the state is read anew, so a lost hint costs nothing.

import { get } from "./api.js";

export let state = null;
const watchers = [];
let onScan = () => {};
let seenScan = null;
let lastEvent = 0;
let reading = null;
let again = false;

export function watch(watcher) {
  watchers.push(watcher);
  if (state) watcher(state);
}

export function whenScanned(handler) { onScan = handler; }

export function refresh() {
  again = true;
  reading ??= read().finally(() => { reading = null; });
  return reading;
}

async function read() {
  while (again) {
    again = false;
    try {
      state = await get("/v1/state");
      document.documentElement.dataset.till = "up";
    } catch (refusal) {
      document.documentElement.dataset.till = "down";
      watchers.forEach((watcher) => watcher(state, refusal));
      return;
    }
    watchers.forEach((watcher) => watcher(state));
    const seen = seenScan;
    seenScan = state.scans.at(-1)?.number ?? 0;
    if (seen !== null) state.scans.filter((scan) => scan.number > seen).forEach((scan) => onScan(scan.result));
  }
}

export function listen() {
  const source = new EventSource("/v1/events");
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.number < lastEvent) seenScan = null; // the till was started anew
    lastEvent = event.number;
    if (event.about !== "customer") refresh(); // that is for the other window
  };
  source.onerror = () => {
    refresh();
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(listen, 2000);
    }
  };
}
