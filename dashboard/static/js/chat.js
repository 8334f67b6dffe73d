// Talking with a model: the answer streams in, can be stopped, and says what it costs,
// about while it runs and exactly when it has ended. Whatever it says goes in as text.

import { find, make, tell } from "./dom.js";
import { costOf, exactText, guessTokens } from "./estimate.js";
import { call, events } from "./gateway.js";
import { receiptLink } from "./links.js";
import { count, full, short } from "./money.js";
import { word } from "./words.js";

const SYSTEM_KEYS = ["temperature", "max_tokens"];
const NEAR_END_PX = 80;
const MS = 1000;

export class Chat {
  constructor(play) {
    this.play = play;
    this.messages = [];
    this.sent = null;
    this.controller = null;
    this.log = find("#talk");
    this.form = find("#chat-form");
    this.input = find("#chat-input");
    this.notice = find("#chat-notice");
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", () => this.play.drawCode());
    this.input.addEventListener("keydown", (event) => this.keyed(event));
    find("#chat-stop").addEventListener("click", () => this.controller?.abort());
    find("#chat-clear").addEventListener("click", () => this.clear());
  }

  choose() {}

  // What pressing the button sends; with nothing written, what was sent last.
  call() {
    const text = this.input.value.trim();
    if (!text && this.sent) return { path: "chat/completions", body: this.sent };
    return { path: "chat/completions", body: this.body(text || word("play.hello")) };
  }

  body(text) {
    const messages = [...this.messages, { role: "user", content: text }];
    const system = find("#chat-system").value.trim();
    if (system) messages.unshift({ role: "system", content: system });
    const body = { model: this.play.model.id, messages };
    for (const name of SYSTEM_KEYS) {
      const value = find(`#chat-${name}`).value.trim();
      // What is no number is sent as it is: the gateway says what is wrong with it.
      if (value) body[name] = Number.isFinite(Number(value)) ? Number(value) : value;
    }
    return { ...body, stream: true, stream_options: { include_usage: true } };
  }

  // Enter sends, with Shift it begins a line; while an input method composes it does
  // neither.
  keyed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  async submit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text || this.controller) return;
    const key = await this.play.key();
    if (!key) return;
    tell(this.notice, "");
    const turn = this.begin(text);
    try {
      await this.run(turn, key);
      this.end(turn);
      this.busy(null);
    } catch (error) {
      await this.broken(turn, error);
    }
    this.play.account.refresh();
  }

  begin(text) {
    const body = this.body(text);
    const said = document.createTextNode("");
    const meta = make("p", { class: "meta muted small" });
    const bubble = make("div", { class: "said" }, said);
    const answer = make("div", { class: "turn model" },
      make("p", { class: "who" }, body.model), bubble, meta);
    const asked = make("div", { class: "turn user" }, make("div", { class: "said" }, text));
    this.log.append(asked, answer);
    this.log.hidden = false;
    find("#chat-clear").hidden = false;
    this.input.value = "";
    this.sent = body;
    this.play.drawCode();
    const input = guessTokens(body.messages.map(({ content }) => content).join(""));
    const turn = {
      body, text, said, meta, answer, asked, input, pricing: this.play.model.pricing,
      began: performance.now(), first: null, ended: null, usage: null, requestId: null,
      finish: null, talk: this.messages,
    };
    this.live(turn);
    this.busy(new AbortController());
    this.toEnd(true);
    return turn;
  }

  busy(controller) {
    this.controller = controller;
    this.log.setAttribute("aria-busy", controller !== null);
    find("#chat-send").hidden = controller !== null;
    find("#chat-stop").hidden = controller === null;
    (controller ? find("#chat-stop") : this.input).focus({ preventScroll: true });
  }

  async run(turn, key) {
    const answer = await call(key, "chat/completions",
      { body: turn.body, signal: this.controller.signal });
    turn.requestId = answer.headers.get("x-request-id");
    for await (const event of events(answer)) this.take(turn, event);
  }

  take(turn, event) {
    turn.usage = event.usage ?? turn.usage;
    const [part] = event.choices;
    turn.finish = part?.finish_reason ?? turn.finish;
    const text = part?.delta?.content;
    if (!text) return;
    turn.first ??= performance.now();
    const near = this.nearEnd();
    turn.said.appendData(text);
    this.live(turn);
    this.toEnd(near);
  }

  live(turn) {
    const output = guessTokens(turn.said.data);
    const cost = costOf(turn.pricing, turn.input, output);
    turn.meta.textContent = word("play.live",
      { tokens: count(output), cost: short(cost) });
  }

  end(turn) {
    this.kept(turn);
    const { usage } = turn;
    const cut = turn.finish === "length" ? word("play.length") : "";
    if (usage) {
      this.settle(turn, usage.prompt_tokens, usage.completion_tokens,
        exactText(usage.cost), cut);
    } else turn.meta.replaceChildren(receiptLink(turn.requestId));
  }

  settle(turn, input, output, cost, note = "") {
    const spent = make("span", { title: full(cost) }, short(cost));
    const facts = [word("play.tokens", { input: count(input), output: count(output) }), spent];
    if (turn.first) facts.push(word("play.first", { seconds: seconds(turn.began, turn.first) }));
    facts.push(word("play.took",
      { seconds: seconds(turn.began, turn.ended ?? performance.now()) }));
    if (note) facts.push(note);
    facts.push(receiptLink(turn.requestId));
    turn.meta.replaceChildren(...facts.flatMap((fact, at) => (at ? [" · ", fact] : [fact])));
  }

  async broken(turn, error) {
    turn.ended = performance.now();
    this.busy(null);
    const stopped = error.name === "AbortError";
    if (!stopped) {
      this.play.heed(error);
      tell(this.notice, error.message);
    }
    if (turn.said.data) this.kept(turn);
    else this.undone(turn);
    if (!turn.requestId) return;
    turn.meta.textContent = word("play.settling");
    const receipt = await this.play.receipt(turn.requestId);
    const note = stopped ? word("play.stopped") : word("play.broken");
    if (!receipt) return turn.meta.replaceChildren(note, " · ", receiptLink(turn.requestId));
    const { input = 0, cache_read = 0, cache_write = 0, output = 0 } = receipt.quantities;
    this.settle(turn, input + cache_read + cache_write, output, receipt.paid, note);
  }

  // What was said of an answer belongs to its conversation, which may be cleared by now.
  kept(turn) {
    turn.talk.push({ role: "user", content: turn.text },
      { role: "assistant", content: turn.said.data });
  }

  // Nothing came: the question goes back to where it was written.
  undone(turn) {
    if (!turn.requestId) turn.answer.remove();
    if (!turn.requestId) turn.asked.remove();
    if (turn.talk !== this.messages) return;
    if (!this.input.value) this.input.value = turn.text;
    this.sent = null;
    this.play.drawCode();
    this.log.hidden = !this.log.children.length;
  }

  clear() {
    this.controller?.abort();
    this.messages = [];
    this.sent = null;
    this.log.replaceChildren();
    this.log.hidden = true;
    find("#chat-clear").hidden = true;
    tell(this.notice, "");
    this.play.drawCode();
    this.input.focus();
  }

  nearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  toEnd(near) {
    if (near) this.log.scrollTop = this.log.scrollHeight;
  }
}

function seconds(from, to) {
  return ((to - from) / MS).toFixed(2);
}
