// Videos: ordered in one call, looked at until they are made, shown with what they cost.
// A video goes on being made when this view is left; it is looked at all the same.

import { offer } from "./choices.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { exactText } from "./estimate.js";
import { call, pathOf } from "./gateway.js";
import { receiptLink } from "./links.js";
import { full, short } from "./money.js";
import { term, word } from "./words.js";

const PATH = "videos/generations";
const FIELDS = ["aspect_ratio", "resolution"];
const LOOK_MS = 2000;
const LONGEST_MS = 30_000;
const ENDED = ["completed", "failed", "cancelled"];
const TRIES = 8;

export class Videos {
  constructor(play) {
    this.play = play;
    this.form = find("#video-form");
    this.prompt = find("#video-prompt");
    this.notice = find("#video-notice");
    this.results = find("#video-results");
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", () => this.play.drawCode());
  }

  choose(model) {
    const duration = find("#video-duration");
    const before = duration.value;
    offer(duration, model.durations, (seconds) => word("play.seconds", { seconds }));
    if (!before) duration.value = model.default_duration;
    offer(find("#video-aspect_ratio"), model.aspect_ratios);
    offer(find("#video-resolution"), model.resolutions);
  }

  call() {
    return { path: PATH, body: this.body() };
  }

  body() {
    const prompt = this.prompt.value.trim() || word("play.scene");
    const body = { model: this.play.model.id, prompt };
    const duration = find("#video-duration").value;
    if (duration) body.duration = Number(duration);
    for (const name of FIELDS) {
      const { value } = find(`#video-${name}`);
      if (value) body[name] = value;
    }
    return { ...body, async: true };
  }

  async submit(event) {
    event.preventDefault();
    if (!this.prompt.value.trim()) return this.prompt.focus();
    const key = await this.play.key();
    if (!key) return;
    tell(this.notice, "");
    const body = this.body();
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        const answer = await call(key, PATH, { body });
        const requestId = answer.headers.get("x-request-id");
        const film = this.place(body, requestId, key, await answer.json());
        this.look(film);
      } catch (fault) {
        this.play.heed(fault);
        tell(this.notice, fault.message);
      }
      this.play.account.refresh();
    });
  }

  place(body, requestId, key, { id }) {
    const label = make("p", { role: "status" }, word("video.queued"));
    const bar = make("progress", { max: "100", "aria-label": word("play.progress") });
    const cancel = make("button", { class: "button", type: "button" }, word("video.cancel"));
    const card = make("div", { class: "result" },
      make("p", {}, body.prompt), make("div", { class: "progress" }, label, bar, cancel));
    const film = { id, key, body, requestId, card, label, bar, faults: 0 };
    cancel.addEventListener("click", () => whileBusy(cancel, () => this.cancel(film)));
    this.results.prepend(card);
    return film;
  }

  async look(film) {
    if (film.ended) return;
    try {
      const answer = await call(film.key, `videos/${film.id}`, { method: "GET" });
      film.faults = 0;
      this.seen(film, await answer.json());
      if (film.ended) return;
      film.wait = Number(answer.headers.get("openai-poll-after-ms")) || LOOK_MS;
    } catch (fault) {
      if (film.ended) return;
      film.faults += 1;
      if (fault.status === 404 || film.faults > TRIES) return this.over(film, fault.message);
      film.wait = Math.min((film.wait ?? LOOK_MS) * 2, LONGEST_MS);
    }
    setTimeout(() => this.look(film), film.wait);
  }

  seen(film, video) {
    if (film.ended) return;
    const { status, progress } = video;
    if (!ENDED.includes(status)) {
      film.label.textContent = status === "in_progress"
        ? word("video.in_progress", { progress })
        : term("video", status);
      if (progress > 0) film.bar.value = progress;
    } else if (status === "completed") this.show(film, video);
    else this.over(film, video.error?.message ?? word(`video.${status}`));
  }

  show(film, video) {
    film.ended = true;
    const [{ url }] = video.data;
    const cost = exactText(video.usage.cost);
    film.card.replaceChildren(
      make("video", { src: pathOf(url), controls: "", playsinline: "", preload: "metadata",
        "aria-label": film.body.prompt }),
      make("p", {}, film.body.prompt),
      make("p", { class: "muted small", role: "status" }, `${video.model} · `,
        word("play.seconds", { seconds: video.seconds }), " · ",
        make("span", { title: full(cost) }, short(cost)), " · ",
        receiptLink(film.requestId)));
    this.play.account.refresh();
  }

  // No video, and no charge.
  over(film, message) {
    film.ended = true;
    const notice = make("p", { role: "alert" });
    tell(notice, word("video.over", { message }));
    film.card.replaceChildren(make("p", {}, film.body.prompt), notice);
    this.play.account.refresh();
  }

  async cancel(film) {
    try {
      await call(film.key, `videos/${film.id}`, { method: "DELETE" });
      this.over(film, word("video.cancelled"));
    } catch (fault) {
      tell(this.notice, fault.message);
    }
  }
}
