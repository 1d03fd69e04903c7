// What a camera said of itself in the last hours: one small plot for each value that it tells.

/* global uPlot */

const box = document.getElementById("plots");
const PLOTS = ["fps", "bitrate_bps", "temperature_celsius", "storage_used_ratio", "clock_offset_s"];
const ROOM = { fps: 5, bitrate_bps: 1, temperature_celsius: 5, storage_used_ratio: 20, clock_offset_s: 1 }; // no ripple looks like a wave
const SCALE = { bitrate_bps: 1e-6, storage_used_ratio: 100 };
const style = getComputedStyle(document.documentElement);
const numbers = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const colour = (name) => {
  const probe = Object.assign(document.createElement("i"), { hidden: false });
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function plot(name, times, values) {
  const scale = SCALE[name] ?? 1;
  const shown = values.map((value) => (value === null ? null : value * scale));
  const told = shown.filter((value) => value !== null);
  if (!told.length) return false;
  const unit = name === "storage_used_ratio" ? " %" : "";
  const range = box.dataset.range
    .replace("{least}", numbers.format(Math.min(...told)) + unit)
    .replace("{most}", numbers.format(Math.max(...told)) + unit)
    .replace("{last}", numbers.format(told.at(-1)) + unit);
  const figure = Object.assign(document.createElement("div"), { className: "plot" });
  const title = document.createElement("h3");
  title.append(box.dataset[name], Object.assign(document.createElement("span"), { textContent: range }));
  const canvas = document.createElement("div");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${box.dataset[name]} : ${range}`);
  figure.append(title, canvas);
  box.append(figure);
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const zone = box.dataset.zone;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", timeZone: zone });
  const chart = new uPlot({
    width: canvas.clientWidth,
    height: 130,
    legend: { show: false },
    cursor: { sync: { key: "values" }, y: false },
    scales: { y: { range: (_, least, most) => [Math.min(least, 0), Math.max(most, Math.min(least, 0) + ROOM[name]) * 1.08] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1000)), space: 60 },
      { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => numbers.format(tick)), space: 30 },
    ],
    series: [{}, { stroke: colour("--accent"), width: 2, fill: colour("--raised"), spanGaps: false, points: { show: told.length < 3 } }],
  }, [times, shown], canvas);
  new ResizeObserver(() => chart.setSize({ width: canvas.clientWidth, height: 130 })).observe(canvas);
  return true;
}

async function main() {
  let found = [];
  try {
    const answer = await fetch(box.dataset.values, { headers: { accept: "application/json" } });
    const series = answer.ok ? await answer.json() : { times: [] };
    const times = series.times.map((time) => Date.parse(time) / 1000);
    box.replaceChildren();
    found = times.length ? PLOTS.filter((name) => plot(name, times, series[name])) : [];
  } catch {
    box.replaceChildren();
  }
  if (!found.length) box.append(Object.assign(document.createElement("p"), { className: "soft", textContent: box.dataset.empty }));
}

main();
