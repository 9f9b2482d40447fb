// The form of a draft: lines are added and removed without losing what was typed, and the totals follow as one types.
// The server works them out, by the rules that will hold when the draft is saved.
"use strict";

(() => {
  const group = document.querySelector("section.lines");
  const form = group.closest("form");
  const prefix = group.dataset.prefix;
  const total = document.getElementById(`id_${prefix}-TOTAL_FORMS`);
  const empty = document.getElementById(`${prefix}-empty`);
  const panel = document.getElementById("live-totals");
  const QUIET_MILLISECONDS = 250;

  const renumber = (row, index) => {
    row.id = `${prefix}-${index}`;
    const pattern = new RegExp(`${prefix}-(\\d+|__prefix__)-`);
    for (const element of row.querySelectorAll("[name], [id], [for]")) {
      for (const attribute of ["name", "id", "for"]) {
        const value = element.getAttribute(attribute);
        if (value) element.setAttribute(attribute, value.replace(pattern, `${prefix}-${index}-`));
      }
    }
  };

  const rows = () => [...group.querySelectorAll("tr.form-row:not(.empty-form)")];
  const firstField = (row) => row.querySelector("input:not([type=hidden])");

  // A change that no key made: the totals follow it, and leaving the page asks first.
  const noteChange = () => total.dispatchEvent(new Event("input", { bubbles: true }));

  const addLine = () => {
    const row = empty.cloneNode(true);
    row.classList.remove("empty-form");
    row.hidden = false;
    renumber(row, rows().length);
    empty.before(row);
    total.value = rows().length;
    firstField(row).focus();
  };

  const removeLine = (row) => {
    const next = row.nextElementSibling;
    row.remove();
    rows().forEach(renumber);
    total.value = rows().length;
    (next && !next.hidden ? firstField(next) : group.querySelector(".add-line")).focus();
    noteChange();
  };

  group.addEventListener("click", (event) => {
    if (event.target.closest(".add-line")) addLine();
    const remove = event.target.closest(".remove-line");
    if (remove) removeLine(remove.closest("tr"));
  });

  // Enter in a line goes on to the next one, as in any table that one fills; it does not save half a draft.
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    if (!event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    const row = event.target.closest("tr");
    if (row === rows().at(-1)) addLine();
    else firstField(row.nextElementSibling).focus();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const save = document.querySelector("[name=_save]");
    if (!save) return;
    event.preventDefault();
    save.click();
  });

  const jQuery = window.django && window.django.jQuery;
  if (jQuery) jQuery(form).on("select2:select select2:clear", noteChange);
  // What was refused is still unsaved.
  if (document.querySelector(".errors, .errornote, .errorlist")) window.addEventListener("load", noteChange);

  if (!panel) return;
  let waiting;
  let latest = 0;

  const spread = () => {
    for (const row of rows()) row.querySelector(".line-amount input").value = "";
    for (const amount of panel.querySelectorAll("[data-row]")) {
      const row = document.getElementById(`${prefix}-${amount.dataset.row}`);
      if (row) row.querySelector(".line-amount input").value = amount.value;
    }
    for (const proposed of panel.querySelectorAll("[data-placeholder-of]")) {
      const field = document.getElementById(proposed.dataset.placeholderOf);
      if (field) field.placeholder = proposed.value;
    }
  };

  const showTotals = async () => {
    const number = ++latest;
    try {
      const reply = await fetch(panel.dataset.address, { method: "POST", body: new FormData(form) });
      if (number !== latest || !reply.ok) return;
      panel.innerHTML = await reply.text();
      spread();
    } catch {
      // Offline: the totals stay as they were, and saving will say what is wrong.
    }
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(showTotals, QUIET_MILLISECONDS);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  showTotals();
})();
