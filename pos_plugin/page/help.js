// The keys of this page, and its sounds.

import { fill, h } from "./dom.js";
import { drawKeys } from "./keys.js";
import { loudness, setLoudness, tone } from "./tones.js";
import { register } from "./views.js";

export const start = () => register("help", "Keys and sounds", draw);

const HEARD = { done: "Done", refused: "Refused", trouble: "Trouble" };

function draw(place) {
  const level = h("output", { for: "volume" }, `${loudness()} %`);
  const slide = (event) => { setLoudness(Number(event.target.value)); level.textContent = `${loudness()} %`; };
  fill(place,
    h("div", { class: "pane narrow" },
      h("div", { class: "pane-head" }, h("h1", {}, "Keys and sounds")),
      drawKeys(),
      h("p", { class: "dim" }, "Other keys are written under [page.shortcuts] in till.toml."),
      h("h2", {}, "Sounds"),
      h("div", { class: "volume" },
        h("label", { for: "volume" }, "Volume on this screen"),
        h("input", { id: "volume", type: "range", min: "0", max: "100", step: "10", value: String(loudness()), oninput: slide }), level),
      h("div", { class: "buttons" }, Object.entries(HEARD).map(([name, text]) => h("button", { type: "button", class: "secondary", onclick: () => tone(name) }, text)))));
}
