// The page works without this. With it, it is kept up to date while it is open: whatever is marked `data-live` is taken from a
// fresh copy of the same page, node by node, so that focus, open details and scroll stay where they are.
"use strict";

(() => {
  const live = document.getElementById("live");
  const parser = new DOMParser();

  // Makes `from` like `to`, in place.
  const morph = (from, to) => {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || (from.id || "") !== (to.id || "")) {
      from.replaceWith(document.importNode(to, true));
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.isEqualNode(to)) return;
    // What a person has opened, written or chosen is theirs.
    const theirs = from.matches("details") ? ["open"] : from.matches("input, select, textarea, option") ? ["value", "checked", "selected"] : [];
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !theirs.includes(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value && !theirs.includes(name)) from.setAttribute(name, value);
    if (from.matches("input, textarea, .read")) return;
    // Children that have an id are found by it, wherever they stood.
    const wanted = [...to.childNodes];
    let at = from.firstChild;
    for (const child of wanted) {
      const known = child.id && [...from.children].find((mine) => mine.id === child.id);
      if (known) {
        if (known === at) at = at.nextSibling;
        else from.insertBefore(known, at);
        morph(known, child);
      } else if (at && !(at.id && wanted.some((other) => other.id === at.id)) && !child.id) {
        const next = at.nextSibling;
        morph(at, child);
        at = next;
      } else {
        from.insertBefore(document.importNode(child, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok && !answer.redirected) {
        const fresh = parser.parseFromString(await answer.text(), "text/html");
        for (const mine of document.querySelectorAll("[data-live]")) {
          const theirs = fresh.getElementById(mine.id);
          if (theirs) morph(mine, theirs);
        }
      }
    } catch {
      // The stream tells when the service is back.
    }
    busy = false;
    if (again) {
      again = false;
      setTimeout(refresh, 500);
    }
  };

  const show = (on) => {
    live.hidden = false;
    live.classList.toggle("off", !on);
    const words = on ? live.dataset.on : live.dataset.off;
    if (live.textContent !== words) live.textContent = words;
  };

  // "12 s ago" stays true while nothing else changes. The units are those of the server, in every language.
  const span = (s) => {
    const two = (large, name, small, next) => (small ? `${large} ${name} ${small} ${next}` : `${large} ${name}`);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
    return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
  };
  const portuguese = document.documentElement.lang.startsWith("pt");
  const near = () => {
    for (const time of document.querySelectorAll("time[data-near]")) {
      const s = Math.round((Date.now() - Date.parse(time.dateTime)) / 1000);
      const words = s < 0 ? `${portuguese ? "em" : "in"} ${span(-s)}` : portuguese ? `há ${span(s)}` : `${span(s)} ago`;
      if (time.textContent !== words) time.textContent = words;
    }
  };

  // What a plot says of the stretch under the pointer, or the finger, is written below it.
  const tell = (figure, text) => {
    const read = figure.querySelector(".read");
    if (!read) return;
    const span = document.createElement("span");
    span.textContent = text;
    read.replaceChildren(...(text ? [span] : []));
  };
  document.addEventListener("pointerover", (event) => {
    const bar = event.target.closest?.(".plot .hover");
    const figure = event.target.closest?.("figure");
    if (!figure) return;
    tell(figure, bar?.querySelector("title").textContent);
  });
  document.addEventListener("pointerout", (event) => {
    const figure = event.target.closest?.("figure");
    if (figure && !figure.contains(event.relatedTarget)) tell(figure);
  });

  // What was done is told once, not at every reload.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    address.searchParams.delete("n");
    history.replaceState(null, "", address);
  }

  // A second click on a button does nothing while the first is under way.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });

  if (!document.querySelector("[data-live]")) return;
  setInterval(near, 1000);

  let stream;
  let wait = 1000;
  const listen = () => {
    stream = new EventSource("/live");
    stream.addEventListener("open", () => {
      wait = 1000;
      show(true);
      refresh();
    });
    stream.addEventListener("refresh", refresh);
    stream.addEventListener("error", () => {
      show(false);
      stream.close();
      setTimeout(listen, wait);
      wait = Math.min(wait * 2, 15000);
    });
  };
  // A page in the background costs nobody anything.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream?.close();
    else if (!stream || stream.readyState === EventSource.CLOSED) listen();
  });
  if (!document.hidden) listen();
  // What changes by the clock alone.
  setInterval(() => document.hidden || refresh(), 30000);
})();
