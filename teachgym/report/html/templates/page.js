"use strict";
// Theme, sorting of tables, and browsers of records. Texts are only ever set as text.
(() => {
  const PER_PAGE = 25;
  const MOST_NODES = 8; // Of a plan that is drawn.
  const MOST_CODE = 10000; // Characters of a program that has colours.
  const TURN = /\n\n(?=\[(?:task|student)\] )/;
  const PROGRAM = /^\s*(def \w+\(|class \w+[(:]|import \w+|from [\w.]+ import )/m;
  const TOKENS = new RegExp([
    "(?<quiet>#.*)",
    /(?<c2>"""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/.source,
    "\\b(?<c0>False|None|True|and|as|assert|break|class|continue|def|del|elif|else|except|finally"
      + "|for|from|if|import|in|is|lambda|not|or|pass|raise|return|try|while|with|yield)\\b",
    "\\b(?<c1>\\d[\\w.]*)",
  ].join("|"), "g");

  function make(tag, text, parent, name) {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    if (name) made.className = name;
    if (parent) parent.append(made);
    return made;
  }

  // -- theme ---------------------------------------------------------------------------------

  function switchTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    root.style.colorScheme = root.dataset.theme;
  }

  // -- tables --------------------------------------------------------------------------------

  // Numbers break before their brackets only where words that break are not enough.
  function fit() {
    const places = [...document.querySelectorAll(".scroll")];
    for (const place of places) place.classList.remove("tight");
    const tight = places.filter((place) => place.scrollWidth > place.clientWidth);
    for (const place of tight) place.classList.add("tight");
  }

  function compare(a, b) {
    const [x, y] = [a, b].map((text) => parseFloat(text.replaceAll(/[,<]/g, "")));
    if (isNaN(x) && isNaN(y)) return a.localeCompare(b);
    if (isNaN(x) || isNaN(y)) return isNaN(x) ? -Infinity : Infinity; // No number: below all.
    return x - y;
  }

  function sortBy(table, column) {
    const heading = table.tHead.rows[0].cells[column];
    const up = heading.getAttribute("aria-sort") === "descending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const text = (row) => row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => compare(text(a), text(b)) * (up ? 1 : -1));
    table.tBodies[0].append(...rows);
  }

  function filterable(table) { // Selects above it, one for each column that its rows are chosen by.
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent));
    const filters = make("div", null, null, "filters");
    const selects = table.dataset.filters.split(" ").map((column) => {
      const name = table.tHead.rows[0].cells[column].textContent;
      return [column, choose(filters, name, column, texts)];
    });
    const filter = () => rows.forEach((row, i) => {
      row.hidden = selects.some(([column, s]) => s.selectedIndex && texts[i][column] !== s.value);
    });
    for (const [, select] of selects) select.onchange = filter;
    table.parentElement.before(filters);
  }

  // -- browsers ------------------------------------------------------------------------------

  function browser(place) {
    const { choices, texts, numbers, rows, images } = JSON.parse(
      document.getElementById(place.dataset.source).textContent);
    const measures = numbers.map((name, i) => measure(name, choices.length + texts.length + i, rows))
      .filter(({ most }) => most > 0);
    const searched = rows.map((row) => row.join("\n").toLowerCase());
    const filters = make("div", null, place, "filters");
    const query = make("input", null, make("label", "text", filters));
    query.type = "search";
    const selects = choices.map((name, column) => choose(filters, name, column, rows));
    const comparisons = orders(measures);
    const order = make("select", null, make("label", "order", measures.length ? filters : null));
    for (const name of comparisons.keys()) make("option", name, order);
    const pager = make("div", null, place, "pager");
    const back = make("button", "Back", pager);
    const next = make("button", "Next", pager);
    const count = make("span", null, pager);
    count.setAttribute("aria-live", "polite");
    const list = make("div", null, place, "records");
    list.tabIndex = 0;
    let found = [];
    let first = 0;

    function filter() {
      const wanted = query.value.toLowerCase();
      const fixed = selects.flatMap((s, column) => (s.selectedIndex ? [[column, s.value]] : []));
      found = rows.filter((row, i) => searched[i].includes(wanted)
        && fixed.every(([column, value]) => (row[column] ?? "") === value));
      found.sort(comparisons.get(order.value));
      show(0);
    }

    function show(place) {
      first = place;
      const last = Math.min(first + PER_PAGE, found.length);
      const [from, to, of, all] = [first + 1, last, found.length, rows.length]
        .map((n) => n.toLocaleString("en"));
      count.textContent = `${found.length ? `${from} to ${to} of ${of}` : "none"} (${all} in all)`;
      back.disabled = first === 0;
      next.disabled = last === found.length;
      list.scrollTop = 0;
      list.replaceChildren(...found.slice(first, last).map((row) => card(row, choices, texts, measures, images)));
    }

    place.pick = (choice, value) => { // Those records alone.
      query.value = "";
      selects.forEach((select, i) => {
        select.selectedIndex = 0;
        if (choices[i] === choice) select.value = value;
      });
      filter();
    };
    back.type = next.type = "button";
    back.onclick = () => show(first - PER_PAGE);
    next.onclick = () => show(first + PER_PAGE);
    query.oninput = filter;
    for (const select of [...selects, order]) select.onchange = filter;
    filter();
  }

  function follow(link) {
    const { choice, value } = link.dataset;
    const section = document.getElementById(link.hash.slice(1));
    for (const place of section.querySelectorAll(".browser")) place.pick(choice, value);
  }

  function choose(filters, name, column, rows) {
    const select = make("select", null, make("label", name, filters));
    make("option", "all", select);
    const values = [...new Set(rows.map((row) => row[column] ?? ""))].sort(compare);
    for (const value of values) make("option", value || "(none)", select).value = value;
    return select;
  }

  function measure(name, column, rows) {
    const most = rows.reduce((top, row) => Math.max(top, parseFloat(row[column]) || 0), 0);
    return { name, column, most };
  }

  function orders(measures) {
    return new Map([["as recorded", () => 0], ...measures.flatMap(({ name, column }) => [
      [`${name}, highest first`, by(column, -1)], [`${name}, lowest first`, by(column, 1)]])]);
  }

  function by(column, sign) {
    return (a, b) => {
      const [x, y] = [a, b].map((row) => sign * parseFloat(row[column]));
      return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : x - y; // No number: after all others.
    };
  }

  function card(row, choices, texts, measures, images) {
    const made = make("article", null, null);
    made.dataset.kind = row[0];
    const badges = make("div", null, made, "badges");
    choices.forEach((name, i) => {
      if (!row[i]) return;
      const badge = make("span", null, badges);
      make("b", `${name} `, badge);
      badge.append(row[i]);
    });
    for (const { name, column, most } of measures) {
      if (row[column] === null) continue;
      const badge = make("span", null, badges);
      make("b", `${name} `, badge);
      badge.append(row[column]);
      const bar = make("i", null, badge, "meter");
      bar.style.setProperty("--share", parseFloat(row[column]) / most);
    }
    const shown = make("dl", null, made, "texts");
    texts.forEach((name, i) => {
      const text = row[choices.length + i];
      if (text === null || text === undefined) return;
      const part = make("div", null, shown);
      make("dt", name, part);
      if (name === "images") show(text.split("\n"), images, make("dd", null, part));
      else {
        const whole = make("dd", null, part);
        for (const turn of text.split(TURN)) say(turn, whole);
        const nodes = plan(text);
        if (nodes) draw(nodes, part);
      }
    });
    return made;
  }

  function show(names, images, place) {
    for (const name of names) {
      if (images[name]) {
        const picture = make("img", null, place);
        picture.src = images[name];
        picture.alt = picture.title = name;
      } else make("div", name, place);
    }
  }

  // -- conversations and programs ------------------------------------------------------------

  function say(turn, whole) { // A turn begins with who speaks, but for the first.
    const [, speaker, said] = /^\[(task|student)\] ([^]*)$/.exec(turn) ?? [null, null, turn];
    const place = speaker ? make("div", null, whole, `turn ${speaker}`) : whole;
    if (speaker) make("b", `${speaker} `, place);
    if (PROGRAM.test(said) && said.length <= MOST_CODE) highlight(said, place);
    else place.append(said);
  }

  function highlight(code, place) { // Of Python. A library would have to be put into every page.
    let end = 0;
    for (const { 0: token, index, groups } of code.matchAll(TOKENS)) {
      place.append(code.slice(end, index));
      make("span", token, place, Object.keys(groups).find((kind) => groups[kind]));
      end = index + token.length;
    }
    place.append(code.slice(end));
  }

  // -- plans of tool calls -------------------------------------------------------------------

  function plan(text) { // Its nodes, where a text is one: [{"id": 0, "name": ..., "args": {...}}]
    if (!text.startsWith('[{"id":')) return null;
    try {
      const nodes = JSON.parse(text);
      const whole = (node) => typeof node?.name === "string" && node.args instanceof Object;
      return nodes.length <= MOST_NODES && nodes.every(whole) ? nodes : null;
    } catch {
      return null;
    }
  }

  function draw(nodes, place) { // From left to right: what a node is given stands to its left.
    const [width, height] = [132, 44];
    const places = new Map();
    const rows = [];
    const picture = shape("svg", { class: "plan", role: "img" }, place);
    for (const { id, name, args } of nodes) {
      const values = Object.values(args).map((value) => [
        value, places.get(/^<node-(\d+)>\.\w+$/.exec(value)?.[1])]);
      const sources = values.flatMap(([, source]) => source ?? []);
      const column = Math.max(-1, ...sources.map((source) => source.column)) + 1;
      const row = rows[column] = (rows[column] ?? -1) + 1;
      const [x, y] = [8 + width * column, 18 + height * row];
      for (const source of sources) {
        shape("path", { class: "branch", d: `M${source.end} ${source.y}L${x - 4} ${y}` }, picture);
      }
      const given = values.filter(([, source]) => !source).map(([value]) => JSON.stringify(value));
      const title = label(name, "name root", x, y + 4, picture);
      label(given.join(", "), "tick", x, y + 19, picture);
      places.set(String(id), { column, y, end: x + 8 * title.textContent.length });
    }
    const size = [width * rows.length + 8, height * (1 + Math.max(...rows)) + 2];
    picture.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    picture.setAttribute("aria-label", `Plan: ${nodes.map(({ name }) => name).join(", ")}`);
    picture.style.maxWidth = `${size[0]}px`;
  }

  function label(text, kind, x, y, picture) {
    const made = shape("text", { class: kind, x, y }, picture);
    made.textContent = text.length > 15 ? `${text.slice(0, 14)}…` : text;
    return made;
  }

  function shape(tag, attributes, parent) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    parent.append(made);
    return made;
  }

  // ------------------------------------------------------------------------------------------

  document.getElementById("theme").onclick = switchTheme;
  fit();
  addEventListener("resize", fit);
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      cell.querySelector("button").onclick = () => sortBy(table, column);
    });
  }
  for (const table of document.querySelectorAll("table[data-filters]")) filterable(table);
  for (const place of document.querySelectorAll(".browser")) browser(place);
  for (const link of document.querySelectorAll("a[data-choice]")) link.onclick = () => follow(link);
})();
