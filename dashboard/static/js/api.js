// Calls to the web endpoints. An answer is its data; anything else is a Failure whose
// message can be shown as it is.

import { language, word } from "./words.js";

const PATHS = { auth: "/api/auth.php", user: "/api/user.php" };
let csrfToken = null;

export class Failure extends Error {
  constructor(message, status = 0, requestId = null) {
    super(requestId ? `${message} (${word("error.request", { id: requestId })})` : message);
    this.status = status;
  }
}

export function useToken(token) {
  csrfToken = token;
}

export function read(place, action, query = {}) {
  return call(place, { action, ...query }, { method: "GET" });
}

// `once` names a change that must not happen twice, however often it is sent.
export function change(place, action, fields = {}, { once = null } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (once) headers["Idempotency-Key"] = once;
  if (csrfToken) headers["X-CSRF-Token"] = csrfToken;
  return call(place, { action }, { method: "POST", headers, body: JSON.stringify(fields) });
}

async function call(place, query, options) {
  const address = `${PATHS[place]}?${new URLSearchParams(query)}`;
  const headers = { ...options.headers, "X-AutoList-Language": language() };
  let response;
  try {
    response = await fetch(address, { ...options, headers, credentials: "include" });
  } catch {
    throw new Failure(word("error.offline"));
  }
  return readAnswer(response);
}

async function readAnswer(response) {
  const requestId = response.status >= 500 ? response.headers.get("x-request-id") : null;
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Failure(word("error.answer", { status: response.status }), response.status);
  }
  if (answer.success !== true) {
    throw new Failure(answer.message, response.status, requestId);
  }
  return answer.data;
}
