"use strict";
const field = document.getElementById("filter");
const operations = Array.from(document.querySelectorAll(".operation"));
const sections = Array.from(document.querySelectorAll("section.family"));
const none = document.querySelector(".none");

function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of operations) {
    one.hidden = !words.every((word) => one.dataset.text.includes(word));
  }
  for (const section of sections) {
    section.hidden = !section.querySelector(".operation:not([hidden])");
  }
  none.hidden = sections.some((section) => !section.hidden);
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details");
  if (folded) folded.open = true;
}

field.form.hidden = false;
field.addEventListener("input", filter);
field.form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== field) {
    event.preventDefault();
    field.focus();
  }
});
for (const one of operations) {
  one.addEventListener("toggle", () => {
    if (one.open) history.replaceState(null, "", "#" + one.id);
  });
}
addEventListener("hashchange", openTarget);
openTarget();
const wide = matchMedia("(min-width: 56.01rem)");
const menu = document.querySelector("nav details");
const fit = () => { menu.open = wide.matches; };
wide.addEventListener("change", fit);
fit();
