"use strict";
// Nothing here is needed to read the page: tooltips, sorting, and the choice
// of colors remembered.
{
  const tip = document.getElementById("tip");
  document.querySelectorAll("[data-tip] > title").forEach((t) => t.remove());
  const show = (target) => {
    const at = target.closest?.("[data-tip]");
    tip.hidden = !at;
    if (!at) return;
    tip.textContent = at.dataset.tip;
    const box = at.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const x = Math.min(Math.max(box.left + box.width / 2 - own.width / 2, 8), innerWidth - own.width - 8);
    const y = box.top - own.height - 8;
    tip.style.transform = `translate(${x}px, ${y < 8 ? box.bottom + 8 : y}px)`;
  };
  document.addEventListener("pointerover", (e) => show(e.target));
  document.addEventListener("focusin", (e) => show(e.target));
  document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") tip.hidden = true; });

  const order = (a, b) => {
    const x = a.dataset.key, y = b.dataset.key;
    if (x && y) return Number(x) - Number(y);
    return a.textContent.localeCompare(b.textContent);
  };
  document.querySelectorAll("table.sortable thead th").forEach((th) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener("click", () => {
      const down = th.classList.contains("num") ? th.ariaSort !== "descending" : th.ariaSort === "ascending";
      for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = th.closest("table").tBodies[0], column = th.cellIndex;
      const missing = (row) => row.cells[column].textContent.trim() === "–";
      const rows = [...body.rows].sort((a, b) =>
        missing(a) - missing(b) || (down ? -1 : 1) * order(a.cells[column], b.cells[column]));
      body.append(...rows);
    });
  });

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => (d.open = true)));
  try {
    const saved = document.getElementById(localStorage.getItem("limbeck-theme") ?? "");
    if (saved) saved.checked = true;
    document.querySelectorAll(".theme input").forEach((input) =>
      input.addEventListener("change", () => localStorage.setItem("limbeck-theme", input.id)));
  } catch { /* a page opened from a file may have no storage */ }
}
