"use strict";
const root = document.documentElement;
const plots = JSON.parse(document.getElementById("plot-data").textContent);
const themeButton = document.getElementById("theme");

async function loadPlotly() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function drawPlots() {
  if (!window.Plotly) return;  // they are drawn once it is loaded
  const style = getComputedStyle(root);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  for (const plot of plots) {
    const layout = structuredClone(plot.layout);
    Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink } });
    for (const axis of [layout.xaxis, layout.yaxis]) Object.assign(axis, { gridcolor: line, linecolor: ink });
    const data = structuredClone(plot.data);
    // names would cover each other on a narrow screen; a touch still shows them
    if (innerWidth < 700) for (const trace of data) if (trace.mode === "markers+text") trace.mode = "markers";
    Plotly.react(plot.id, data, layout, { responsive: true, displaylogo: false });
  }
}

function setTheme(dark) {
  root.dataset.theme = dark ? "dark" : "light";
  themeButton.setAttribute("aria-pressed", String(dark));
  drawPlots();
}
themeButton.addEventListener("click", () => setTheme(root.dataset.theme !== "dark"));
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
loadPlotly().then(drawPlots).catch((error) => {
  for (const plot of document.querySelectorAll(".plot")) plot.textContent = `Not drawn by this browser: ${error}`;
});

for (const form of document.querySelectorAll("form.filter")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const apply = () => {
    const text = form.elements.method.value.trim().toLowerCase();
    const column = form.elements.column?.value ?? "";
    const verdict = form.elements.verdict.value;
    let shown = 0;
    for (const row of rows) {
      const cells = [...row.cells].slice(1);
      const matches = cells.filter((cell, index) =>
        (column === "" || String(index + 1) === column) && (verdict === "" || cell.dataset.verdict === verdict));
      for (const cell of cells) cell.classList.toggle("off", !matches.includes(cell));
      const found = row.cells[0].textContent.toLowerCase().includes(text);
      row.hidden = !found || (verdict !== "" && matches.length === 0);
      shown += row.hidden ? 0 : 1;
    }
    form.querySelector("[role=status]").textContent = `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, index) => (index === 0 ? row.cells[0].textContent.trim() : row.cells[index].dataset.sort);
  heads.forEach((head, index) => head.querySelector("button").addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [one, two] = [key(a, index), key(b, index)];
      if (one === "" || two === "") return (one === "") - (two === "");  // nothing printed stays at the end
      const numbers = Number(one) - Number(two);
      const order = Number.isNaN(numbers) ? one.localeCompare(two) : numbers;
      return falling ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }));
}
