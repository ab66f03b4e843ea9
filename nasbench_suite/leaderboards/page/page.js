"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // Tables: a click on a head sorts, another one turns the order round; equal rows keep theirs.
  const valueOf = (cell) => {
    const text = cell.dataset.v ?? cell.textContent.trim();
    const number = parseFloat(text.replace(/,/g, ""));
    return cell.classList.contains("text") ? text.toLowerCase() : Number.isNaN(number) ? Infinity : number;
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      if (head.classList.contains("unsorted")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const rising = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const keyed = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[place]), row]);
        keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (rising ? 1 : -1));
        table.tBodies[0].append(...keyed.map(([, row]) => row));
      });
    });
  }

  // Filter: every word must occur in a row's name, family or package.
  const rows = [...document.querySelectorAll("[data-row]")];
  const sections = byId("strategies").querySelectorAll(":scope > details");
  byId("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.row.toLowerCase().includes(word));
    const left = [...sections].filter((section) => !section.hidden).length;
    byId("matches").textContent = words.length ? `${left} of ${sections.length} strategies` : "";
  });

  // A link to a strategy opens its section.
  const open = () => {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", open);
  open();

  // The chart.
  const data = JSON.parse(byId("data").textContent);
  // A curve is: moments without a value, the first value, then differences.
  const unpacked = ([missing, ...rest]) => {
    let value = 0;
    return [...Array(missing).fill(null), ...rest.map((difference) => (value += difference))];
  };
  for (const held of data.charts)
    for (const row of held.rows) for (const key of ["y", "low", "high"]) if (row[key]) row[key] = unpacked(row[key]);
  const shown = new Set(data.first);
  const choice = byId("chart-of");
  const legend = byId("legend");
  let plot = null;
  let chart = null;
  let names = [];
  data.charts.forEach((held, place) => choice.add(new Option(held.name, place)));
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });

  const draw = () => {
    chart = data.charts[choice.value || 0];
    if (!chart) return;
    plot?.destroy();
    const isRank = chart.kind === "rank";
    const scaled = (values) => values.map((v) => (v === null ? null : isRank ? v * chart.step : Math.max(v, 1) * chart.step * 100));
    const columns = [data.moments.map((fraction) => fraction * chart.budget)];
    const series = [{}];
    const bands = [];
    names = chart.rows.map((row) => row.label);
    for (const row of chart.rows) {
      const [light, night, dash] = data.looks[row.label];
      const stroke = dark.matches ? night : light;
      const paths = uPlot.paths.stepped({ align: 1 });
      const show = shown.has(row.label);
      const at = series.length;
      columns.push(scaled(row.y));
      series.push({ label: row.label, stroke, dash, width: 2, paths, show, points: { show: false } });
      if (isRank) continue;
      for (const end of ["high", "low"]) {
        columns.push(scaled(row[end]));
        series.push({ paths, width: 0, show: show && byId("bands").checked, points: { show: false } });
      }
      bands.push({ series: [at + 1, at + 2], fill: stroke + "26" });
    }
    const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") } };
    const size = () => ({ width: byId("chart").clientWidth, height: byId("chart").clientHeight });
    const y = isRank
      ? { distr: 1, dir: -1, range: (u, low, high) => [Math.max(1, low - 0.3), high + 0.3] }
      : { distr: 3, range: (u, low, high) => (low === null ? [0.1, 10] : [low * 0.85, high * 1.15]) };
    const firsts = chart.rows.map((row) => row.y.findIndex((value) => value !== null)).filter((at) => at >= 0);
    const from = columns[0][Math.max(0, Math.min(...firsts, data.moments.length - 2) - 1)];
    const x = { time: false, distr: byId("log-x").checked ? 3 : 1, range: (u, low, high) => (low > from || high < chart.budget ? [low, high] : [byId("log-x").checked ? from : 0, chart.budget]) };
    const short = (v) => (v >= 1e6 ? v / 1e6 + "M" : v >= 1e4 ? v / 1e3 + "k" : v === null ? "" : String(+v.toPrecision(3)));
    // On a logarithmic axis uPlot counts ticks from the scale's end; these are 1, 2 and 5 of every decade.
    const splits = (u, number, low, high) => {
      const found = [];
      const room = number === 0 ? u.width > 600 : u.height > 250;
      const digits = Math.log10(high / low) < (room ? 2.5 : 1.2) ? [1, 2, 5] : [1];
      for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++)
        for (const digit of digits) found.push(+(digit * 10 ** decade).toPrecision(3));
      return found.filter((tick) => tick >= low && tick <= high);
    };
    const xAxis = byId("log-x").checked ? { ...axis, splits, filter: (u, ticks) => ticks } : axis;
    const yAxis = isRank ? axis : { ...axis, splits, filter: (u, ticks) => ticks };
    plot = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { drag: { x: true, y: false }, points: { show: false } },
        scales: { x, y },
        axes: [
          { ...xAxis, label: isRank ? "% of the budget" : `budget, ${chart.unit}`, values: (u, ticks) => ticks.map((v) => (v === null ? "" : short(v))) },
          { ...yAxis, label: isRank ? "average rank" : "regret, percent points", size: 62, values: (u, ticks) => ticks.map((v) => (v === null ? "" : short(v))) },
        ],
        series,
        bands,
        hooks: { setCursor: [tell] },
      },
      columns,
      byId("chart"),
    );
    list();
    tell(plot);
  };

  const width = () => (chart.kind === "rank" ? 1 : 3);
  const list = () => {
    legend.replaceChildren(
      ...names.map((label) => {
        const [light, night, dash] = data.looks[label];
        const item = document.createElement("li");
        item.innerHTML = '<label><input type="checkbox"><svg width="30" height="10" aria-hidden="true"><line x1="0" y1="5" x2="30" y2="5" stroke-width="3"/></svg><span></span><output></output></label>';
        const box = item.querySelector("input");
        box.checked = shown.has(label);
        const line = item.querySelector("line");
        line.setAttribute("stroke", dark.matches ? night : light);
        line.setAttribute("stroke-dasharray", dash.join(" "));
        item.querySelector("span").textContent = label;
        box.addEventListener("change", () => {
          box.checked ? shown.add(label) : shown.delete(label);
          show();
        });
        return item;
      }),
    );
  };
  const show = () => {
    plot.batch(() => {
      names.forEach((label, place) => {
        const at = 1 + place * width();
        plot.setSeries(at, { show: shown.has(label) });
        for (let end = 1; end < width(); end++) plot.setSeries(at + end, { show: shown.has(label) && byId("bands").checked });
        legend.children[place].querySelector("input").checked = shown.has(label);
      });
    });
  };
  function tell(u) {
    const at = u.cursor.idx ?? u.data[0].length - 1;
    const fraction = data.moments[at];
    byId("at").textContent = chart.kind === "rank"
      ? `At ${number(100 * fraction)} % of the budget:`
      : `At ${number(fraction * chart.budget)} ${chart.unit} (${number(100 * fraction)} % of the budget), regret in percent points:`;
    names.forEach((label, place) => {
      const base = 1 + place * width();
      const value = u.data[base][at];
      const output = legend.children[place]?.querySelector("output");
      if (!output) return;
      const ends = width() > 1 && value != null && u.data[base + 1][at] != null ? ` [${number(u.data[base + 2][at])}, ${number(u.data[base + 1][at])}]` : "";
      output.textContent = value == null ? "no answer yet" : number(value) + ends;
    });
  }

  byId("chart").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !plot) return;
    event.preventDefault();
    const last = data.moments.length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? last) + step));
    plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: plot.bbox.height / 2 / devicePixelRatio });
  });
  const choose = (labels) => {
    shown.clear();
    labels.forEach((label) => shown.add(label));
    show();
  };
  byId("all").addEventListener("click", () => choose(names));
  byId("some").addEventListener("click", () => choose(data.first));
  byId("none").addEventListener("click", () => choose([]));
  for (const id of ["chart-of", "log-x", "bands"]) byId(id).addEventListener("change", draw);
  dark.addEventListener("change", draw);
  draw();
  new ResizeObserver(() => plot?.setSize({ width: byId("chart").clientWidth, height: byId("chart").clientHeight })).observe(byId("chart"));
})();
