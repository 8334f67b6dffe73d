// Calls to the web endpoints. An answer is its data; anything else is a Failure whose
// message can be shown as it is.

import { language, word } from "./language.js";

const PATHS = { auth: "/api/auth.php", user: "/api/user.php", admin: "/api/admin.php" };
const MEMBER = "autolist.member";
const FOREIGN = "foreign_origin";
let csrfToken = null;
let userId = null;

export class Failure extends Error {
  constructor(message, { status = 0, code = null, requestId = null } = {}) {
    super(requestId ? `${message} (${word("error.request", { id: requestId })})` : message);
    this.status = status;
    this.code = code;
  }
}

// `me` is what the server says of whoever is signed in.
export function useToken(me) {
  csrfToken = me.csrf_token;
  userId = me.user.id;
  member(true);
}

// Whether this browser was signed in when it last asked. The cookie cannot be seen from
// here, and a page for everybody does not ask on behalf of those who never were.
export function isMember() {
  try {
    return localStorage.getItem(MEMBER) !== null;
  } catch {
    return true;
  }
}

export function member(signedIn) {
  try {
    if (signedIn) localStorage.setItem(MEMBER, "1");
    else localStorage.removeItem(MEMBER);
  } catch {
    // Storage may be forbidden: then each page asks.
  }
}

export function read(place, action, query = {}) {
  return call(place, { action, ...query }, { method: "GET" });
}

// `once` names a change that must not happen twice, however often it is sent.
export async function change(place, action, fields = {}, { once = null } = {}) {
  if (action === "logout") member(false);
  try {
    return await send(place, action, fields, once);
  } catch (failure) {
    if (failure.code !== FOREIGN || !(await renewed())) throw failure;
    return send(place, action, fields, once);
  }
}

function send(place, action, fields, once) {
  const headers = { "Content-Type": "application/json" };
  if (once) headers["Idempotency-Key"] = once;
  if (csrfToken) headers["X-CSRF-Token"] = csrfToken;
  return call(place, { action }, { method: "POST", headers, body: JSON.stringify(fields) });
}

// The token goes with the session, which is another one after signing in again in
// another tab. What was meant for one account must not be done to another.
async function renewed() {
  if (!csrfToken) return false;
  const me = await read("auth", "me");
  if (me.user.id === userId) useToken(me);
  else location.reload();
  return me.user.id === userId;
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
    throw new Failure(word("error.answer", { status: response.status }),
      { status: response.status });
  }
  if (answer.success !== true) {
    if (response.status === 401) member(false);
    throw new Failure(answer.message, {
      status: response.status, code: response.headers.get("X-AutoList-Code"), requestId,
    });
  }
  return answer.data;
}
