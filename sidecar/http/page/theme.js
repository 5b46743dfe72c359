// The theme: the system's until somebody chooses another; loaded first, so that the page never flashes in the wrong one.
"use strict";
(() => {
  const root = document.documentElement;
  const NAMES = ["system", "light", "dark"];
  const kept = localStorage.getItem("theme");
  root.dataset.theme = NAMES.includes(kept) ? kept : "system";

  window.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const show = () => { button.textContent = `Theme: ${root.dataset.theme}`; };
    button.addEventListener("click", () => {
      root.dataset.theme = NAMES[(NAMES.indexOf(root.dataset.theme) + 1) % NAMES.length];
      localStorage.setItem("theme", root.dataset.theme);
      show();
      window.dispatchEvent(new Event("theme"));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("theme")));
    show();
  });
})();
