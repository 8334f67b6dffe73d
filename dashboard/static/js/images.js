// Images: one call, some seconds, and the pictures with what they cost.

import { offer } from "./choices.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { exactText } from "./estimate.js";
import { call, pathOf } from "./gateway.js";
import { receiptLink } from "./links.js";
import { full, short } from "./money.js";
import { word } from "./words.js";

const PATH = "images/generations";
const MOST = 4;
const SECOND_MS = 1000;
const FIELDS = ["size", "quality", "style"];

export class Images {
  constructor(play) {
    this.play = play;
    this.form = find("#image-form");
    this.prompt = find("#image-prompt");
    this.notice = find("#image-notice");
    this.results = find("#image-results");
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", () => this.play.drawCode());
  }

  choose(model) {
    offer(find("#image-size"), model.sizes);
    offer(find("#image-quality"), model.qualities);
    offer(find("#image-style"), model.styles);
    const most = Math.min(MOST, model.max_images ?? 1);
    offer(find("#image-n"), Array.from({ length: most }, (_, at) => at + 1));
  }

  call() {
    return { path: PATH, body: this.body() };
  }

  body() {
    const prompt = this.prompt.value.trim() || word("play.picture");
    const body = { model: this.play.model.id, prompt };
    for (const name of FIELDS) {
      const { value } = find(`#image-${name}`);
      if (value) body[name] = value;
    }
    const n = Number(find("#image-n").value || 1);
    return n > 1 ? { ...body, n } : body;
  }

  async submit(event) {
    event.preventDefault();
    if (!this.prompt.value.trim()) return this.prompt.focus();
    const key = await this.play.key();
    if (!key) return;
    tell(this.notice, "");
    const body = this.body();
    const pending = this.wait(body);
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        const answer = await call(key, PATH, { body });
        this.show(pending.card, body, await answer.json(), answer.headers);
      } catch (fault) {
        this.play.heed(fault);
        pending.card.remove();
        tell(this.notice, fault.message);
      } finally {
        clearInterval(pending.timer);
        this.play.account.refresh();
      }
    });
  }

  // Nobody says how far a picture is: what is known is for how long it has been made.
  wait(body) {
    const line = make("p", { class: "muted small", role: "status" });
    const frames = Array.from({ length: body.n ?? 1 }, () =>
      make("span", { class: `bone ${shapeOf(body.size)}` }));
    const card = make("div", { class: "result", "aria-busy": "true" },
      make("div", { class: "pictures" }, ...frames), line);
    const began = performance.now();
    const tick = () => {
      const seconds = Math.floor((performance.now() - began) / SECOND_MS);
      line.textContent = word("play.making", { seconds });
    };
    tick();
    this.results.prepend(card);
    return { card, timer: setInterval(tick, SECOND_MS) };
  }

  show(card, body, answer, headers) {
    const pictures = answer.data.map(({ url }) => {
      const address = pathOf(url);
      const image = make("img", { src: address, alt: body.prompt, class: shapeOf(body.size) });
      return make("a", { href: address, target: "_blank", rel: "noopener" }, image);
    });
    const cost = exactText(answer.usage.cost);
    const line = make("p", { class: "muted small" }, `${body.model} · `,
      make("span", { title: full(cost) }, short(cost)), " · ",
      receiptLink(headers.get("x-request-id")));
    card.removeAttribute("aria-busy");
    card.replaceChildren(make("div", { class: "pictures" }, ...pictures),
      make("p", {}, body.prompt), line);
  }
}

// Which way a picture lies, so that nothing jumps when it comes.
export function shapeOf(size = "1x1") {
  const [width, height] = size.split(/[x:]/).map(Number);
  if (width === height) return "square";
  return width > height ? "wide-shape" : "tall-shape";
}
