// What a member has asked of head office, for whoever serves them, until they are told the answer.

import { at, post } from "./api.js";
import { h, keepsFocus } from "./dom.js";
import { sale, told } from "./sale.js";
import { say, warn } from "./say.js";

export const TOPICS = { points: "Points are missing", reward: "A reward", card: "The card", data: "Personal data", other: "Something else" };

export const asked = (member) => (member?.tickets ?? []).map((one) =>
  h("div", { class: "asked" },
    h("p", { role: "status" }, h("b", {}, `Asked: ${TOPICS[one.topic] ?? one.topic}. `), answered(one), h("span", { class: "dim" }, ` ${one.ticket}`)),
    one.reply ? h("button", { type: "button", class: "secondary", "data-key": `told ${one.ticket}`, "aria-label": `Told: ${one.ticket}`, ...keepsFocus, onclick: () => tell(one) }, "Told") : null));

function answered(one) {
  if (one.reply) return `Tell them: ${one.reply}`;
  if (one.status === "waiting") return "Head office has not heard of it yet: it waits here for the network.";
  return one.status === "answered" ? "Head office has answered them." : "Head office has it, and has not answered yet.";
}

async function tell({ ticket, answer }) {
  try {
    await post(`/v1/tickets/${at(ticket)}/told`, { answer, operator: sale.operator ?? "" });
    told(ticket);
    return say("Head office hears that they were told.");
  } catch (refusal) { return warn(refusal); }
}
