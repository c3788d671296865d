// Elements, icons, and what is said to who cannot see.

const app = document.createElement("div"); // all of the page
app.className = "fer";

// An element; attributes that are null or false are left out, `on` are its listeners.
const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [property, set] of Object.entries(value)) made.style.setProperty(property, set);
    } else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
};

const svgUrl = (name) => `data:image/svg+xml,${encodeURIComponent(props.icons[name])}`;

// The face of an emotion, always with its name beside it.
const emotionIcon = (label, kind = "") =>
  el("img", { class: `fer-icon ${kind}`, src: svgUrl(label), alt: "", draggable: "false" });

const actionIcon = (name) => {
  const holder = el("span", { class: "fer-action-icon", "aria-hidden": "true" });
  holder.innerHTML = props.icons[`action-${name}`];
  return holder;
};

const button = (text, click, { icon = null, kind = "", ...attributes } = {}) =>
  el(
    "button",
    { type: "button", class: `fer-button ${kind}`, on: { click }, ...attributes },
    icon && actionIcon(icon),
    el("span", {}, text),
  );

const colorOf = (label) => props.emotions[label].color;

const fileUrl = (path) => new URL(`gradio_api/file=${path}`, document.baseURI).href;

// A text with **strong** words and ### headings.
const rich = (text) =>
  text.trim().split(/\n+/).map((line) => {
    const heading = line.startsWith("### ");
    const parts = (heading ? line.slice(4) : line).split("**");
    return el(
      heading ? "h2" : "p",
      { class: heading ? "fer-small-heading" : null },
      parts.map((part, index) => (index % 2 ? el("strong", {}, part) : part)),
    );
  });

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// One sentence for a screen reader.
const heard = el("p", { class: "fer-heard", role: "status", "aria-live": "polite" });
let nextWord = 0;
const hear = (sentence) => {
  clearTimeout(nextWord);
  if (!sentence) heard.textContent = ""; // so that the same one is said again
  nextWord = setTimeout(() => { if (heard.textContent !== sentence) heard.textContent = sentence; }, 150);
};

// What went wrong or was left out; it stays until the next thing is asked for.
const notes = el("div", { class: "fer-notes", role: "alert" });
const note = (text) => {
  notes.append(el("p", { class: "fer-note" }, text));
  notes.scrollIntoView({ block: "nearest", behavior: still() ? "instant" : "smooth" });
};
const forgetNotes = () => notes.replaceChildren();

const download = (name, content, type) => {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
};

// One of several, chosen with a click or with the arrow keys; `choose` is told its index.
const radioGroup = (label, radios, chosen, choose) => {
  const select = (index, focus) => {
    radios.forEach((radio, at) => {
      radio.setAttribute("aria-checked", String(at === index));
      radio.tabIndex = at === index || (index < 0 && at === 0) ? 0 : -1;
    });
    if (focus) radios[index].focus();
  };
  radios.forEach((radio, index) => {
    radio.setAttribute("role", "radio");
    radio.addEventListener("click", () => { select(index); choose(index); });
    radio.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      const ends = { Home: 0, End: -1 };
      if (!(event.key in steps) && !(event.key in ends)) return;
      event.preventDefault();
      const offered = radios.flatMap((other, at) => (other.hidden ? [] : [at]));
      const place = offered.indexOf(index) + (steps[event.key] ?? 0) + offered.length;
      const next = event.key in ends ? offered.at(ends[event.key]) : offered[place % offered.length];
      select(next, true);
      choose(next);
    });
  });
  select(chosen);
  const group = el("div", { role: "radiogroup", "aria-label": label, class: "fer-radios" }, radios);
  return { group, select };
};
