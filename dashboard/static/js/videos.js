// Videos: ordered in one call, looked at until they are made, shown with what they cost.
// A video goes on being made when this view is left; it is looked at all the same, and
// whoever comes back later finds it among the earlier ones.

import { offer } from "./choices.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { exactText } from "./estimate.js";
import { call, pathOf, reasonOf } from "./gateway.js";
import { receiptLink } from "./links.js";
import { full, short } from "./money.js";
import { term, word } from "./words.js";

const PATH = "videos/generations";
const FIELDS = ["aspect_ratio", "resolution"];
const LOOK_MS = 2000;
const LONGEST_MS = 30_000;
const ENDED = ["completed", "failed", "cancelled"];
const TRIES = 8;
const EARLIER = 5;

export class Videos {
  constructor(play) {
    this.play = play;
    this.form = find("#video-form");
    this.prompt = find("#video-prompt");
    this.notice = find("#video-notice");
    this.results = find("#video-results");
    this.placed = new Set();
    this.oldest = null;
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", () => this.play.drawCode());
    find("#video-earlier").addEventListener("click", (event) =>
      this.earlier(event.currentTarget));
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
        const video = await (await call(key, PATH, { body })).json();
        this.look(this.place({ ...video, prompt: body.prompt }, key));
      } catch (fault) {
        this.play.heed(fault);
        tell(this.notice, fault.message);
      }
      this.play.account.refresh();
    });
  }

  // Those that were ordered elsewhere, or before this page was loaded; some at a time.
  async earlier(button) {
    const key = await this.play.key();
    if (!key) return;
    tell(this.notice, "");
    await whileBusy(button, async () => {
      try {
        const others = await this.older(key);
        if (!others.length) tell(this.notice, word("play.no_earlier"), "plain");
        for (const video of others) this.resume(this.place(video, key, "append"), video);
      } catch (fault) {
        this.play.heed(fault);
        // The one they were to be older than may have been deleted.
        if (fault.status === 404) this.oldest = null;
        tell(this.notice, fault.message);
      }
    });
  }

  // The next ones that are not on the page yet; none, if there are none.
  async older(key) {
    for (;;) {
      const page = { limit: EARLIER, ...(this.oldest && { after: this.oldest }) };
      const path = `videos?${new URLSearchParams(page)}`;
      const answer = await (await call(key, path, { method: "GET" })).json();
      this.oldest = answer.last_id ?? this.oldest;
      const others = answer.data.filter(({ id }) => !this.placed.has(id));
      if (others.length || !answer.has_more) return others;
    }
  }

  resume(film, video) {
    this.seen(film, video);
    this.again(film);
  }

  place({ id, prompt, request_id: requestId }, key, where = "prepend") {
    const label = make("p", { role: "status" }, word("video.queued"));
    const bar = make("progress", { max: "100", "aria-label": word("play.progress") });
    const cancel = make("button", { class: "button", type: "button" }, word("video.cancel"));
    const card = make("div", { class: "result" },
      make("p", {}, prompt), make("div", { class: "progress" }, label, bar, cancel));
    const film = { id, key, prompt, requestId, card, label, bar, faults: 0, wait: LOOK_MS };
    cancel.addEventListener("click", () => whileBusy(cancel, () => this.cancel(film)));
    this.placed.add(id);
    this.results[where](card);
    return film;
  }

  async look(film) {
    try {
      await this.glance(film);
      film.faults = 0;
    } catch (fault) {
      if (film.ended) return;
      film.faults += 1;
      if (fault.status === 404 || film.faults > TRIES) return this.lost(film, fault.message);
      film.wait = Math.min(film.wait * 2, LONGEST_MS);
    }
    this.again(film);
  }

  again(film) {
    if (!film.ended) setTimeout(() => film.ended || this.look(film), film.wait);
  }

  async glance(film) {
    const answer = await call(film.key, `videos/${film.id}`, { method: "GET" });
    film.wait = Number(answer.headers.get("openai-poll-after-ms")) || LOOK_MS;
    this.seen(film, await answer.json());
  }

  seen(film, video) {
    if (film.ended) return;
    const { status, progress } = video;
    if (!ENDED.includes(status)) {
      if (!film.cancelling) {
        film.label.textContent = status === "in_progress"
          ? word("video.in_progress", { progress })
          : term("video", status);
      }
      if (progress > 0) film.bar.value = progress;
    } else if (status === "completed") this.show(film, video);
    else this.over(film, video.error ? reasonOf(video.error) : word(`video.${status}`));
  }

  show(film, video) {
    film.ended = true;
    const [file] = video.data;
    const cost = exactText(video.usage.cost);
    film.card.replaceChildren(
      file
        ? make("video", { src: pathOf(file.url), controls: "", playsinline: "",
          preload: "metadata", "aria-label": film.prompt })
        : make("p", { class: "muted" }, word("video.gone")),
      make("p", {}, film.prompt),
      make("p", { class: "muted small", role: "status" }, `${video.model} · `,
        word("play.seconds", { seconds: video.seconds }), " · ",
        make("span", { title: full(cost) }, short(cost)), " · ",
        receiptLink(film.requestId)));
    this.play.account.refresh();
  }

  // No video, and no charge.
  over(film, message) {
    this.lost(film, word("video.over", { message }));
  }

  // What became of it is not known here.
  lost(film, message) {
    film.ended = true;
    const notice = make("p", { role: "alert" });
    tell(notice, message);
    film.card.replaceChildren(make("p", {}, film.prompt), notice);
    this.play.account.refresh();
  }

  // One that was made meanwhile is shown: to delete it would throw away what is paid for.
  // One that its provider may still make goes on being looked at.
  async cancel(film) {
    tell(this.notice, "");
    try {
      await this.glance(film);
      if (film.ended) return;
      const answer = await call(film.key, `videos/${film.id}`, { method: "DELETE" });
      if ((await answer.json()).deleted) return this.over(film, word("video.cancelled"));
      film.cancelling = true;
      film.label.textContent = word("video.cancelling");
    } catch (fault) {
      if (!film.ended) tell(this.notice, fault.message);
    }
  }
}
