// The page around the stage: head, tabs, what stands below, and which view is shown.

let current = () => {}; // shows again what is shown, for example in another language

const main = el("div", { class: "fer-main" });

// Puts a view into the stage, and beside it what is told about it.
const fill = ({ stage, verdict = null, back = null, tab = "picture" }) => {
  const bar = app.querySelector(".fer-bar-end");
  const focused = [main, bar].some((part) => part.contains(document.activeElement));
  const panel = el(
    "section",
    { class: "fer-stage", id: "stage", role: "tabpanel", "aria-labelledby": `tab-${tab}`, tabindex: "-1" },
    stage,
  );
  main.replaceChildren(
    panel,
    verdict ? el("section", { class: "fer-verdict", "aria-label": say("answer") }, verdict) : "",
  );
  main.classList.toggle("fer-beside", Boolean(verdict));
  const begun = current !== showStart && tab === "picture";
  app.classList.toggle("fer-started", begun || tab === "live");
  for (const one of app.querySelectorAll("[role=tab]")) {
    const selected = one.id === `tab-${tab}`;
    one.setAttribute("aria-selected", String(selected));
    one.tabIndex = selected ? 0 : -1;
  }
  bar.replaceChildren(
    back ? button(say("sheet.back"), back, { icon: "back", kind: "fer-quiet fer-back" }) : "",
    begun
      ? button(say("start.again"), showStart, { icon: "restart", kind: "fer-quiet", id: "restart" })
      : "",
  );
  if (focused) panel.focus({ preventScroll: true }); // what had it is gone
};

const showStart = () => {
  current = showStart;
  turnOff();
  forgetNotes();
  hear("");
  fill({
    stage: el(
      "div",
      { class: "fer-start" },
      el(
        "div",
        { class: "fer-drop" },
        el(
          "div",
          { class: "fer-chorus", "aria-hidden": "true" },
          ["sad", "surprise", "happy", "angry", "fear"].map((label) => emotionIcon(label, "fer-large")),
        ),
        el("p", { class: "fer-drop-title" }, say("start.drop")),
        el("p", {}, say("start.hint")),
        el(
          "div",
          { class: "fer-actions" },
          button(say("start.choose"), () => field.click(), { icon: "picture", kind: "fer-primary" }),
          button(say("start.camera"), showCamera, { icon: "camera" }),
        ),
        el("p", { class: "fer-aside" }, say("start.limits")),
      ),
      exampleButtons(say("start.examples"), props.examples.slice(0, 6)),
    ),
  });
};

const exampleButtons = (title, examples) =>
  el(
    "div",
    { class: "fer-examples", role: "group", "aria-label": title },
    el("p", { "aria-hidden": "true" }, title),
    el(
      "div",
      { class: "fer-example-row" },
      examples.map(({ name, path, key, answer }) =>
        el(
          "button",
          {
            type: "button",
            class: "fer-example",
            "aria-label": say(key),
            "data-name": name,
            on: {
              click: () => {
                forgetNotes();
                readPicture({ name, example: name, url: fileUrl(path), ...answer });
              },
            },
          },
          el("img", { src: fileUrl(path), alt: "", loading: "lazy", draggable: "false" }),
        )),
    ),
  );

const showExamples = () => {
  current = showExamples;
  turnOff();
  forgetNotes();
  fill({
    stage: el("div", { class: "fer-gallery", id: "gallery" }, exampleButtons(say("tab.examples"), props.examples)),
    tab: "examples",
  });
};

const TABS = { picture: showStart, live: showLive, examples: showExamples };

const tabs = () => {
  const names = Object.keys(TABS);
  const made = names.map((name, index) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": "stage",
        on: {
          click: () => TABS[name](),
          keydown: ({ key }) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
            if (step) made[(index + step + names.length) % names.length].focus();
          },
        },
      },
      say(`tab.${name}`),
    ));
  return el("div", { class: "fer-tabs", role: "tablist", "aria-label": say("tabs") }, made);
};

const about = () => {
  const [before, after] = props.about[language];
  return el(
    "details",
    { class: "fer-about", id: "about" },
    el("summary", {}, say("about.title")),
    rich(before),
    el(
      "figure",
      {},
      el("img", { src: fileUrl(props.confusion), alt: say("about.confusion"), loading: "lazy" }),
      el("figcaption", {}, say("about.legend")),
    ),
    rich(after),
  );
};

// Gradio's own dialogs, by the buttons of its footer, which is not shown.
const foot = () =>
  el(
    "p",
    { class: "fer-foot" },
    [["show-api", "foot.api"], ["settings", "foot.settings"]].map(([name, key]) =>
      button(say(key), () => document.querySelector(`footer .${name}`).click(), { kind: "fer-link" })),
  );

// All of the page, in the language that is set; what is shown stays.
const build = () => {
  document.documentElement.lang = language;
  document.title = say("title");
  const open = app.querySelector("#about")?.open;
  app.replaceChildren(
    el(
      "header",
      { class: "fer-head" },
      el("span", { class: "fer-brand" }, emotionIcon("happy"), say("title")),
      el(
        "span",
        { class: "fer-private" },
        actionIcon("shield"),
        el("span", { class: "fer-wide" }, say("private")),
        el("span", { class: "fer-narrow" }, say("private.short")),
      ),
      button(say("language"), turnLanguage, {
        kind: "fer-quiet", id: "turn-language", lang: language === "en" ? "fr" : "en",
      }),
    ),
    el("h1", {}, say("heading")),
    el("div", { class: "fer-bar" }, tabs(), el("div", { class: "fer-bar-end" })),
    notes,
    main,
    el("div", { class: "fer-below" }, rich(say("note"))),
    about(),
    foot(),
    heard,
    el("div", { id: "upload" }, field),
  );
  if (open) app.querySelector("#about").open = true;
};

const setLanguage = (wanted) => {
  if (wanted === language) return;
  language = wanted;
  build();
  if (camera.stream) camera.relabel();
  else current();
};

// Gradio's own dialogs follow where its function for that is found; it takes a while.
let told = null; // the language that Gradio's settings had last
let asked = null; // the one that they were asked to take
const turnLanguage = async () => {
  const wanted = language === "en" ? "fr" : "en";
  told = document.querySelector("#language")?.textContent.trim();
  setLanguage(wanted);
  app.querySelector("#turn-language").focus();
  const asset = performance.getEntriesByType("resource")
    .find(({ name }) => /\/assets\/core-[^/]+\.js$/.test(name));
  const { changeLocale } = asset ? await import(asset.name) : {};
  if (!changeLocale || wanted !== language) return;
  asked = wanted;
  changeLocale(wanted);
};

// Gradio writes the language of its settings into an element of its own, first the browser's.
const followGradio = () => {
  const now = document.querySelector("#language")?.textContent.trim();
  if (now === asked) [told, asked] = [now, null];
  if (now === told || asked || !(now in CODES)) return;
  told = now;
  setLanguage(now);
};
language = navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
build();
element.append(app);
showStart();
setInterval(followGradio, 500);
