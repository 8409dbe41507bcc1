"use strict";
// The pages of quantal serve. Text from files is only ever put into text nodes and attributes, never into markup.

// h makes an element: h("a", {href: "/"}, "text", child). A key that begins with on is a listener.
function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "max") e[key] = value;
    else if (value !== false && value !== null && value !== undefined) e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined));
  return e;
}
const $ = id => document.getElementById(id);
const main = $("main");
const dark = matchMedia("(prefers-color-scheme: dark)");

// Numbers and times for people.
const percent = v => v === null ? "" : (100 * v).toFixed(2) + " %";
const quality = c => c.r2 === null ? percent(c.accuracy) : "R² " + c.r2.toFixed(4);
const few = v => v === null || v === undefined ? "" : String(Number(v.toPrecision(4)));
const short = v => v === null ? "" : v !== 0 && (Math.abs(v) < 0.001 || Math.abs(v) >= 1e6) ? v.toExponential().replace("e+", "e") : few(v);
function span(s) {
  if (s === null || s === undefined) return "";
  if (s < 90) return Math.round(s) + " s";
  if (s < 5400) return Math.round(s / 60) + " min";
  if (s < 172800) return (s / 3600).toFixed(1) + " h";
  return (s / 86400).toFixed(1) + " days";
}
function ago(time) {
  const s = (Date.now() - new Date(time)) / 1000;
  return s < 5 || !(s < 1e9) ? (s < 5 ? "now" : "") : span(s) + " ago";
}
// since shows how long ago a time was, also when nothing else happens.
function since(e, time) {
  e.dataset.time = time;
  put(e, ago(time));
}
setInterval(() => document.querySelectorAll("[data-time]").forEach(e => put(e, ago(e.dataset.time))), 10000);

// put changes a text only if it is another one, so that a reader's selection stays.
function put(e, text) {
  if (e.textContent !== String(text)) e.textContent = text;
}

async function get(path) {
  const answer = await fetch(path, {headers: {Accept: "application/json"}});
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim() || "the server answers " + answer.status);
  return JSON.parse(text);
}
// decades leaves labels at powers of ten of a logarithmic axis, and where there are few of these at 2 and 5 times them.
function decades(ticks) {
  const wide = Math.log10(ticks.at(-1) / ticks[0]);
  return ticks.map(v => {
    const power = Math.floor(Math.log10(v) + 1e-9), m = v / 10 ** power;
    const shown = wide < 2.5 ? [1, 2, 5] : [1];
    return shown.some(s => Math.abs(m - s) < 1e-6) && (wide < 8 || power % 2 === 0) ? v : null;
  });
}
const clean = label => label.replace(/[\^_]\{([^}]*)\}/g, "$1");
const whole = [1, 10, 100, 1e3, 1e4, 1e5].flatMap(n => [n, 2 * n, 5 * n]); // between marks of an axis of counts
const query = values => new URLSearchParams(Object.entries(values).filter(([, v]) => v !== undefined && v !== null)).toString();

// The state of a page that a link keeps, behind the # of its address.
const hash = {
  get: name => new URLSearchParams(location.hash.slice(1)).get(name),
  set(name, value) {
    const all = new URLSearchParams(location.hash.slice(1));
    if (value === null || value === "") all.delete(name); else all.set(name, value);
    history.replaceState(null, "", all.size ? "#" + all : location.pathname);
  },
};
const listIn = text => text ? text.split(",") : [];

// Plot is a plot with its key, which follows what is on the server.
class Plot {
  static all = new Set();

  // choose is called with the id of a point; chosen says whether it is chosen.
  constructor(title, choose, chosen) {
    this.choose = choose;
    this.chosen = chosen || (() => false);
    this.hidden = new Set();
    this.panel = 0;
    this.note = h("p", {class: "soft"});
    this.box = h("div", {class: "plot", tabindex: 0, role: "group",
      "aria-label": title + ". Arrow keys go from point to point" + (choose ? ", Enter chooses one" : "") + "."});
    this.say = h("span", {class: "soft", role: "status"});
    this.key = h("ul", {class: "key"});
    this.svg = h("a", {download: ""}, "SVG");
    this.csv = h("a", {download: ""}, "CSV");
    this.element = h("figure", {}, h("figcaption", {}, h("strong", {}, title), this.svg, this.csv, this.say), this.note, this.box,
      this.key);
    this.box.addEventListener("keydown", e => this.onKey(e));
    new ResizeObserver(() => this.resize()).observe(this.box);
    Plot.all.add(this);
  }

  remove() {
    Plot.all.delete(this);
    this.u?.destroy();
    this.element.remove();
  }

  // show draws what /plot/WHAT answers to values; panel is which one of several.
  async show(what, values, panel = 0) {
    const address = `/plot/${what}.json?` + query(values);
    for (const [link, ext] of [[this.svg, "svg"], [this.csv, "csv"]]) link.href = `/plot/${what}.${ext}?` + query(values);
    this.address = address;
    this.panel = panel;
    try {
      const data = await Plot.fetch(address);
      if (this.address !== address) return; // asked for another one since then
      this.set(data.panels[panel]);
      this.note.hidden = !data.note;
      put(this.note, data.note || "");
    } catch (error) {
      if (this.address !== address) return;
      this.set(null);
      this.note.hidden = false;
      put(this.note, error.message);
    }
  }

  // Several plots of one figure ask once.
  static asking = new Map();
  static fetch(address) {
    let asked = Plot.asking.get(address);
    if (!asked) {
      asked = get(address).finally(() => Plot.asking.delete(address));
      Plot.asking.set(address, asked);
    }
    return asked;
  }

  set(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    this.data = data;
    this.draw();
  }

  // aligned are the x of all series in order, and for each series its y at each of them.
  aligned() {
    const {x, y, series} = this.data;
    const fits = (v, axis) => v !== null && (!axis.log || v > 0);
    const most = new Map(); // how often a series has each x
    const kept = series.map(s => {
      const points = [], here = new Map();
      s.x.forEach((v, i) => {
        if (!fits(v, x) || !fits(s.y[i], y)) return;
        here.set(v, (here.get(v) || 0) + 1);
        points.push([v, s.y[i], s.ids ? s.ids[i] : null]);
      });
      for (const [v, n] of here) most.set(v, Math.max(n, most.get(v) || 0));
      return points;
    });
    const xs = [], at = new Map();
    for (const v of [...most.keys()].sort((a, b) => a - b)) {
      at.set(v, xs.length);
      for (let n = most.get(v); n > 0; n--) xs.push(v);
    }
    const ys = kept.map(points => {
      const column = new Array(xs.length).fill(null), used = new Map();
      for (const [v, w] of points) {
        const n = used.get(v) || 0;
        used.set(v, n + 1);
        column[at.get(v) + n] = w;
      }
      return column;
    });
    this.points = [];
    kept.forEach((points, i) => points.forEach(([v, w, id]) => this.points.push({x: v, y: w, id, series: i})));
    return [xs, ...ys];
  }

  draw() {
    this.u?.destroy();
    this.u = null;
    this.spots();
    this.key.replaceChildren();
    this.box.hidden = !this.data;
    if (!this.data || !this.box.clientWidth) return;
    const css = getComputedStyle(document.documentElement);
    const color = name => css.getPropertyValue("--" + name).trim();
    const {x, y, series} = this.data;
    const axis = (a, side, marks = a.log ? {filter: (u, ticks) => decades(ticks)} : {}) => ({
      label: clean(a.label), labelSize: 22, size: side ? 62 : 40, gap: 4, labelGap: 0,
      font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", stroke: color("ink"),
      grid: {stroke: color("line"), width: 1, ...marks}, ticks: {stroke: color("line"), width: 1, ...marks},
      values: (u, ticks) => ticks.map(short), ...marks, ...(a.whole ? {incrs: whole} : {}),
      ...(a.names ? {splits: () => a.names.map(n => n.At), values: () => a.names.map(n => n.Text), filter: (u, ticks) => ticks} : {}),
    });
    const scale = a => {
      const range = (u, low, high) => {
        if (a.min !== a.max) return [a.min, a.max]; // it stays while points come
        if (a.log) return [low / 1.15, high * 1.15];
        if (a.most === 100 && high - low < 2) [low, high] = [(low + high) / 2 - 1, Math.min(100, (low + high) / 2 + 1)]; // hundredths of a percent look large
        const [from, to] = uPlot.rangeNum(low, high, 0.06, false);
        return [from, a.most && high <= a.most ? Math.min(to, a.most + (a.most - from) * 0.02) : to];
      };
      return a.log ? {time: false, distr: 3, range} : {time: false, range};
    };
    // A pale colour lets the page shine through.
    const shade = s => color("c" + s.color).replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3") + Math.round(255 * (1 - s.pale)).toString(16).padStart(2, "0");
    this.u = new uPlot({
      width: this.box.clientWidth, height: this.height(), legend: {show: false},
      cursor: {x: false, y: false, points: {show: false}, drag: {x: true, y: true, uni: 20}},
      scales: {x: scale(x), y: scale(y)}, axes: [axis(x, false), axis(y, true)],
      series: [{}, ...series.map((s, i) => ({
        label: s.label, show: !this.hidden.has(this.name(s)), spanGaps: true, stroke: shade(s), width: s.line ? 1.6 : 0,
        dash: s.dashed ? [5, 4] : undefined, paths: s.line ? undefined : () => null,
        points: {show: s.mark, size: s.x.length > 200 ? 5 : 7, fill: shade(s), stroke: shade(s), width: 0},
      }))],
      hooks: {draw: [() => this.spots()], setCursor: [() => this.hover()]},
    }, this.aligned(), this.box);
    this.u.over.addEventListener("click", () => this.at && this.pick(this.at));
    this.u.over.addEventListener("mouseleave", () => this.point(null));
    const names = new Set();
    for (const s of series) {
      const name = this.name(s);
      if (names.has(name) || !name) continue;
      names.add(name);
      this.key.append(h("li", {}, h("button", {"aria-pressed": String(!this.hidden.has(name)), onclick: () => {
        if (!this.hidden.delete(name)) this.hidden.add(name);
        this.draw();
      }}, h("i", {class: "k" + s.color}), s.label)));
    }
  }

  // name is what a series is hidden by: a line of means goes with the marks of its label.
  name(s) { return s.label; }

  height() { return Math.max(240, Math.min(400, this.box.clientWidth * 0.62)); }

  resize() {
    if (this.u && this.box.clientWidth) this.u.setSize({width: this.box.clientWidth, height: this.height()});
    else if (this.data) this.draw();
  }

  visible() { return this.points.filter(p => !this.hidden.has(this.name(this.data.series[p.series]))); }

  place(p) { return [this.u.valToPos(p.x, "x"), this.u.valToPos(p.y, "y")]; }

  // hover points to what is nearest to the pointer.
  hover() {
    if (!this.u) return;
    const {left, top} = this.u.cursor;
    if (left < 0) return;
    let near = null, least = 40 * 40;
    for (const p of this.visible()) {
      const [a, b] = this.place(p), d = (a - left) ** 2 + (b - top) ** 2 + (p.id || !this.choose ? 0 : 100);
      if (d < least) [near, least] = [p, d];
    }
    this.point(near);
  }

  // point shows one point with its numbers; null shows none.
  point(p) {
    this.at = p;
    this.tip?.remove();
    this.tip = null;
    this.spots();
    if (!p) return put(this.say, "");
    const s = this.data.series[p.series], {x, y} = this.data;
    const name = x.names && x.names.find(n => n.At === p.x);
    const text = [s.label, `${clean(x.label)}: ${name ? name.Text : few(p.x)}`, `${clean(y.label)}: ${few(p.y)}`, p.id].filter(Boolean);
    this.tip = h("div", {class: "tip"}, text.join("\n"));
    this.u.over.append(this.tip);
    const [a, b] = this.place(p), w = this.tip.offsetWidth, wide = this.u.over.clientWidth;
    this.tip.style.left = Math.max(0, a + 14 + w > wide ? a - 14 - w : a + 14) + "px";
    this.tip.style.top = Math.max(0, Math.min(b, this.u.over.clientHeight - this.tip.offsetHeight)) + "px";
    put(this.say, text.join(", "));
  }

  // spots marks the chosen points and the one that is pointed to.
  spots() {
    for (const e of this.box.querySelectorAll(".spot")) e.remove();
    if (!this.u) return;
    for (const p of this.points) {
      if (p !== this.at && !(p.id && this.chosen(p.id)) || this.hidden.has(this.name(this.data.series[p.series]))) continue;
      const [a, b] = this.place(p);
      if (a < -1 || b < -1 || a > this.u.over.clientWidth + 1 || b > this.u.over.clientHeight + 1) continue;
      const spot = h("div", {class: "spot"});
      spot.style.left = a + "px";
      spot.style.top = b + "px";
      this.u.over.append(spot);
    }
  }

  pick(p) {
    if (p.id && this.choose) this.choose(p.id);
    this.spots();
  }

  onKey(e) {
    if (!this.u) return;
    const step = {ArrowRight: 1, ArrowLeft: -1}[e.key], other = {ArrowDown: 1, ArrowUp: -1}[e.key];
    const all = this.visible().filter(p => p.id || !this.choose);
    if (!all.length) return;
    if (step || other) {
      e.preventDefault();
      const current = this.at || all[0];
      const order = [...new Set(all.map(p => p.series))];
      let series = current.series;
      if (other && this.at) series = order[(order.indexOf(series) + other + order.length) % order.length];
      const own = all.filter(p => p.series === series).sort((a, b) => a.x - b.x);
      if (other || !this.at) {
        const near = own.reduce((n, p) => Math.abs(p.x - current.x) < Math.abs(n.x - current.x) ? p : n, own[0]);
        return this.point(near);
      }
      return this.point(own[Math.max(0, Math.min(own.length - 1, own.indexOf(current) + step))] || own[0]);
    }
    if ((e.key === "Enter" || e.key === " ") && this.at) {
      e.preventDefault();
      this.pick(this.at);
    }
    if (e.key === "Escape") {
      this.point(null);
      this.u.setData(this.u.data);
    }
  }
}
dark.addEventListener("change", () => Plot.all.forEach(p => p.draw()));

// Small parts of pages.
function table(head, rows, props = {}) {
  return h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": props.label || "table"}, h("table", {},
    head ? h("thead", {}, h("tr", {}, head.map(t => h("th", {scope: "col"}, t)))) : null,
    h("tbody", {}, rows.map(r => h("tr", {}, r.map((t, i) => i === 0 ? h("th", {scope: "row"}, t) : h("td", {class: props.wide ? "wide" : null}, t)))))));
}
const stateOf = state => h("span", {class: "state " + state}, state);
function facts(list) {
  return h("dl", {class: "facts"}, list.filter(([, v]) => v !== "" && v !== null && v !== undefined)
    .map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v))));
}
function details(title, open, fill) {
  const body = h("div", {});
  const d = h("details", {}, h("summary", {}, title), body);
  d.addEventListener("toggle", () => d.open && fill(body));
  if (open) d.open = true;
  return d;
}
function selectOf(label, names, value, change, none) {
  const s = h("select", {onchange: () => change(s.value)}, names.map(n => h("option", {value: n}, n === "" ? none : n.replaceAll("_", " "))));
  s.value = value;
  return h("label", {}, label + " ", s);
}
function failed(error) {
  put($("live"), "");
  main.replaceChildren(h("h1", {}, "Not here"), h("p", {}, error.message), h("p", {}, h("a", {href: "/"}, "All runs and grids")));
}

// Networks is a plot of any column over any other, with its menus.
class Networks {
  constructor(choose, chosen) {
    this.plot = new Plot("Networks", choose, chosen);
    this.tools = h("div", {class: "tools"});
    this.element = h("div", {}, this.tools, this.plot.element);
    this.y = hash.get("y") || "accuracy_sampled";
    this.by = hash.get("by");
  }

  // show draws the networks of some items, whose columns the axes name.
  async show(of, {x, numeric, varying}) {
    this.of = of;
    [numeric, varying] = [numeric || [], varying || []];
    if (!this.x) this.x = hash.get("x") || x;
    const along = [...varying.filter(n => !numeric.includes(n)), ...numeric], text = JSON.stringify([along, varying]);
    if (text !== this.menus) {
      this.menus = text;
      if (!along.includes(this.x)) this.x = x;
      if (!numeric.includes(this.y)) this.y = numeric.find(n => n.startsWith("r2")) || "accuracy_sampled";
      if (this.by && !varying.includes(this.by)) this.by = null;
      const change = name => v => { this[name] = v; hash.set(name, v); this.draw(); };
      this.tools.replaceChildren(selectOf("y", numeric, this.y, change("y")), selectOf("over x", along, this.x, change("x")),
        selectOf("colours by", ["", ...varying], this.by || "", v => { this.by = v || null; hash.set("by", this.by); this.draw(); }, "what varies"));
    }
    await this.draw();
  }

  async draw() { await this.plot.show("over", {of: this.of, x: this.x, y: this.y, by: this.by ?? undefined}); }
}

// Comparison shows networks side by side: curves, the settings that differ, distributions of sigma.
class Comparison {
  // drop is called with the id of what shall no longer be shown; choose and chosen are those of a plot of networks.
  constructor(drop, choose, chosen) {
    this.drop = drop;
    this.networks = new Networks(choose, chosen);
    this.grids = h("div", {});
    this.y = hash.get("curve") || "accuracy_sampled";
    this.x = "epoch";
    this.tools = h("div", {class: "tools"});
    this.body = h("div", {});
    this.curves = new Plot("Learning curves");
    this.sigma = new Plot("Distribution of sigma");
    this.element = h("section", {hidden: true, "aria-label": "Comparison"}, h("h2", {}, "Side by side"), this.networks.element, this.grids, this.tools,
      h("div", {class: "plots"}, this.curves.element, this.sigma.element), this.body);
  }

  async show(ids) {
    this.ids = ids;
    this.element.hidden = !ids.length;
    if (!ids.length) return;
    const of = ids.join(",");
    try {
      const data = await get("/api/compare?" + query({of}));
      if (this.ids.join(",") !== of) return;
      const {grids} = data;
      this.networks.element.hidden = !grids;
      if (grids) await this.networks.show(grids.ids.join(","), grids);
      this.grids.replaceChildren(grids ? this.table(grids.names, grids.ids, grids.settings, grids.outcomes) : "");
      this.body.replaceChildren(data.ids.length ? this.table(data.labels, data.ids, data.settings, data.outcomes) : "");
      const text = JSON.stringify(data.curves);
      if (text !== this.columns) {
        this.columns = text;
        const names = (data.curves || []).filter(n => !["epoch", "step", "seconds", "measuring_seconds"].includes(n));
        if (names.length && !names.includes(this.y)) this.y = names[0];
        this.tools.replaceChildren(...(names.length ? [
          selectOf("Curve of", names, this.y, v => { hash.set("curve", this.y = v); this.draw(); }),
          selectOf("over", (data.curves || []).filter(n => ["epoch", "step", "seconds"].includes(n)), this.x, v => { this.x = v; this.draw(); })] : []));
        this.curves.element.hidden = !names.length;
      }
      this.draw();
    } catch (error) {
      this.body.replaceChildren(h("p", {class: "bad"}, error.message));
    }
  }

  draw() {
    const of = this.ids.join(","), none = !this.body.childElementCount;
    if (!this.curves.element.hidden) this.curves.show("curves", {of, x: this.x, y: this.y});
    this.sigma.element.hidden = none;
    if (!none) this.sigma.show("sigma", {of});
  }

  // table says what differs between some items or networks, and what they reached.
  table(names, ids, settings, outcomes) {
    const rows = list => (list || []).filter(c => c.values.some(v => v)).map(c => [c.name, ...c.values]);
    const heads = names.map((name, i) => h("span", {}, name + " ", h("button", {class: "plain", "aria-label": "no longer show " + name,
      onclick: () => this.drop(ids[i])}, "×")));
    const differ = rows(settings);
    return h("div", {}, table(["", ...heads], [...differ, ...rows(outcomes)], {label: "what differs"}),
      differ.length || ids.length < 2 ? "" : h("p", {class: "soft"}, "Their settings are the same."));
  }
}

// Overview is the page of all items.
class Overview {
  constructor() {
    document.title = "quantal";
    this.rows = new Map();
    this.chosen = new Set(listIn(hash.get("compare")));
    this.filter = h("input", {type: "search", placeholder: "part of a name or state", "aria-label": "Filter", oninput: () => this.sift()});
    this.body = h("tbody", {});
    this.counts = h("p", {class: "soft"});
    this.comparison = new Comparison(id => this.choose(id, false), id => this.choose(id, !this.chosen.has(id)), id => this.chosen.has(id));
    this.list = h("table", {class: "cards"}, h("thead", {}, h("tr", {}, ["", "Name", "Kind", "State", "Progress", "Accuracy", "σ", "Left", "Changed"]
      .map(t => h("th", {scope: "col"}, t)))), this.body);
    main.replaceChildren(h("h1", {}, "Runs and grids"), this.counts, h("div", {class: "tools"}, this.filter), h("div", {class: "scroll"}, this.list),
      h("p", {class: "soft"}, "Tick runs and grids to see them side by side; open one to see more of it."), this.comparison.element);
  }

  async update(versions, before) {
    const data = await get("/api/overview");
    put($("where"), data.folders.join("  "));
    const count = {};
    for (const c of data.items) count[c.state] = (count[c.state] || 0) + 1;
    put(this.counts, data.items.length ? Object.entries(count).map(([k, n]) => `${n} ${k}`).join(", ")
      + (data.items.length >= data.most ? `: the first ${data.most}` : "")
      : "There is no run and no grid in the folder yet. It appears here when one begins.");
    const there = new Set();
    for (const c of data.items) {
      there.add(c.id);
      let row = this.rows.get(c.id);
      if (!row) this.rows.set(c.id, row = this.row(c));
      row.fill(c);
      this.body.append(row.tr); // also moves it to its place
    }
    for (const [id, row] of this.rows) if (!there.has(id)) { row.tr.remove(); this.rows.delete(id); }
    const gone = [...this.chosen].filter(id => !there.has(id.split("/")[0]));
    for (const id of gone) this.chosen.delete(id);
    this.sift();
    const version = (all, id) => String(all[id.split("/")[0]]);
    if (!before || gone.length || [...this.chosen].some(id => version(versions, id) !== version(before, id))) this.comparison.show([...this.chosen]);
  }

  row(c) {
    const tick = h("input", {type: "checkbox", "aria-label": "compare " + c.name, checked: this.chosen.has(c.id),
      onchange: () => this.choose(c.id, tick.checked)});
    const cell = (name, ...children) => h("td", {"data-label": name}, ...children);
    const link = h("a", {href: "/item/" + c.id}), kind = cell(""), state = h("span", {}), bar = h("progress", {max: 1}), share = h("span", {});
    const accuracy = cell("accuracy"), sigma = cell("σ"), left = cell("left"), changed = cell("changed");
    kind.removeAttribute("data-label");
    const tr = h("tr", {}, h("td", {}, c.kind === "experiment" ? "" : tick), h("td", {class: "name"}, link), kind, h("td", {}, state), h("td", {}, bar, share),
      accuracy, sigma, left, changed);
    return {tr, tick, fill: c => {
      put(link, c.name);
      put(kind, c.kind);
      state.className = "state " + c.state;
      put(state, c.state);
      state.title = c.note || "";
      bar.value = c.share;
      bar.setAttribute("aria-label", "progress of " + c.name);
      bar.hidden = !(c.share > 0) && c.state !== "running";
      put(share, c.total ? `${c.done + c.diverged} of ${c.total} ${c.unit}` + (c.queued ? `, ${c.queued} in Slurm's queue` : "")
        : c.share > 0 && c.share < 1 ? Math.floor(100 * c.share) + " %" : "");
      put(accuracy, quality(c));
      put(sigma, few(c.sigma));
      put(left, span(c.left));
      since(changed, c.updated);
      tr.dataset.text = `${c.name} ${c.kind} ${c.state}`.toLowerCase();
      tr.className = this.chosen.has(c.id) ? "chosen" : "";
      tick.checked = this.chosen.has(c.id);
    }};
  }

  sift() {
    const words = this.filter.value.toLowerCase().split(/\s+/);
    for (const {tr} of this.rows.values()) tr.hidden = !words.every(w => tr.dataset.text.includes(w));
  }

  choose(id, on) {
    if (on) this.chosen.add(id); else this.chosen.delete(id);
    hash.set("compare", [...this.chosen].join(","));
    const row = this.rows.get(id);
    if (row) { row.tr.className = on ? "chosen" : ""; row.tick.checked = on; }
    this.comparison.show([...this.chosen]);
  }
}

// Item is the page of a run, a grid or an experiment.
class Item {
  constructor(id) {
    this.id = id;
    this.top = h("div", {});
    this.rest = h("div", {});
    main.replaceChildren(this.top, this.rest);
  }

  async update(versions, before) {
    const page = await get("/api/item/" + this.id), c = page.card;
    document.title = c.name + " – quantal";
    put($("where"), `${c.kind} ${c.name}`);
    this.page = page;
    this.head(page);
    if (c.state === "being read") return;
    if (!this.filled) {
      this.filled = true;
      this.build(page);
    }
    if (!before || String(versions[this.id][1]) !== String((before[this.id] || [])[1])) await this.content();
    this.progress(page);
  }

  head({card: c, status: s, jobs, doing}) {
    if (!this.facts) {
      this.state = h("span", {});
      this.bar = h("progress", {class: "bar", max: 1, "aria-label": "progress"});
      this.facts = h("div", {});
      this.notes = h("div", {});
      this.top.append(h("h1", {}, c.name), this.bar, this.facts, this.notes);
    }
    this.bar.value = c.share;
    this.bar.hidden = !(c.share > 0) && c.state !== "running";
    const list = [["State", stateOf(c.state)]];
    if (c.kind === "grid") list.push(["Done", `${c.done} of ${c.total}`], ["Diverged", c.diverged || ""], ["Running", c.running || ""],
      ["In Slurm's queue", c.queued ? `${c.queued}: job ${(jobs || []).join(", ")}` : ""],
      ["Speed", s && s.network_steps_per_second ? Math.round(s.network_steps_per_second).toLocaleString("en") + " steps/s" : ""]);
    if (c.kind === "experiment") list.push(["Done", c.share > 0 ? Math.floor(100 * c.share) + " %" : ""], ["At", doing]);
    if (c.kind === "run") list.push(["Epochs", `${c.done} of ${c.total}`]);
    list.push(["Left", span(c.left)]);
    if (c.kind !== "experiment") list.push([(c.kind === "grid" ? "Best " : "Test ") + (c.r2 === null ? "accuracy" : "R²"), c.r2 === null ? percent(c.accuracy) : few(c.r2)], [c.kind === "grid" ? "with σ" : "σ (rms)", few(c.sigma)]);
    list.push(["Changed", h("span", {"data-time": c.updated}, ago(c.updated))]);
    this.facts.replaceChildren(facts(list));
    const notes = [];
    if (c.note) notes.push(h("p", {class: "bad"}, c.note));
    for (const p of (s && s.processes) || []) if (p.silent) notes.push(h("p", {class: "soft"}, `Process ${p.pid} on ${p.host} has not been heard of for ${ago(p.updated).replace(" ago", "")}.`));
    this.notes.replaceChildren(...notes);
  }

  build(page) {
    if (page.card.kind === "grid") this.buildGrid();
    else if (page.card.kind === "run") this.buildRun();
    this.logBox = h("pre", {tabindex: 0});
    this.rest.append(
      details("Figures", page.card.kind === "experiment", body => this.figures(body)),
      h("p", {}, h("a", {href: "/report/" + this.id, target: "_blank", rel: "noopener"}, "Report"), " in a page of its own, ",
        h("a", {href: (page.card.kind === "experiment" ? `/file/${this.id}/table.csv` : "/table/" + this.id), download: ""}, "table.csv")),
      details("Settings and environment", false, body => this.settings(body)),
      page.card.kind === "experiment" ? "" : details(page.card.kind === "grid" ? "What happened last" : "The last epochs", true, body => body.replaceChildren(this.logBox)));
  }

  progress(page) {
    const log = page.log || [];
    put(this.logBox, log.length ? log.slice().reverse().join("\n") : "Nothing yet.");
  }

  // A run.
  buildRun() {
    const titles = ["Test set", "Training loss", "Sigma of each layer", "Objective by its terms"];
    this.learning = titles.map(t => new Plot(t));
    this.sigma = new Plot("Distribution of sigma");
    this.outcome = h("div", {});
    this.rest.append(h("div", {class: "plots"}, this.learning.map(p => p.element), this.sigma.element), this.outcome);
  }

  // A grid.
  buildGrid() {
    this.chosen = new Set(listIn(hash.get("points")));
    this.networks = new Networks(id => this.choose(id), id => this.chosen.has(id));
    this.plot = this.networks.plot;
    this.comparison = new Comparison(id => this.choose(id.split("/")[1]));
    this.filter = h("input", {type: "search", placeholder: "homogeneous 0.1 done", "aria-label": "Filter networks", oninput: () => this.listPoints()});
    this.clear = h("button", {class: "plain", onclick: () => { this.chosen.clear(); this.chose(); }}, "Choose none");
    this.list = h("div", {class: "tall", tabindex: 0, role: "region", "aria-label": "networks"});
    this.rest.append(this.networks.element,
      h("p", {class: "soft"}, "Click networks, or tick them in the list below, to see them side by side. Dragging over the plot enlarges a part; a double click shows all."), this.comparison.element,
      details("All networks", false, body => { body.replaceChildren(h("div", {class: "tools"}, this.filter, this.clear), this.list); this.listPoints(); }));
  }

  async content() {
    const kind = this.page.card.kind;
    if (kind === "run") {
      await Promise.all([...this.learning.map((p, i) => p.show("learning", {of: this.id}, i)), this.sigma.show("sigma", {of: this.id})]);
      this.learning.forEach(p => { p.element.hidden = !p.data && p !== this.learning[0]; });
      this.outcome.replaceChildren(h("h2", {}, "Reached"), table(null, (this.page.outcome || []).map(p => p.map(t => t)), {label: "outcome"}));
    }
    if (kind === "grid") {
      await this.networks.show(this.id, this.page.axes);
      await this.listPoints();
      await this.chose(true);
    }
    if (this.figuresBody) await this.figures(this.figuresBody);
  }

  choose(id) {
    if (!this.chosen.delete(id)) this.chosen.add(id);
    return this.chose();
  }

  async chose(same) {
    hash.set("points", [...this.chosen].join(","));
    this.plot.spots();
    if (this.ticks) for (const [id, tick] of this.ticks) { tick.checked = this.chosen.has(id); tick.closest("tr").className = tick.checked ? "chosen" : ""; }
    await this.comparison.show([...this.chosen].slice(-50).map(p => this.id + "/" + p));
  }

  async listPoints() {
    if (!this.list.isConnected) return;
    const {columns, points} = await get("/api/points/" + this.id);
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean), most = 200;
    let found = points.filter(p => words.every(w => p.some(t => t.toLowerCase() === w || isNaN(w) && t.toLowerCase().includes(w))));
    const number = found.length;
    if (this.order) {
      const [i, sign] = this.order;
      const value = t => t === "" ? Infinity : isNaN(t) ? t : Number(t);
      found = found.slice().sort((a, b) => { const [v, w] = [value(a[i]), value(b[i])]; return v === w ? 0 : sign * (v < w ? -1 : 1); });
    }
    this.ticks = new Map();
    const head = ["", ...columns].map((name, i) => h("th", {scope: "col", "aria-sort": this.order && this.order[0] === i ? (this.order[1] > 0 ? "ascending" : "descending") : null},
      i ? h("button", {onclick: () => { this.order = [i, this.order && this.order[0] === i ? -this.order[1] : 1]; this.listPoints(); }},
        name.replaceAll("_", " ") + (this.order && this.order[0] === i ? (this.order[1] > 0 ? " ↑" : " ↓") : "")) : ""));
    const rows = found.slice(0, most).map(p => {
      const tick = h("input", {type: "checkbox", "aria-label": "choose " + p[0], checked: this.chosen.has(p[0]), onchange: () => this.choose(p[0])});
      this.ticks.set(p[0], tick);
      return h("tr", {class: this.chosen.has(p[0]) ? "chosen" : null, title: p[0]}, h("td", {}, tick),
        p.slice(1).map((t, i) => h("td", {class: t === "diverged" ? "bad" : null}, columns[i] === "accuracy_sampled" && t ? percent(Number(t)) : t)));
    });
    const focus = document.activeElement?.getAttribute("aria-label"), inside = this.list.contains(document.activeElement);
    this.list.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
      number > most ? h("p", {class: "soft"}, `The first ${most} of ${number}.`) : "");
    if (inside && focus) [...this.list.querySelectorAll("input")].find(e => e.getAttribute("aria-label") === focus)?.focus();
  }

  async figures(body) {
    this.figuresBody = body;
    const list = await get("/api/figures/" + this.id), version = this.versions?.[1] ?? "";
    const text = JSON.stringify([list, version]);
    if (text === this.figuresText) return;
    this.figuresText = text;
    body.replaceChildren(...(list.length ? list.map(f => {
      const name = encodeURIComponent(f.name), path = f.saved ? `/file/${this.id}/${name}` : `/figure/${this.id}/${name}`;
      const [title, ...caption] = f.caption.split("\n").filter(Boolean);
      return h("figure", {}, h("div", {class: "picture"}, h("img", {src: path + ".svg?v=" + version, alt: title || f.name, loading: "lazy"})),
        h("figcaption", {}, h("strong", {}, f.name), title || "", h("a", {href: path + ".svg", download: f.name + ".svg"}, "SVG"),
          f.saved ? h("a", {href: path + ".json", download: f.name + ".json"}, "numbers") : h("a", {href: "/table/" + this.id, download: ""}, "CSV")),
        caption.map(t => h("p", {class: "soft"}, t)));
    }) : [h("p", {class: "soft"}, "There is nothing to draw yet.")]));
  }

  settings(body) {
    const {settings, environment, commands} = this.page;
    body.replaceChildren(
      commands && commands.length ? h("pre", {tabindex: 0}, commands.join("\n")) : "",
      settings && settings.length ? table(null, settings, {wide: true, label: "settings"}) : "",
      environment && environment.length ? table(null, environment, {wide: true, label: "environment"}) : "");
  }
}

// The page that the address asks for, brought up to date at each event, one update at a time.
const at = location.pathname.match(/^\/item\/(\w+)$/);
const page = at ? new Item(at[1]) : new Overview();
let known = null, wanted = null, busy = false;
async function update(versions) {
  wanted = versions;
  if (busy) return;
  busy = true;
  while (wanted) {
    const next = wanted;
    wanted = null;
    try {
      if (at && !next[at[1]]) throw new Error("There is no such run or grid here; it may have been moved.");
      const same = at ? known && String(known[at[1]]) === String(next[at[1]]) : known && String(known[""]) === String(next[""]);
      page.versions = at && next[at[1]];
      if (!same) await page.update(next, known);
      known = next;
      document.documentElement.dataset.version = next[""][0]; // for whoever waits for it
    } catch (error) {
      if (!known || at && !next[at[1]]) failed(error); else put($("live"), error.message);
    }
  }
  busy = false;
}

// Events come while the page is visible: hidden pages cost nothing, and browsers have few connections to a server.
let events = null;
function connect() {
  if (document.hidden || events) return;
  events = new EventSource("/events");
  events.onopen = () => { $("live").className = ""; put($("live"), "live"); };
  events.onmessage = e => update(JSON.parse(e.data));
  events.onerror = () => { $("live").className = "off"; put($("live"), "not connected: quantal has ended, or the tunnel"); if (events.readyState === EventSource.CLOSED) { events = null; setTimeout(connect, 3000); } };
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { events?.close(); events = null; } else connect();
});
connect();
