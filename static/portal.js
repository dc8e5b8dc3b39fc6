// Adds comfort to pages that work without it: copy buttons, a guard against double clicks, focus on errors.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const summary = document.querySelector("[data-focus]");
  if (summary) summary.focus();

  const { copy, copied } = document.body.dataset;
  if (navigator.clipboard) {
    document.querySelectorAll(".copyable").forEach((source) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = copy;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = copied;
        setTimeout(() => { button.textContent = copy; }, 2000);
      });
      source.after(button);
    });
  }

  // The second click within a few seconds is swallowed; the server would charge once all the same.
  document.querySelectorAll("form").forEach((form) => {
    let sentAt = 0;
    form.addEventListener("submit", (event) => {
      const guarded = event.submitter && "once" in event.submitter.dataset;
      if (guarded && Date.now() - sentAt < 5000) event.preventDefault();
      else if (guarded) sentAt = Date.now();
    });
  });

  // Menus close on Escape and on a click elsewhere.
  const menus = document.querySelectorAll("details.menu");
  document.addEventListener("click", (event) => menus.forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menus.forEach((menu) => {
      if (menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
  });
});
