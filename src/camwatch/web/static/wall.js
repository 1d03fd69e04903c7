// The wall: nobody scrolls it, so a row is shown whole or not at all, however much stands above it.

const table = document.getElementById("operators");
const list = document.getElementById("attention");

function fit() {
  const fixed = getComputedStyle(document.body).overflowY === "hidden"; // elsewhere one scrolls
  const card = table.closest("section");
  const rows = [...table.querySelectorAll("tbody tr")];
  for (const each of [card, ...rows]) each.hidden = false;
  const there = rows.filter((row) => row.getClientRects().length);
  if (fixed) {
    const end = card.getBoundingClientRect().bottom + 0.5;
    for (const row of there) row.hidden = row.getBoundingClientRect().bottom > end;
  }
  card.hidden = there.every((row) => row.hidden);
  tear(fixed);
}

function tear(fixed) {
  const end = list.getBoundingClientRect().bottom;
  for (const row of list.querySelectorAll("li")) {
    const box = row.getBoundingClientRect();
    row.classList.toggle("torn", fixed && box.top < end && box.bottom > end + 0.5 && box.top > list.getBoundingClientRect().top);
  }
}

new ResizeObserver(fit).observe(document.querySelector("main"));
document.body.addEventListener("htmx:oobAfterSwap", fit);
list.addEventListener("scroll", () => tear(getComputedStyle(document.body).overflowY === "hidden"));
