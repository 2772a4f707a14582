// Draws every figure of the page from the data that stand in it, one after another.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read("data");
const specs = read("specs");

const rowsOf = (columns) => {
  const names = Object.keys(columns);
  const first = columns[names[0]] ?? [];
  return first.map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
};

const namesIn = (part, found = new Set()) => {
  if (part && typeof part === "object") {
    if (part.data?.name) found.add(part.data.name);
    if (part.from?.data?.name) found.add(part.from.data.name);
    Object.values(part).forEach((inner) => namesIn(inner, found));
  }
  return found;
};

const faint = { gridColor: "var(--line)", domainColor: "var(--line)", tickColor: "var(--line)" };
const text = { labelColor: "var(--soft)", titleColor: "var(--soft)" };
const size = { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 };
const config = {
  background: "transparent",
  font: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  view: { stroke: null },
  axisX: { grid: false },
  axis: { ...faint, ...text, ...size, labelLimit: 150 },
  legend: { ...text, ...size, title: null, columns: innerWidth < 600 ? 1 : 4, labelLimit: 190, symbolStrokeWidth: 2.5 },
  text: { color: "var(--soft)", fontSize: 12 },
  bar: { color: "var(--good)" },
};

const dark = matchMedia("(prefers-color-scheme: dark)").matches;

for (const place of document.querySelectorAll("[data-figure]")) {
  const spec = specs[place.dataset.figure];
  const datasets = Object.fromEntries([...namesIn(spec)].map((name) => [name, rowsOf(data[name])]));
  try {
    await window.vegaEmbed(place, { ...spec, datasets }, {
      config,
      actions: false,
      ast: true, // the page's policy forbids making code of text
      renderer: "svg",
      tooltip: { theme: dark ? "dark" : "light" },
    });
  } catch (error) {
    place.textContent = `This figure could not be drawn: ${error.message}`;
    console.error(place.dataset.figure, error);
  }
}
document.body.dataset.drawn = "yes";
