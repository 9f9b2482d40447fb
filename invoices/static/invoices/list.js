// The filters above the list of invoices: a chip filters at once, and what is empty stays out of the address.
"use strict";

(() => {
  const form = document.getElementById("changelist-search");
  if (!form) return;
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches(".chip input")) form.requestSubmit();
  });
})();
