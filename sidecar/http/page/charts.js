// The charts: the points of the last ten minutes, drawn by uPlot. Each has its key in words beside it, with the newest values, or those
// under the pointer; the pictures themselves are hidden from screen readers.

import * as format from "./format.js";

const KEPT = 600;
const SHORTEST = 120;
const HEIGHT = 150;

const seconds = (value) => format.span(value);
const pad = (number) => String(number).padStart(2, "0");

// Ticks of an axis have little room.
const shortly = (value) => (value < 60 ? format.span(value) : value < 3600 ? `${Math.round(value / 6) / 10} min` : `${Math.round(value / 360) / 10} h`);
const timeOfDay = (at) => { const time = new Date(at * 1000); return `${pad(time.getHours())}:${pad(time.getMinutes())}`; };

const perSecond = (value) => `${format.rate(value)}/s`;

// Each series: its name, the points' field (or a function of a point), its colour, and how a value is written.
const CHARTS = [
  { title: "Lag", axis: shortly, series: [["lag", "lag_seconds", 1, seconds], ["records", "lag_records", 2, format.count, "right"]] },
  {
    title: "Records a second", axis: format.rate,
    series: [["delivered", "delivered", 1, perSecond], ["into Kafka", "arriving", 2, perSecond], ["dropped", "dropped", 3, perSecond]],
  },
  { title: "Buffer", axis: format.percent, top: 1, marks: true, series: [["full", "utilization", 1, format.percent]] },
  { title: "Flush time", axis: shortly, series: [["median", "flush_p50", 1, seconds], ["99 % within", "flush_p99", 2, seconds]] },
  {
    title: "Batch and concurrency", axis: format.count,
    series: [["records in a batch", "batch_records", 1, format.count], ["flushes at once", "at_once", 2, format.rate, "right"]],
  },
  {
    title: "Where the loop's time goes", axis: format.percent, top: 1, stacked: true,
    series: [["working", "working", 1, format.percent], ["polling", "polling", 2, format.percent], ["waiting", "waiting", 4, format.percent]],
  },
];

let fields = [];
let points = [];
let about = null;
const drawn = [];

export function begin(hello) {
  fields = hello.series;
  points = hello.points.slice(-KEPT);
  about = hello.about;
  rebuild();
}

export function add(point) {
  const last = points.at(-1);
  if (last && point[0] <= last[0]) return;
  points.push(point);
  if (points.length > KEPT) points.shift();
  redraw();
}

function redraw() {
  if (document.hidden) return;
  const now = points.length ? points.at(-1)[0] : Date.now() / 1000;
  const from = Math.max(now - KEPT, Math.min(points[0]?.[0] ?? now, now - SHORTEST));
  for (const chart of drawn) {
    chart.data = dataOf(chart.spec);
    chart.plot.setData(chart.data, false);
    chart.plot.batch(() => {
      chart.plot.setScale("x", { min: from, max: now });
      for (const side of chart.sides) chart.plot.setScale(side, rangeOf(chart, side));
    });
    showValues(chart, null);
  }
}

function dataOf(spec) {
  const times = points.map((point) => point[0]);
  const values = spec.series.map(([, field]) => { const at = fields.indexOf(field); return points.map((point) => point[at]); });
  if (!spec.stacked) return [times, ...values];
  const sums = points.map(() => 0);
  const stacked = values.map((column) => column.map((value, index) => (sums[index] += value ?? 0)));
  return [times, ...stacked];
}

// From zero, with room at the top; an empty chart has a scale, too.
function rangeOf(chart, side) {
  if (chart.spec.top) return { min: 0, max: chart.spec.top };
  let most = 0;
  chart.spec.series.forEach(([, , , , where], index) => {
    if ((where ?? "y") === side) for (const value of chart.data[index + 1]) if (value > most) most = value;
  });
  return { min: 0, max: most > 0 ? most * 1.1 : 1 };
}

function rebuild() {
  const colours = coloursNow();
  for (const chart of drawn.splice(0)) chart.plot.destroy();
  document.getElementById("charts").replaceChildren(...CHARTS.map((spec) => build(spec, colours)));
  redraw();
}

function coloursNow() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return { grid: read("--grid"), text: read("--muted"), edge: read("--warn"), series: [1, 2, 3, 4].map((n) => read(`--series-${n}`)), areas: [1, 2, 3, 4].map((n) => read(`--area-${n}`)) };
}

function build(spec, colours) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const title = Object.assign(document.createElement("h3"), { textContent: spec.title });
  const values = spec.series.map(([name, , colour]) => {
    const key = Object.assign(document.createElement("span"), { className: `legend series-${colour}` });
    const value = document.createElement("b");
    key.append(`${name} `, value);
    return [key, value];
  });
  caption.append(title, ...values.map(([key]) => key));
  const canvas = document.createElement("div");
  canvas.className = "plot";
  canvas.setAttribute("aria-hidden", "true");
  figure.append(caption, canvas);
  const sides = [...new Set(spec.series.map(([, , , , side]) => side ?? "y"))];
  const chart = { spec, sides, values: values.map(([, value]) => value), texts: [], data: dataOf(spec), canvas, plot: null };
  chart.plot = new uPlot(options(chart, colours), chart.data, canvas);
  drawn.push(chart);
  observer.observe(canvas);
  return figure;
}

function options(chart, colours) {
  const { spec } = chart;
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: colours.text, font, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false } };
  const right = spec.series.find(([, , , , side]) => side === "right");
  return {
    width: 320, height: HEIGHT, legend: { show: false }, padding: [8, right ? 0 : 12, 0, 0],
    cursor: { y: false, sync: { key: "all" }, points: { size: 5 }, drag: { x: false, y: false } },
    scales: { x: { time: true, auto: false }, ...Object.fromEntries(chart.sides.map((side) => [side, { auto: false }])) },
    axes: [
      { ...axis, size: 24, space: 70, incrs: [30, 60, 120, 300], grid: { show: false }, values: (_plot, ticks) => ticks.map(timeOfDay) },
      { ...axis, scale: "y", size: 56, space: 28, values: (_plot, ticks) => ticks.map(spec.axis) },
      ...(right ? [{ ...axis, scale: "right", side: 1, size: 54, space: 30, grid: { show: false }, values: (_plot, ticks) => ticks.map(right[3]) }] : []),
    ],
    series: [{}, ...spec.series.map(([name, , colour, , side], index) => ({
      label: name, scale: side ?? "y", stroke: colours.series[colour - 1], width: 1.75, points: { show: false }, spanGaps: false,
      dash: side === "right" ? [5, 4] : undefined,
      fill: spec.stacked || index === 0 ? colours.areas[colour - 1] : undefined,
    }))],
    bands: spec.stacked ? spec.series.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })) : [],
    hooks: {
      setCursor: [(plot) => showValues(chart, plot.cursor.idx)],
      draw: spec.marks ? [(plot) => drawMarks(plot, colours)] : [],
    },
  };
}

function drawMarks(plot, colours) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colours.edge;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of [about.low_watermark, about.high_watermark]) {
    const y = plot.valToPos(mark, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

function showValues(chart, at) {
  const point = points[at ?? points.length - 1];
  chart.spec.series.forEach(([, field, , text], index) => {
    const shown = point ? text(point[fields.indexOf(field)]) : format.UNKNOWN;
    if (chart.texts[index] !== shown) { chart.texts[index] = shown; chart.values[index].textContent = shown; }
  });
}

const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = drawn.find(({ canvas }) => canvas === target);
    if (chart && contentRect.width) chart.plot.setSize({ width: contentRect.width, height: HEIGHT });
  }
});

window.addEventListener("theme", () => { if (about) rebuild(); });
document.addEventListener("visibilitychange", () => { if (about) redraw(); });
