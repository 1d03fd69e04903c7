// The wall screen does not scroll: a row that does not fit as a whole is hidden.

const table = document.getElementById("operators");
const list = document.getElementById("attention");

const isFixed = () => getComputedStyle(document.body).overflowY === "hidden"; // smaller screens scroll

function fit() {
  const card = table.closest("section");
  const rows = [...table.querySelectorAll("tbody tr")];
  for (const each of [card, ...rows]) each.hidden = false;
  const displayed = rows.filter((row) => row.getClientRects().length);
  if (isFixed()) {
    const end = card.getBoundingClientRect().bottom + 0.5;
    for (const row of displayed) row.hidden = row.getBoundingClientRect().bottom > end;
  }
  card.hidden = displayed.every((row) => row.hidden);
  hideCutRow();
}

function hideCutRow() {
  const fixed = isFixed();
  const { top, bottom } = list.getBoundingClientRect();
  for (const row of list.querySelectorAll("li")) {
    const box = row.getBoundingClientRect();
    row.classList.toggle("torn", fixed && box.top > top && box.top < bottom && box.bottom > bottom + 0.5);
  }
}

new ResizeObserver(fit).observe(document.querySelector("main"));
document.body.addEventListener("htmx:oobAfterSwap", fit);
list.addEventListener("scroll", hideCutRow);
