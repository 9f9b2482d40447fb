// A table that is wider than the screen is scrolled sideways: with the arrow keys too, once it can have the focus.
"use strict";

(() => {
  const markScrollers = () => {
    for (const box of document.querySelectorAll(".scroll, .picture")) {
      if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
    }
  };
  markScrollers();
  window.addEventListener("resize", markScrollers);
})();
