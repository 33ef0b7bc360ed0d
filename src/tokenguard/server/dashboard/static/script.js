// Comfort for pages that work without it. No page needs a script to be read, and no form to be sent.
"use strict";

(() => {
  document.documentElement.classList.add("js");

  // A page that the browser kept in memory may show what is no longer so, or what was to be shown once.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  // The code of a one-time link stands behind the #, which no request carries. It is taken out of the address at once.
  const link = document.querySelector("form[data-link]");
  const code = /^#code=([\w-]{43})$/.exec(location.hash);
  if (link && code) {
    history.replaceState(null, "", location.pathname + location.search);
    link.elements.code.value = code[1];
    link.submit();
  }
})();
