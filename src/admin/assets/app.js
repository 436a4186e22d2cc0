// Everything here improves a page that works without it.
"use strict";

// Copy buttons: <button data-copy="ID" hidden>.
function copies(within) {
  for (const button of within.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    if (button.dataset.ready) continue;
    button.dataset.ready = "yes";
    const said = button.textContent;
    const label = button.getAttribute("aria-label");
    // What is heard begins with what is seen.
    const says = (text) => {
      button.textContent = text;
      if (label) button.setAttribute("aria-label", label.replace(said, text));
    };
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copy);
      const text = "value" in from ? from.value : from.textContent;
      try {
        await navigator.clipboard.writeText(text);
        says("Copied");
      } catch {
        getSelection().selectAllChildren(from);
        says("Press Ctrl+C");
      }
      setTimeout(() => says(said), 2000);
    });
  }
}

// <time datetime data-countdown>: how long until then, or since.
function spell(seconds) {
  const s = Math.abs(Math.round(seconds));
  const parts = s < 60 ? [[s, "s"]]
    : s < 3600 ? [[Math.floor(s / 60), "min"], [s % 60, "s"]]
    : s < 172800 ? [[Math.floor(s / 3600), "h"], [Math.floor(s / 60) % 60, "min"]]
    : [[Math.floor(s / 86400), "days"]];
  const text = parts.map(([n, unit]) => `${n} ${unit}`).join(" ");
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const text = spell((Date.parse(time.dateTime) - Date.now()) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

// A form is sent once, also by a double click. Coming back to the page makes it usable again.
function once(event) {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
}

// A page is fetched once for all of its parts that are due.
const asked = new Map();
function fetched(url) {
  if (!asked.has(url)) {
    asked.set(url, (async () => {
      const answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.status >= 500) throw new Error(answer.statusText); // of a proxy, while the service starts again
      return answer.redirected || !answer.ok ? null : new DOMParser().parseFromString(await answer.text(), "text/html");
    })());
    setTimeout(() => asked.delete(url), 1000);
  }
  return asked.get(url);
}

// Nobody looks at a page that is hidden.
const seen = () => document.hidden ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true })) : undefined;

// Somebody is in the middle of it: with the keyboard, or selecting text.
function inUse(element) {
  const selection = getSelection();
  return element.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(element, true));
}

// What was opened stays open, and what was scrolled aside stays there.
function renew(element, next) {
  for (const details of element.querySelectorAll("details[id][open]")) next.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  const aside = [...element.querySelectorAll(".table")].map((table) => table.scrollLeft);
  element.replaceWith(next);
  next.querySelectorAll(".table").forEach((table, index) => { table.scrollLeft = aside[index] || 0; });
  ready(next);
  tick();
}

// <div id data-poll="SECONDS">: its content is fetched anew from the page it stands in, until it has no data-poll any more;
// with data-final="reload" the page is loaded again then.
async function poll(element) {
  const wait = Number(element.dataset.poll) * 1000;
  if (!element.id || !(wait > 0)) return;
  await new Promise((done) => setTimeout(done, wait));
  await seen();
  if (!document.getElementById(element.id)) return;
  let next;
  try {
    const page = await fetched(element.dataset.from || location.href);
    next = page?.getElementById(element.id);
  } catch {
    return poll(element); // it may come back
  }
  // What stands around it is of no use any more: the page as a whole says what became of it.
  if (!next || (element.dataset.final === "reload" && !next.dataset.poll)) { location.reload(); return; }
  if (next.outerHTML !== element.outerHTML && !inUse(element)) {
    renew(element, next);
    element = next;
  } else {
    element.dataset.poll = next.dataset.poll || "";
  }
  if (element.dataset.poll) poll(element);
}

// Before it is sent in vain: what was typed can still be copied.
function tellOver(form) {
  if (document.getElementById("session-over")) return;
  const notice = tagged("div", "", "notice bad");
  notice.id = "session-over";
  notice.setAttribute("role", "alert");
  const text = tagged("p", "");
  text.append(tagged("strong", "Mind:"), " You are not signed in any more: what you type here cannot be sent. Copy what you need, then load this page again.");
  notice.append(text);
  form.before(notice);
}

// <form data-lint="URL">: what is typed is checked there; the answer is {"FIELD": "what is wrong"}, and perhaps
// "notes": {"FIELD": "what is worth knowing"} and "defaults": {"FIELD": "what it stands for while empty"}.
function lint(form) {
  let timer, asked = 0;
  const touched = new Set();
  form.addEventListener("input", (event) => {
    touched.add(event.target.name);
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const turn = ++asked;
      const answer = await fetch(form.dataset.lint, { method: "POST", body: new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string")), credentials: "same-origin" });
      if (answer.status === 401) tellOver(form);
      if (!answer.ok || turn !== asked) return;
      const { notes, defaults, ...wrong } = await answer.json();
      for (const field of form.querySelectorAll("[data-field]")) {
        const name = field.dataset.field;
        const note = field.querySelector(".note"), control = field.querySelector("[placeholder]");
        if (notes && note && name in notes && note.textContent !== notes[name]) note.textContent = notes[name];
        if (defaults && control && name in defaults) control.placeholder = defaults[name];
        if (!touched.has(name)) continue;
        const error = field.querySelector(".error");
        if (error.textContent !== (wrong[name] || "")) error.textContent = wrong[name] || "";
        field.classList.toggle("wrong", name in wrong);
      }
    }, 400);
  });
}

// <table data-live="URL" data-most="ROWS">: rows come as they happen, the newest on top. They are put in a few times a second,
// however many come, and go when there are too many. #live-state says how it stands, #live-pause holds it.
function live(table) {
  const state = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  const body = table.tBodies[0];
  const most = Number(table.dataset.most);
  let queue = [], timer = 0, paused = false, worry = 0;
  const say = (text, again) => {
    clearTimeout(worry);
    state.textContent = text;
    if (!again) return;
    const link = document.createElement("a");
    link.href = "";
    link.textContent = "Load again";
    state.append(" ", link);
  };
  const flush = () => {
    timer = 0;
    if (paused) return;
    const rows = document.createDocumentFragment();
    for (const item of queue.reverse()) rows.append(item.name ? eventRow(item) : gapRow(item));
    queue = [];
    body.prepend(rows);
    while (body.rows.length > most) body.rows[body.rows.length - 1].remove();
    document.getElementById("no-events")?.remove();
  };
  const put = (item) => {
    queue.push(item);
    if (queue.length > most) queue.shift();
    timer ||= setTimeout(flush, 250);
  };
  const source = new EventSource(table.dataset.live);
  source.addEventListener("open", () => say(paused ? "Paused." : "New events appear here by themselves."));
  source.addEventListener("message", (message) => put(JSON.parse(message.data)));
  source.addEventListener("left-out", (message) => put({ leftOut: message.data }));
  source.addEventListener("over", () => {
    source.close();
    pause.hidden = true;
    say("You are not signed in any more; nothing new appears here.", true);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      pause.hidden = true;
      say("Nothing new appears here: you are not signed in any more, or too many pages are following the events.", true);
    } else {
      clearTimeout(worry);
      worry = setTimeout(() => say("The connection is lost; trying again."), 3000);
    }
  });
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    say(paused ? "Paused." : "New events appear here by themselves.");
    flush();
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

function cell(row, label, ...content) {
  const cell = row.insertCell();
  cell.dataset.label = label;
  cell.append(...content);
}

function tagged(tag, text, kind) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function eventRow(event) {
  const row = document.createElement("tr");
  const badge = tagged("span", "", `badge ${event.tone}`);
  const mark = tagged("span", event.mark);
  mark.setAttribute("aria-hidden", "true");
  badge.append(mark, ` ${event.level}`);
  cell(row, "When", event.at);
  cell(row, "Level", badge);
  cell(row, "Event", tagged("code", event.name));
  cell(row, "Account", event.account);
  cell(row, "Token", event.token);
  cell(row, "Details", ...event.details.flatMap(([name, value]) => {
    const detail = tagged("span", "", "detail");
    detail.append(tagged("b", name), ` ${value}`);
    return [detail, " "];
  }));
  return row;
}

function gapRow({ leftOut }) {
  const row = document.createElement("tr");
  cell(row, "Left out", `${leftOut} events are left out here: they came faster than this page could follow.`);
  row.cells[0].colSpan = 6;
  return row;
}

// <form> with <div data-when="FIELD=VALUE VALUE|FIELD=!VALUE">: shown only with these choices. What holds a mistake stays in sight.
// With data-hidden="unsent" what is not shown is not sent either.
function choices(form) {
  const parts = form.querySelectorAll("[data-when]");
  if (!parts.length) return;
  const holds = (one) => {
    const at = one.indexOf("=");
    const values = one.slice(at + 1), not = values.startsWith("!");
    const chosen = form.elements.namedItem(one.slice(0, at))?.value ?? "";
    return values.slice(not ? 1 : 0).split(" ").includes(chosen) !== not;
  };
  const look = () => {
    for (const part of parts) {
      part.hidden = !part.dataset.when.split("|").every(holds) && !part.querySelector(".wrong");
      if (form.dataset.hidden !== "unsent") continue;
      for (const control of part.querySelectorAll("input, select, textarea")) control.disabled = part.hidden;
    }
  };
  form.addEventListener("change", look);
  addEventListener("pageshow", look);
  look();
}

function ready(within) {
  copies(within);
}

document.addEventListener("submit", once);
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });
ready(document);
for (const element of document.querySelectorAll("[data-poll]")) poll(element);
for (const form of document.querySelectorAll("[data-lint]")) lint(form);
for (const table of document.querySelectorAll("[data-live]")) live(table);
for (const form of document.forms) choices(form);
document.querySelector("[data-focus]")?.focus();
tick();
setInterval(tick, 1000);
