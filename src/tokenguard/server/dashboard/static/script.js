// Comfort for pages that work without it. No page needs a script to be read, and no form to be sent.
"use strict";

(() => {
  const page = document.documentElement;
  page.classList.add("js");
  const once = document.querySelector("[data-once]");

  // What is shown once is gone from the page before the page is: a page that the browser keeps in memory holds none.
  window.addEventListener("pagehide", () => {
    for (const each of document.querySelectorAll("[data-secret]")) each.textContent = "";
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    if (once) location.replace(once.dataset.once);
    else location.reload();
  });
  document.querySelector("[data-stored]")?.addEventListener("click", (event) => {
    event.preventDefault();
    location.replace(event.currentTarget.href);
  });

  // The code of a one-time link stands behind the #, which no request carries. It leaves the address at once.
  const link = document.querySelector("form[data-link]");
  const code = /^#code=([\w-]{43})$/.exec(location.hash);
  if (link && code) {
    history.replaceState(null, "", location.pathname + location.search);
    link.elements.code.value = code[1];
    link.submit();
  }

  const said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  document.body.append(said);

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copyFrom);
    try {
      await navigator.clipboard.writeText(source ? source.textContent : button.dataset.copy);
      said.textContent = "Copied";
      button.classList.add("copied");
    } catch {
      // Not permitted, or no HTTPS: select it, so that the keyboard can.
      if (source) getSelection().selectAllChildren(source);
      said.textContent = "Selected: copy it with your keyboard";
    }
  };

  const dialog = document.getElementById("revoke");
  const ask = (opener) => {
    for (const each of dialog.querySelectorAll("[data-fill]")) each.textContent = opener.dataset[each.dataset.fill];
    dialog.querySelector("[data-own-notice]").hidden = !("own" in opener.dataset);
    const form = dialog.querySelector("form");
    form.reset();
    form.action = opener.getAttribute("href");
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    const copied = on("[data-copy], [data-copy-from]");
    if (copied) copy(copied);
    if (on("[data-close]")) on("dialog").close();
    const ticker = on("[data-tick]");
    if (ticker) {
      const boxes = [...document.getElementsByName(ticker.dataset.tick)];
      const missing = boxes.some((each) => !each.checked);
      for (const each of boxes) each.checked = missing;
      said.textContent = missing ? `${boxes.length} ticked` : "None ticked";
    }
    const opener = on("a[data-revoke]");
    if (opener && dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      ask(opener);
    }
  });

  for (const each of document.querySelectorAll("[data-chooses]")) {
    each.addEventListener("input", () => { document.getElementById(each.dataset.chooses).checked = true; });
  }
})();
