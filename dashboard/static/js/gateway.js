// Calls to the gateway as programs make them: with a key, not with the session. What goes
// wrong is a Fault whose message can be shown as it is: the gateway speaks English to
// programs, so what people meet often is said in their language.

import { known, word } from "./words.js";

export class Fault extends Error {
  constructor(message, { status = 0, code = null, requestId = null } = {}) {
    super(requestId ? `${message} (${word("error.request", { id: requestId })})` : message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

// The answer to a call, good; `signal` ends it.
export async function call(key, path, { method = "POST", body, signal } = {}) {
  const headers = { Authorization: `Bearer ${key}` };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method, headers, signal, body: body && JSON.stringify(body), credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault(word("error.offline"));
  }
  if (!answer.ok) throw await faultOf(answer);
  return answer;
}

async function faultOf(answer) {
  const facts = { status: answer.status, requestId: answer.headers.get("x-request-id") };
  try {
    const { error } = await answer.json();
    return new Fault(reasonOf(error), { ...facts, code: error.code });
  } catch {
    return new Fault(word("error.answer", { status: answer.status }), facts);
  }
}

// What an error of the gateway's says to people.
export function reasonOf(error) {
  const name = `fault.${error.code}`;
  return known(name) ? word(name, error) : error.message;
}

// The events of a streamed answer, as they come. One that tells of an error throws it; so
// does a stream that ends before it is done.
export async function* events(answer) {
  const requestId = answer.headers.get("x-request-id");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Fault(word("play.cut"), { requestId });
    rest += value;
    const frames = rest.split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const data = dataOf(frame);
      if (data === "[DONE]") return;
      if (!data) continue;
      const event = JSON.parse(data);
      if (event.error) throw new Fault(reasonOf(event.error), { ...event.error, requestId });
      yield event;
    }
  }
}

function dataOf(frame) {
  return frame.split("\n").filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trim()).join("\n");
}

// The same file at our own address: the gateway signs paths, whatever host it knows.
export function pathOf(address) {
  const { pathname, search } = new URL(address, location.origin);
  return pathname + search;
}
