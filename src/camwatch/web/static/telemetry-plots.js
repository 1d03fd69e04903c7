// Plots of a camera's telemetry in the last hours, one for each value that it sends.

/* global uPlot */

const box = document.getElementById("plots");
const PLOTS = ["fps", "bitrate_bps", "temperature_celsius", "storage_used_ratio", "clock_offset_s"];
const LEAST_RANGE = { fps: 5, bitrate_bps: 1, temperature_celsius: 5, storage_used_ratio: 20, clock_offset_s: 1 }; // small changes look small
const SCALE = { bitrate_bps: 1e-6, storage_used_ratio: 100 };
const style = getComputedStyle(document.documentElement);
const numbers = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const colour = (name) => {
  const probe = document.createElement("i");
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function plot(name, times, values) {
  const scale = SCALE[name] ?? 1;
  const shown = values.map((value) => (value === null ? null : value * scale));
  const known = shown.filter((value) => value !== null);
  if (!known.length) return false;
  const unit = name === "storage_used_ratio" ? " %" : "";
  const range = box.dataset.range
    .replace("{least}", numbers.format(Math.min(...known)) + unit)
    .replace("{most}", numbers.format(Math.max(...known)) + unit)
    .replace("{last}", numbers.format(known.at(-1)) + unit);
  const figure = Object.assign(document.createElement("div"), { className: "plot" });
  const title = document.createElement("h3");
  title.append(box.dataset[name], Object.assign(document.createElement("span"), { textContent: range }));
  const canvas = document.createElement("div");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${box.dataset[name]} : ${range}`);
  figure.append(title, canvas);
  box.append(figure);
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", timeZone: box.dataset.zone });
  const chart = new uPlot({
    width: canvas.clientWidth,
    height: 130,
    legend: { show: false },
    cursor: { sync: { key: "values" }, y: false },
    scales: { y: { range: (_, least, most) => [Math.min(least, 0), Math.max(most, Math.min(least, 0) + LEAST_RANGE[name]) * 1.08] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1000)), space: 60 },
      { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => numbers.format(tick)), space: 30 },
    ],
    series: [{}, { stroke: colour("--accent"), width: 2, fill: colour("--raised"), spanGaps: false, points: { show: known.length < 3 } }],
  }, [times, shown], canvas);
  new ResizeObserver(() => chart.setSize({ width: canvas.clientWidth, height: 130 })).observe(canvas);
  return true;
}

async function main() {
  let shown = false;
  try {
    const response = await fetch(box.dataset.values, { headers: { accept: "application/json" } });
    const series = response.ok ? await response.json() : { times: [] };
    const times = series.times.map((time) => Date.parse(time) / 1000);
    box.replaceChildren();
    shown = times.length && PLOTS.filter((name) => plot(name, times, series[name])).length;
  } catch {
    box.replaceChildren();
  }
  if (!shown) box.append(Object.assign(document.createElement("p"), { className: "soft", textContent: box.dataset.empty }));
}

main();
