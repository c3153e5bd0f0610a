// Requests to the till. Whatever goes wrong becomes a Refusal with a sentence for the cashier.

export class Refusal extends Error {
  constructor({ status = 0, code = "NO_ANSWER", message, hint = "" }) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
  get sentence() { return `${this.message} ${this.hint}`.trim(); }
  // No answer, or an error of the till itself: the same request again may succeed.
  get mayPass() { return this.status === 0 || this.status >= 500; }
}

export async function ask(method, path, body, headers = {}) {
  const sent = { method, headers: { ...headers }, cache: "no-store" };
  if (body !== undefined) {
    sent.body = JSON.stringify(body);
    sent.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, sent);
    if (response.status === 401) {
      await fetch("/", { cache: "no-store" }); // the till was started anew: a new cookie
      response = await fetch(path, sent);
    }
  } catch {
    throw new Refusal({ message: "The till program does not answer.", hint: "Keep selling; points can be added later with the receipt." });
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refusal({ status: response.status, message: "The till program gave no readable answer." });
  }
  if (!response.ok) throw new Refusal({ status: response.status, ...answer });
  return answer;
}

export const get = (path) => ask("GET", path);
export const post = (path, body, headers) => ask("POST", path, body, headers);
export const at = (...parts) => parts.map(encodeURIComponent).join("/");
