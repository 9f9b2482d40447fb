// What a credit note will come to, said while its quantities are typed. The server works it out.
"use strict";

(() => {
  const sentence = document.getElementById("consequence");
  const form = sentence && sentence.closest("form");
  if (!form) return;
  let waiting;
  let latest = 0;
  const foretell = async () => {
    const number = ++latest;
    try {
      const reply = await fetch(sentence.dataset.address, { method: "POST", body: new FormData(form) });
      if (number === latest && reply.ok) sentence.innerHTML = await reply.text();
    } catch {
      // Offline: sending the form will say what is wrong.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(foretell, 250);
  });
})();
