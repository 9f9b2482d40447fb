// A table that is wider than the screen is scrolled sideways: with the arrow keys too, once it can have the focus.
// It becomes wider or narrower with the window, with what is in it, and when the font of the page has come.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const boxes = document.querySelectorAll(".scroll, .picture");
  const markScrollers = () => {
    for (const box of boxes) {
      if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
    }
  };
  markScrollers();
  window.addEventListener("resize", markScrollers);
  const watcher = new ResizeObserver(markScrollers);
  for (const box of boxes) for (const part of [box, ...box.children]) watcher.observe(part);
});
