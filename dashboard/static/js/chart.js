// A chart of days: stacked bars with a legend, what is under the pointer in words, and
// the same figures as a table, for readers and for copying. uPlot is fetched when the
// first chart is drawn; without it the table opens instead.

import { find, make } from "./dom.js";
import { stackOf, sum } from "./stack.js";
import { word } from "./words.js";

const LIBRARY = "/public/vendor/uplot/uPlot.iife.min.js";
const STYLES = "/public/vendor/uplot/uPlot.min.css";
const HEIGHT = 220;
const LABEL_WIDTH = 64;
const BAR_SHARE = 0.7;
const BAR_WIDTH_MAX = 32;

let library = null;

export class Chart {
  // `follow` is told the day whose bar was pressed.
  constructor(figure, follow) {
    this.canvas = find("[data-canvas]", figure);
    this.legend = find("[data-legend]", figure);
    this.table = find("[data-twin]", figure);
    this.details = find("details", figure);
    this.notice = find("[data-notice]", figure);
    this.tip = make("div", { class: "chart-tip" });
    this.follow = follow;
    this.plot = null;
    this.drawn = null;
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    document.addEventListener("themechange", () => this.paint());
  }

  draw(rows, days, measure) {
    const parts = stackOf(rows, days, measure);
    this.drawn = { days, measure, parts };
    this.drawLegend();
    this.drawTable();
    return this.paint();
  }

  async paint() {
    if (!this.drawn) return;
    try {
      const UPlot = await fetchedLibrary();
      this.notice.hidden = true;
      this.plotWith(UPlot);
    } catch {
      this.notice.hidden = false;
      this.details.open = true;
    }
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (width && this.plot) this.plot.setSize({ width, height: HEIGHT });
    else if (width) this.paint();
  }

  plotWith(UPlot) {
    const width = this.canvas.clientWidth;
    this.plot?.destroy();
    this.plot = null;
    // Out of sight there is nothing to measure; `fit` comes back to it.
    if (!width) return;
    this.plot = new UPlot(this.options(UPlot, width), this.data(), this.canvas);
    this.plot.over.append(this.tip);
    this.tip.hidden = true;
    this.plot.over.addEventListener("click", () => {
      const place = this.plot.cursor.idx;
      if (place !== null && place !== undefined) this.follow?.(this.drawn.days[place]);
    });
  }

  // The whole stack first and its lower parts over it, so that what stays visible of
  // each is its own part.
  data() {
    const { days, parts, measure } = this.drawn;
    const heights = parts.map((_, count) =>
      days.map((_, place) =>
        measure.plot(sum(parts.slice(0, count + 1).map((p) => p.amounts[place]))),
      ),
    );
    return [days.map((_, place) => place), ...heights.reverse()];
  }

  options(UPlot, width) {
    const { days, parts, measure } = this.drawn;
    const { color, borderTopColor, fontFamily } = getComputedStyle(this.canvas);
    const bars = UPlot.paths.bars({ size: [BAR_SHARE, BAR_WIDTH_MAX] });
    const swatches = [...this.legend.querySelectorAll(".swatch")];
    const fills = swatches.map((swatch) => getComputedStyle(swatch).backgroundColor);
    const axis = { stroke: color, font: `12px ${fontFamily}`, ticks: { show: false } };
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [-0.5, days.length - 0.5] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          grid: { show: false },
          splits: () => marked(days.length, width),
          values: (_, places) => places.map((place) => days[place]?.slice(5) ?? ""),
        },
        {
          ...axis,
          size: 56,
          grid: { stroke: borderTopColor, width: 1 },
          values: (_, numbers) => numbers.map(measure.tick),
        },
      ],
      series: [
        {},
        ...parts
          .map((_, place) => ({
            fill: fills[place],
            width: 0,
            paths: bars,
            points: { show: false },
          }))
          .reverse(),
      ],
      hooks: { setCursor: [(plot) => this.drawTip(plot)] },
    };
  }

  drawTip(plot) {
    const { days, parts, measure } = this.drawn;
    const place = plot.cursor.idx;
    this.tip.hidden = place === null || place === undefined || plot.cursor.left < 0;
    if (this.tip.hidden) return;
    const lines = parts.flatMap((part, number) =>
      part.amounts[place]
        ? [tipLine(nameOf(part), measure.show(part.amounts[place]), number)]
        : [],
    );
    const whole = sum(parts.map((part) => part.amounts[place]));
    this.tip.replaceChildren(
      make(
        "p",
        { class: "chart-tip-head" },
        make("span", {}, days[place]),
        make("strong", { class: "number" }, measure.show(whole)),
      ),
      ...lines,
    );
    const middle = plot.valToPos(place, "x");
    const right = middle > plot.over.clientWidth / 2;
    this.tip.style.left = right ? "" : `${middle + 12}px`;
    this.tip.style.right = right ? `${plot.over.clientWidth - middle + 12}px` : "";
  }

  drawLegend() {
    const { parts, measure } = this.drawn;
    const entries = parts.map((part, number) =>
      make(
        "li",
        {},
        swatch(number),
        make("span", {}, nameOf(part)),
        make(
          "span",
          { class: "number muted", title: measure.full(part.total) },
          measure.show(part.total),
        ),
      ),
    );
    this.legend.replaceChildren(...entries);
  }

  drawTable() {
    const { days, parts, measure } = this.drawn;
    const head = make("tr", {}, make("th", { scope: "col" }, word("chart.day")));
    for (const part of parts)
      head.append(make("th", { scope: "col", class: "number" }, nameOf(part)));
    head.append(make("th", { scope: "col", class: "number" }, word("chart.total")));
    const rows = days.map((day, place) => {
      const amounts = parts.map((part) => part.amounts[place]);
      const cells = [...amounts, sum(amounts)].map((amount) =>
        make(
          "td",
          { class: "number", title: measure.full(amount) },
          amount ? measure.show(amount) : "—",
        ),
      );
      return make("tr", {}, make("th", { scope: "row" }, day), ...cells);
    });
    this.table.replaceChildren(
      make("thead", {}, head),
      make("tbody", {}, ...rows.reverse()),
    );
  }
}

function nameOf(part) {
  return part.name ?? word("chart.others");
}

function swatch(number) {
  return make("span", { class: `swatch series-${number}`, "aria-hidden": "true" });
}

function tipLine(name, amount, number) {
  return make(
    "p",
    {},
    swatch(number),
    make("span", {}, name),
    make("span", { class: "number" }, amount),
  );
}

// The places of the days that are written under the axis: as many as fit, the last one
// always.
function marked(count, width) {
  const step = Math.max(1, Math.ceil(count / Math.max(1, Math.floor(width / LABEL_WIDTH))));
  const places = [];
  for (let place = count - 1; place >= 0; place -= step) places.unshift(place);
  return places;
}

// Once; a failure is forgotten, so that the next chart tries again.
function fetchedLibrary() {
  library ??= fetchLibrary().catch((failure) => {
    library = null;
    throw failure;
  });
  return library;
}

async function fetchLibrary() {
  await Promise.all([
    arrived(make("link", { rel: "stylesheet", href: STYLES })),
    arrived(make("script", { src: LIBRARY })),
  ]);
  return globalThis.uPlot;
}

function arrived(element) {
  return new Promise((resolve, reject) => {
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => reject(new Error(LIBRARY)));
    document.head.append(element);
  });
}
