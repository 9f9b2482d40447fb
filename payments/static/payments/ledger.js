// What a movement of money will do, said while its amount is typed. The server works it out.
"use strict";

(() => {
  const sentence = document.getElementById("consequence");
  const amount = document.getElementById("id_amount");
  if (!sentence || !amount) return;
  let waiting;
  let latest = 0;
  const foretell = async () => {
    const number = ++latest;
    try {
      const reply = await fetch(sentence.dataset.address, { method: "POST", body: new FormData(amount.form) });
      if (number === latest && reply.ok) sentence.innerHTML = await reply.text();
    } catch {
      // Offline: sending the form will say what is wrong.
    }
  };
  amount.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(foretell, 250);
  });
})();
