// The map. Without a tile server it draws districts around their sites, over a grid of degrees.
// Markers that would overlap are one marker with the worst status of its sites.

/* global L */

const ORDER = ["down", "unknown", "maintenance", "up", "planned", "retired"];
const FORMS = {
  up: '<circle class="body" cx="20" cy="20" r="17"/>',
  down: '<rect class="body" x="3" y="3" width="34" height="34" rx="6"/>',
  unknown: '<circle class="body" cx="20" cy="20" r="17"/>',
  maintenance: '<path class="body" d="M20 1 39 20 20 39 1 20z"/>',
  planned: '<path class="body" d="M20 2 36 11v18l-16 9-16-9V11z"/>',
  retired: '<circle class="body" cx="20" cy="20" r="13"/>',
};
const CELL_PX = 44;
const ZONE_MOST = 0.35; // of the whole map; a wider district is not drawn

const box = document.getElementById("map");
const words = Object.fromEntries(box.dataset.statuses.split(";").filter(Boolean).map((pair) => pair.split("=")));
const numbers = new Intl.NumberFormat(document.documentElement.lang);
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const read = () => JSON.parse(document.getElementById("places").textContent || "[]");
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

let places = read();
const map = L.map(box, {
  zoomControl: false,
  attributionControl: Boolean(box.dataset.tiles),
  zoomSnap: 0.25,
  minZoom: 3,
  maxZoom: 18,
  scrollWheelZoom: false, // the wheel scrolls the page until the user clicks the map
  dragging: !matchMedia("(pointer: coarse)").matches, // one finger scrolls the page, two move the map
  fadeAnimation: false,
  zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
});
map.on("click focus", () => map.scrollWheelZoom.enable());
box.addEventListener("mouseleave", () => map.scrollWheelZoom.disable());
L.control.zoom({ zoomInTitle: box.dataset.in, zoomOutTitle: box.dataset.out }).addTo(map);
L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
const showAll = () => map.fitBounds(L.latLngBounds(places.map((place) => place.at)).pad(0.1), { maxZoom: 15, animate: false });
if (places.length) showAll();
else { map.setView([46.6, 2.4], 5); box.insertAdjacentHTML("beforeend", `<p class="empty">${escaped(box.dataset.none)}</p>`); }

const labels = []; // the districts, the largest first
if (box.dataset.tiles) {
  L.tileLayer(box.dataset.tiles, { attribution: escaped(box.dataset.tilesBy), maxZoom: 19 }).addTo(map);
} else {
  drawGrid();
  drawZones();
}

const names = L.layerGroup().addTo(map);
const layer = L.layerGroup().addTo(map);
let shown = new Map(); // markers on the map, by their sites and counts
draw();
map.on("zoomend", draw);
new ResizeObserver(() => {
  map.invalidateSize({ animate: false });
  if (places.length && document.documentElement.classList.contains("kiosk")) showAll(); // a wall screen has no pointer
}).observe(box);
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target?.id !== "places") return;
  places = read();
  if (places.length) box.querySelector(":scope > .empty")?.remove();
  draw();
});

box.addEventListener("keydown", (event) => {
  const popup = map._popup; // Leaflet closes it with Escape only while the map itself has the focus
  if (event.key !== "Escape" || !popup?.isOpen()) return;
  map.closePopup();
  popup._source?.getElement()?.focus();
});

// --- background

function drawGrid() {
  const lines = L.layerGroup().addTo(map);
  const redraw = () => {
    lines.clearLayers();
    const view = map.getBounds().pad(0.5);
    const raw = (view.getEast() - view.getWest()) / 16;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * (raw / unit > 5 ? 10 : raw / unit > 2 ? 5 : 2);
    const style = { className: "grid", interactive: false, weight: 1 };
    for (let x = Math.ceil(view.getWest() / step) * step; x < view.getEast(); x += step) {
      L.polyline([[view.getSouth(), x], [view.getNorth(), x]], style).addTo(lines);
    }
    for (let y = Math.ceil(view.getSouth() / step) * step; y < view.getNorth(); y += step) {
      L.polyline([[y, view.getWest()], [y, view.getEast()]], style).addTo(lines);
    }
  };
  redraw();
  map.on("moveend", redraw);
}

function drawZones() {
  const zones = new Map();
  for (const place of places) zones.set(place.zone, [...(zones.get(place.zone) ?? []), place.at]);
  const all = spread(places.map((place) => place.at));
  for (const [name, points] of zones) {
    if (zones.size > 1 && spread(points) > ZONE_MOST * all) continue; // its sites are all over the town
    const ring = hull(points);
    L.polygon(ring.length > 1 ? ring : [ring[0], ring[0]], { className: "zone", interactive: false, weight: 34, fillOpacity: 1 }).addTo(map);
    labels.push({ name, bounds: L.latLngBounds(points), size: points.length });
  }
  labels.sort((one, other) => other.size - one.size);
}

// Show a district's name beside it, where it covers neither a site nor another name; else not at all.
function drawNames() {
  names.clearLayers();
  const taken = [...shown.values()].map((one) => {
    const at = map.latLngToLayerPoint(one.getLatLng());
    const half = one.options.icon.options.iconSize[0] / 2 + 2;
    return L.bounds(at.subtract([half, half]), at.add([half, half]));
  });
  for (const { name, bounds } of labels) {
    const [low, high] = [map.latLngToLayerPoint(bounds.getSouthWest()), map.latLngToLayerPoint(bounds.getNorthEast())];
    const [width, height] = [name.length * 8.2 + 8, 16];
    const [x, y] = [(low.x + high.x) / 2, (low.y + high.y) / 2];
    const places = [[x, high.y - 30], [x, low.y + 30], [high.x + 24 + width / 2, y], [low.x - 24 - width / 2, y]];
    for (const [left, top] of places) {
      const room = L.bounds([left - width / 2, top - height / 2], [left + width / 2, top + height / 2]);
      if (taken.some((other) => other.intersects(room))) continue;
      taken.push(room);
      const icon = L.divIcon({ className: "zone-name", html: escaped(name), iconSize: [width, height] });
      L.marker(map.layerPointToLatLng([left, top]), { icon, interactive: false, keyboard: false, zIndexOffset: -1000 }).addTo(names);
      break;
    }
  }
}

function spread(points) {
  if (!points.length) return 1;
  const bounds = L.latLngBounds(points);
  return bounds.getNorthEast().distanceTo(bounds.getSouthWest()) || 1;
}

function hull(points) {
  const sorted = [...points].sort((a, b) => a[1] - b[1] || a[0] - b[0]);
  const turn = (o, a, b) => (a[1] - o[1]) * (b[0] - o[0]) - (a[0] - o[0]) * (b[1] - o[1]);
  const half = (list) => {
    const found = [];
    for (const point of list) {
      while (found.length > 1 && turn(found.at(-2), found.at(-1), point) <= 0) found.pop();
      found.push(point);
    }
    return found.slice(0, -1);
  };
  return sorted.length < 3 ? sorted : [...half(sorted), ...half(sorted.reverse())];
}

// --- sites

function grouped() {
  const groups = [];
  const zoom = map.getZoom();
  for (const place of [...places].sort((a, b) => ORDER.indexOf(a.worst) - ORDER.indexOf(b.worst))) {
    const at = map.project(place.at, zoom);
    const near = groups.find((group) => Math.abs(group.px.x - at.x) < CELL_PX && Math.abs(group.px.y - at.y) < CELL_PX);
    if (near) near.places.push(place);
    else groups.push({ px: at, at: place.at, places: [place] });
  }
  return groups;
}

function draw() {
  const next = new Map();
  for (const group of grouped()) {
    const counts = {};
    for (const place of group.places) for (const [name, n] of Object.entries(place.n)) counts[name] = (counts[name] ?? 0) + n;
    const key = `${group.places.map((place) => place.id).sort().join()} ${JSON.stringify(counts)}`;
    next.set(key, shown.get(key) ?? marker(group, counts));
  }
  for (const [key, old] of shown) if (!next.has(key)) layer.removeLayer(old);
  for (const [key, one] of next) if (!shown.has(key)) layer.addLayer(one);
  shown = next;
  drawNames();
}

function marker(group, counts) {
  const worst = ORDER.find((name) => counts[name]) ?? "planned";
  const number = `${worst === "unknown" ? "?" : ""}${counts[worst] ?? 0}`;
  const size = (worst === "down" ? 34 : worst === "up" || worst === "planned" ? 26 : 30) + 4 * Math.max(0, number.length - 2);
  const icon = L.divIcon({
    className: `site s-${worst}`,
    html: `<svg viewBox="0 0 40 40" aria-hidden="true">${FORMS[worst]}<text x="20" y="20">${number}</text></svg>`,
    iconSize: [size, size],
  });
  const listed = ORDER.filter((name) => counts[name]).map((name) => `${numbers.format(counts[name])} ${words[name].toLowerCase()}`).join(", ");
  const many = group.places.length > 1;
  const name = many
    ? fill(box.dataset.cluster, { n: group.places.length, counts: listed })
    : fill(box.dataset.site, { name: group.places[0].name, counts: listed });
  const one = L.marker(group.at, { icon, title: name, riseOnHover: true, zIndexOffset: 1000 * (ORDER.length - ORDER.indexOf(worst)) });
  one.on("add", () => one.getElement().setAttribute("aria-label", name));
  if (many && map.getZoom() < map.getMaxZoom()) {
    one.on("click", () => map.fitBounds(L.latLngBounds(group.places.map((place) => place.at)).pad(0.3), { maxZoom: Math.max(map.getZoom() + 2, 15) }));
  } else {
    one.bindPopup(() => popup(group.places), { closeButton: true });
    one.on("popupopen", (event) => {
      const popup = event.popup.getElement();
      popup.querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", box.dataset.close);
      if (document.activeElement === one.getElement()) popup.querySelector("ul + a")?.focus();
    });
  }
  return one;
}

function popup(sites) {
  return sites.map((place) => {
    const lines = ORDER.filter((name) => place.n[name]).map((name) => `<li class="status s-${name}"><svg aria-hidden="true"><use href="#i-${name}"/></svg>${numbers.format(place.n[name])} ${escaped(words[name].toLowerCase())}</li>`);
    const link = `${box.dataset.cameras}${encodeURIComponent(place.id)}#cameras`;
    return `<h3>${escaped(place.name)}</h3><span class="soft">${escaped(place.zone)}</span><ul>${lines.join("")}</ul><a href="${escaped(link)}">${escaped(box.dataset.list)}</a>`;
  }).join("");
}
