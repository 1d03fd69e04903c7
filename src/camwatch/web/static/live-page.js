// Shared by all pages: updates, the notice of a stale page, running durations, tooltips of uptime bars, menus.

const STALE_AFTER_MS = 30000;
const TOGETHER_MS = 600; // events within it cause one refresh; longer than the server caches its snapshot
const APART_MS = 400; // spreads the requests of all clients
const AT_MOST_EVERY_MS = 1500;

const root = document.documentElement;
const skew = Number(root.dataset.now) - Date.now(); // the client's clock may be wrong
const serverNow = () => Date.now() + skew;
const byId = (id) => document.getElementById(id);
const two = (number) => String(number).padStart(2, "0");
const face = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: root.dataset.zone });
const clock = (ms) => face.format(ms); // in the time zone of the cameras, not of the client

let paused = false;

// --- running durations

function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  if (d) return h ? `${d} ${root.lang === "fr" ? "j" : "d"} ${h} h` : `${d} ${root.lang === "fr" ? "j" : "d"}`;
  if (h) return `${h} h ${two(m)} min`;
  if (m >= 10 || (m && !s)) return `${m} min`;
  return m ? `${m} min ${two(s)} s` : `${s} s`;
}

function tick() {
  if (paused || root.classList.contains("is-stale")) return; // old durations do not run on
  const now = serverNow();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = span(now - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
  for (const wall of document.querySelectorAll("[data-clock]")) wall.textContent = clock(now);
}
setInterval(tick, 1000);
tick();

// --- live or stale

let heard = Date.now();
let live = false;

function show() {
  const stale = Date.now() - heard > STALE_AFTER_MS;
  const indicator = byId("live");
  root.classList.toggle("is-stale", stale);
  root.classList.toggle("is-live", live && !stale && !paused);
  byId("stale").hidden = !stale;
  if (stale) {
    const since = byId("stale-since");
    since.dateTime = new Date(heard + skew).toISOString();
    since.textContent = clock(heard + skew);
    since.title = `${since.dateTime.slice(0, 19).replace("T", " ")} UTC`;
  }
  if (!indicator) return;
  const text = stale ? indicator.dataset.staleText : paused ? indicator.dataset.pausedText : live ? indicator.dataset.liveText : indicator.dataset.waitText;
  if (byId("live-text").textContent !== text) byId("live-text").textContent = text;
}

byId("live")?.addEventListener("click", () => {
  paused = !paused;
  byId("live").setAttribute("aria-pressed", String(paused));
  clearTimeout(due);
  due = 0;
  if (!paused) refresh();
  show();
});

let due = 0;
let last = 0;

function refresh() {
  if (due || paused) return;
  const wait = Math.max(TOGETHER_MS, last + AT_MOST_EVERY_MS - Date.now()) + Math.random() * APART_MS;
  due = setTimeout(() => {
    due = 0;
    last = Date.now();
    document.body.dispatchEvent(new CustomEvent("refresh"));
  }, wait);
}

// A refresh uses the current query of the page. If the user changed a filter meanwhile, the response is dropped.
const refresher = byId("refresher");
let requested = "";

refresher?.addEventListener("htmx:configRequest", (event) => {
  requested = location.search;
  event.detail.path = event.detail.path.split("?")[0] + requested;
});

refresher?.addEventListener("htmx:beforeSwap", (event) => {
  if (requested === location.search) return;
  event.detail.shouldSwap = false;
  refresh();
});

// --- changes, announced to screen readers

const changed = new Map();
let announcing = 0;

function announce(event) {
  changed.set(event.camera, event);
  announcing ||= setTimeout(() => {
    const region = byId("said");
    const words = Object.fromEntries(region.dataset.statuses.split(";").filter(Boolean).map((pair) => pair.split("=")));
    const [one] = changed.values();
    region.textContent = changed.size === 1
      ? region.dataset.one.replace("{name}", one.name).replace("{status}", words[one.new])
      : region.dataset.many.split("|").at(-1).replace("{n}", changed.size);
    changed.clear();
    announcing = 0;
  }, 1000);
}

// --- the event stream

const EVENTS = ["transition", "outage", "incident", "reboot", "link", "visibility", "monitoring_gap", "inventory_reloaded", "resync"];
const SILENT_MS = 40000; // without a ping for so long the connection is dead; the server pings every 15 s
const RETRY_MS = 5000; // after a refusal; otherwise the browser reconnects automatically
let stream = null;
let lastId = "";

function connect() {
  stream = new EventSource(lastId ? `${root.dataset.live}?after=${encodeURIComponent(lastId)}` : root.dataset.live);
  const alive = (event) => {
    lastId = event.lastEventId || lastId;
    heard = Date.now();
    live = true;
    show();
  };
  stream.onopen = (event) => {
    if (!lastId) refresh(); // events between the page and its stream
    alive(event);
  };
  stream.onerror = () => stream.readyState === EventSource.CLOSED && reconnect();
  stream.addEventListener("ping", alive);
  for (const name of EVENTS) stream.addEventListener(name, (event) => {
    alive(event);
    if (name === "transition") announce(JSON.parse(event.data));
    refresh();
  });
}

async function reconnect() {
  live = false;
  const me = await fetch(root.dataset.live.replace(/events$/, "me"), { cache: "no-store" }).catch(() => null);
  if (me && (me.status === 401 || me.redirected)) location.reload(); // the session has ended
  else setTimeout(connect, RETRY_MS * (0.75 + Math.random() / 2));
}

if (root.dataset.live) {
  setInterval(show, 1000);
  connect();
  setInterval(() => {
    if (stream.readyState !== EventSource.OPEN || Date.now() - heard < SILENT_MS) return;
    stream.close();
    connect();
  }, 5000);
  // A page that becomes visible again must not show old data.
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(refresh, 60000); // some figures change without an event: those of the last 30 days
}

// --- tooltips of uptime bars

document.addEventListener("pointermove", (event) => {
  const bars = event.target.closest?.("[data-days]");
  const old = document.querySelector(".tip");
  if (!bars) return old?.remove();
  const days = bars.dataset.days.split("|");
  const box = bars.getBoundingClientRect();
  const share = Math.min(0.9999, Math.max(0, (event.clientX - box.left) / box.width));
  const index = Math.floor(share * days.length);
  const day = new Date(`${bars.dataset.first}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() + index);
  const tip = old?.parentNode === bars ? old : Object.assign(document.createElement("span"), { className: "tip" });
  if (tip !== old) { old?.remove(); bars.append(tip); }
  tip.textContent = `${day.toLocaleDateString(root.lang, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" })} – ${days[index]}`;
  tip.style.left = `${Math.min(Math.max(share * box.width, 70), box.width - 70)}px`;
});

// --- menus close on a click elsewhere and on Escape

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    const field = document.querySelector(".find input");
    if (field) { event.preventDefault(); field.focus(); }
  }
});
