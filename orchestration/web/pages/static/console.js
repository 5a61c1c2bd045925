// What a page can do more where scripts run: it follows what happens, and knows a few keys.
// Without it everything works by links, forms and loading again.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Relative times

const clockSkew = Date.parse(document.body.dataset.now || "") - Date.now() || 0;

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

function tellTimes() {
  const now = Date.now() + clockSkew;
  for (const each of all("time[data-ago]")) {
    each.textContent = `${span((now - Date.parse(each.dateTime)) / 1000)} ago`;
  }
  for (const each of all("time[data-since]")) {
    each.textContent = span((now - Date.parse(each.dateTime)) / 1000);
  }
}

// Parts of a page that are fetched again: each keeps its place, its focus and what is open in it

const shown = new WeakMap();
let refreshing = false;
let wanted = false;
let missed = 0;
let known = Date.now();

async function refresh() {
  if (refreshing) { wanted = true; return; }
  if (document.hidden) return;
  refreshing = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
    if (answer.redirected || !answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of all(isBusy() ? "[data-part][data-frame]" : "[data-part]")) {
      const next = find(`[data-part="${CSS.escape(old.dataset.part)}"]`, fresh);
      if (next && next.innerHTML !== shown.get(old)) exchange(old, next);
    }
    tellTimes();
    missed = 0;
    known = Date.now();
  } catch {
    // the server is away, or asks who this is: the next time may do
    missed += 1;
  } finally {
    tellStale();
    refreshing = false;
    if (wanted) { wanted = false; refresh(); }
  }
}

function tellStale() {
  const since = new Date(known).toLocaleTimeString();
  const text = missed < 2 ? "" : `Not up to date since ${since}: the server does not answer this page.`;
  const line = find("#stale");
  if (line && line.textContent !== text) line.textContent = text;
}

function exchange(old, next) {
  const fields = all("input:not([type=checkbox]), textarea", old);
  if (fields.some((each) => each === document.activeElement || each.value !== each.defaultValue)) return;
  const focused = old.contains(document.activeElement) && keyOf(document.activeElement);
  const selected = find("tr[aria-current=true] a", old)?.getAttribute("href");
  const open = all("details[open][id]", old).map((each) => each.id);
  shown.set(old, next.innerHTML);
  old.replaceChildren(...next.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const row = selected && find(`a[href="${CSS.escape(selected)}"]`, old)?.closest("tr");
  if (row) row.setAttribute("aria-current", "true");
  if (focused) all("a, button, summary, input, select", old).find((each) => keyOf(each) === focused)?.focus({ preventScroll: true });
}

function keyOf(element) {
  const names = ["href", "name", "value", "aria-label"].map((each) => element.getAttribute(each));
  return [element.tagName, element.id, ...names, element.textContent].join("|");
}

function isBusy() {
  return find("details.ask[open]") || find("dialog[open]")
    || find("input[type=checkbox][name=id]:checked");
}

function follow() {
  const run = document.body.dataset.run;
  if (run) followRun(run); else lookAgain();
}

function lookAgain() {
  const seconds = Number(document.body.dataset.every || 0);
  if (seconds) setInterval(refresh, seconds * 1000);
}

// One run: its events arrive as they happen, as long as the page is seen. A browser has but a few
// connections to one place for all of its tabs, so a page that nobody sees holds none.

function followRun(run) {
  const path = `/orchestration/workflows/${encodeURIComponent(run)}/events`;
  let last = document.body.dataset.last || 0;
  let stream = null;
  let timer = 0;
  const soon = () => { timer = timer || setTimeout(() => { timer = 0; refresh(); }, 250); };
  const rest = () => { stream?.close(); stream = null; };
  const listen = () => {
    if (document.hidden || (stream && stream.readyState !== EventSource.CLOSED)) return;
    stream = new EventSource(`${path}?after=${last}`);
    stream.addEventListener("progress", (message) => showProgress(JSON.parse(message.data)));
    stream.addEventListener("message", (message) => { last = message.lastEventId || last; soon(); });
    stream.addEventListener("end", () => { finish(); soon(); });
  };
  const finish = () => {
    clearInterval(ticking);
    document.removeEventListener("visibilitychange", turn);
    rest();
    lookAgain();
  };
  const turn = () => {
    // it may have ended while nobody saw the page
    if (find("#run-progress[data-ended]")) finish();
    else if (document.hidden) rest();
    else { listen(); soon(); }
  };
  const ticking = setInterval(turn, 10000);
  document.addEventListener("visibilitychange", turn);
  listen();
}

function showProgress(told) {
  const bar = find("#run-progress");
  if (bar && typeof told.progress === "number") {
    bar.value = told.progress;
    find("#run-share").textContent = `${Math.round(told.progress * 100)} %`;
  }
  for (const step of told.branches || []) {
    const key = `${step.step}[${step.branch}]`;
    const said = find(`[data-said="${CSS.escape(key)}"]`);
    if (said) said.textContent = step.message ? `${Math.round(step.fraction * 100)} % · ${step.message}` : "";
  }
}

// Keys: search, the views, rows; whoever types by voice or by chance can have none of them

const VIEWS = { o: "/", w: "/workflows", n: "/start", f: "/failures", p: "/approvals", a: "/agents",
  q: "/queues", d: "/dead-letters", s: "/schedules", c: "/configuration", l: "/audit" };
const KEYS = "orchestration.keys";
let leading = 0;
let silent = false;

function kept() {
  // a browser may keep nothing for pages
  try { return localStorage.getItem(KEYS); } catch { return null; }
}

function useKeys(on) {
  silent = !on;
  find("[data-keys-on]").checked = on;
  try {
    if (on) localStorage.removeItem(KEYS); else localStorage.setItem(KEYS, "off");
  } catch {
    // for this page only, then
  }
}

function offerKeys() {
  useKeys(kept() !== "off");
  const button = find("[data-keys]");
  if (button) button.hidden = false;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Escape") { for (const each of all("details.ask[open]")) each.open = false; return; }
  if (silent) return;
  if (leading && Date.now() - leading < 1500 && VIEWS[event.key]) { location.href = VIEWS[event.key]; return; }
  leading = event.key === "g" ? Date.now() : 0;
  const act = { "/": search, "?": help, j: () => move(1), k: () => move(-1), t: theme, x: mark }[event.key];
  if (act) { event.preventDefault(); act(); }
}

function search() {
  const field = find("input[type=search]");
  if (field) { field.focus(); field.select(); } else location.href = "/workflows";
}
function help() { find("#keys")?.showModal(); }
function theme() { find("#theme button")?.click(); }
function rows() { return all("tr[data-row]"); }
function move(by) {
  const known = rows();
  if (!known.length) return;
  const at = known.findIndex((row) => row.ariaCurrent === "true");
  const next = known[Math.min(Math.max(at + by, 0), known.length - 1)];
  for (const row of known) row.removeAttribute("aria-current");
  next.setAttribute("aria-current", "true");
  find("a", next)?.focus();
  next.scrollIntoView({ block: "nearest" });
}
function mark() { find("tr[aria-current=true] input[type=checkbox]")?.click(); }

// Small things

function onClick(event) {
  const button = event.target.closest("[data-copy]");
  if (button) {
    navigator.clipboard?.writeText(button.dataset.copy);
    button.textContent = "copied";
  }
  if (event.target.closest("[data-keys]")) help();
  const closing = event.target.closest("[data-close]");
  if (closing) closing.closest("dialog").close();
  for (const each of all("details.ask[open]")) if (!each.contains(event.target)) each.open = false;
}

function onChange(event) {
  if (event.target.matches("[data-all]")) {
    for (const box of all("input[type=checkbox][name=id]")) box.checked = event.target.checked;
  }
  if (event.target.matches("[data-keys-on]")) useKeys(event.target.checked);
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
document.addEventListener("change", onChange);
offerKeys();
tellTimes();
setInterval(tellTimes, 1000);
follow();
