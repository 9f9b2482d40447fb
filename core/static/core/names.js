// A box of choices that are searched has no name of its own for those who hear the page: it gets that of its label.
"use strict";

(() => {
  const nameBoxes = () => {
    for (const box of document.querySelectorAll(".select2-container")) {
      const select = box.previousElementSibling;
      const label = select && document.querySelector(`label[for="${select.id}"]`);
      if (!label) continue;
      const combobox = box.querySelector("[role=combobox]");
      const shown = box.querySelector("[role=textbox]");
      for (const part of [combobox, shown]) if (part) part.setAttribute("aria-label", label.textContent.trim());
      if (combobox && shown && !shown.textContent.trim()) combobox.removeAttribute("aria-labelledby");
    }
  };
  // The boxes are made when the page is loaded, by others who wait for the same event.
  window.addEventListener("load", () => setTimeout(nameBoxes));
})();
