// The field that a page opens with has the focus. A browser gives it by itself only while the page is young:
// one whose style sheets or scripts come late it leaves alone.
"use strict";

window.addEventListener("load", () => {
  if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
});
