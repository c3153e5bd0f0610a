// What a member has asked of head office, for whoever serves them.

import { h } from "./dom.js";

export const TOPICS = { points: "Points are missing", reward: "A reward", card: "The card", data: "Personal data", other: "Something else" };

export const asked = (member) => (member?.tickets ?? []).map((one) =>
  h("p", { class: "asked", role: "status" }, h("b", {}, `Asked: ${TOPICS[one.topic] ?? one.topic}. `), one.reply ? `Tell them: ${one.reply}` : "There is no answer yet.", h("span", { class: "dim" }, ` ${one.ticket}`)));
