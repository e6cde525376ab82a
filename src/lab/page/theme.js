// Light or dark, before anything is drawn. A plain script, so that the page never flashes.
(function () {
  "use strict";
  try {
    const chosen = localStorage.getItem("coalmine.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is forbidden: the system's choice stands.
  }
})();
