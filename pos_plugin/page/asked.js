// What a member has asked of head office, for whoever serves them.

import { h } from "./dom.js";

export const TOPICS = { points: "Points are missing", reward: "A reward", card: "The card", data: "Personal data", other: "Something else" };

export const asked = (member) => (member?.tickets ?? []).map((one) =>
  h("p", { class: "asked", role: "status" }, h("b", {}, `Asked: ${TOPICS[one.topic] ?? one.topic}. `), answered(one), h("span", { class: "dim" }, ` ${one.ticket}`)));

function answered(one) {
  if (one.reply) return `Tell them: ${one.reply}`;
  return one.status === "waiting" ? "Head office has not heard of it yet: it waits here for the network." : "Head office has it, and has not answered yet.";
}
