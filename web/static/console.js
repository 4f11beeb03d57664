// Keeps a page live: when the list of offers has changed, the page is read again and its parts with
// an id are replaced.  What somebody is writing, or has opened, is left as it is.
"use strict";

const live = document.body.dataset.live;

function isBusy(part) {
  return part.contains(document.activeElement) && document.activeElement !== part ||
    [...part.querySelectorAll("input:not([type=hidden]), textarea")].some(
      (field) => field.value !== field.defaultValue
    );
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected || !answer.ok) {
    location.reload();
    return;
  }
  const read = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("main [id]")) {
    const newer = read.getElementById(part.id);
    if (newer && part.isConnected && !isBusy(part) && part.innerHTML !== newer.innerHTML &&
        part.matches("section, ol, div, p, figure")) {
      part.replaceChildren(...newer.childNodes);
    }
  }
}

if (live && "EventSource" in window) {
  const source = new EventSource(live);
  let waiting = null;
  source.addEventListener("changed", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => refresh().catch(() => {}), 200);
  });
  addEventListener("pagehide", () => source.close());
}

for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
