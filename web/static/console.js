// Keeps a page live: when the list of offers has changed, the page is read again and its parts with
// an id are replaced.  What somebody is writing, or has opened, is left as it is.
"use strict";

const live = document.body.dataset.live;

function isBusy(part) {
  return part.contains(document.activeElement) && document.activeElement !== part ||
    part.matches(":hover") && part.querySelector("form") !== null ||
    [...part.querySelectorAll("details")].some((each) => each.open !== each.hasAttribute("data-open")) ||
    [...part.querySelectorAll("input:not([type=hidden]), textarea")].some(
      (field) => field.value !== field.defaultValue
    );
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.status === 401) {
    source.close();
    showEnd();
  }
  if (!answer.ok) return;
  const read = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("main [id]")) {
    const newer = read.getElementById(part.id);
    if (newer && part.isConnected && !isBusy(part) && part.innerHTML !== newer.innerHTML &&
        part.matches("section, ol, div, p, figure")) {
      part.replaceChildren(...newer.childNodes);
    }
  }
}

function showEnd() {
  const note = document.createElement("p");
  note.className = "banner bad";
  note.setAttribute("role", "alert");
  note.append("The session has ended: what is shown is not kept up to date. ");
  const link = document.createElement("a");
  link.href = location.href;
  link.append("Sign in again");
  note.append(link);
  document.querySelector("main").before(note);
}

let source = null;
if (live && "EventSource" in window) {
  source = new EventSource(live);
  let waiting = null;
  source.addEventListener("changed", (event) => {
    clearTimeout(waiting);
    const within = Number(event.data) || 0;
    waiting = setTimeout(() => refresh().catch(() => {}), 200 + Math.random() * within);
  });
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
