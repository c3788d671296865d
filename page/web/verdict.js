// The answer about one face.

const track = (parts) =>
  el(
    "span",
    { class: "fer-track", "aria-hidden": "true" },
    parts.map(([label, share]) =>
      el("i", { style: { width: `${100 * share}%`, background: colorOf(label) } })),
  );

const barList = (entries, label, chosen = null) =>
  el(
    "ul",
    { class: "fer-bars", "aria-label": label },
    entries.map(([name, share]) =>
      el(
        "li",
        { class: name === chosen ? "fer-best" : null },
        emotionIcon(name),
        el("span", {}, titleOf(name)),
        track([[name, share]]),
        el("span", { class: "fer-value" }, percent(share)),
      )),
  );

// Three bars, or all seven in FER2013's order.
const bars = (face) => {
  const all = Object.entries(face.emotion.probabilities);
  const most = [...all].sort((one, other) => other[1] - one[1]).slice(0, 3);
  const holder = el("div", { class: "fer-bar-holder" });
  const more = button("", () => show(more.getAttribute("aria-expanded") !== "true"), { kind: "fer-link" });
  const show = (every) => {
    more.setAttribute("aria-expanded", String(every));
    more.lastChild.textContent = say(every ? "answer.fewer" : "answer.all");
    holder.replaceChildren(barList(every ? all : most, say("answer.bars"), emotionOf(face)), more);
  };
  show(false);
  return holder;
};

const twoOf = (face) => {
  const { happy, sad } = face.emotion.happy_sad;
  const best = happy >= sad ? "happy" : "sad";
  return el(
    "div",
    { class: "fer-two" },
    el("p", {}, el("strong", {}, emotionIcon(best), titleOf(best)), el("span", {}, say("answer.if_two"))),
    track([["happy", happy], ["sad", sad]]),
    el(
      "p",
      {},
      ["happy", "sad"].map((name) =>
        el("span", {}, `${titleOf(name)} ${percent(name === "happy" ? happy : sad)}`)),
    ),
  );
};

const whyOf = (item, index) => {
  const holder = el("div", { class: "fer-why" }, el("p", {}, say("start.reading")));
  const figure = (url, text) =>
    el("figure", {}, el("img", { src: url, alt: text, draggable: "false" }), el("figcaption", {}, text));
  const emotion = titleOf(emotionOf(item.result.faces[index]));
  pathOf(item)
    .then((path) => call("explain", [path, index]))
    .then(({ views: { seen, evidence, ...filters } }) => {
      holder.replaceChildren(
        el(
          "div",
          { class: "fer-figures" },
          figure(seen, say("why.seen")),
          evidence ? figure(evidence, say("why.evidence", { emotion })) : "",
        ),
        evidence ? el("p", {}, say("why.note")) : "",
        el("p", {}, say("why.filters")),
        el(
          "div",
          { class: "fer-figures fer-small" },
          Object.entries(filters).map(([name, url]) => figure(url, say(`filter.${name}`))),
        ),
      );
    })
    .catch((fault) => { holder.remove(); tellFault(fault); });
  return holder;
};

const csvOf = (lines) => `${props.columns.join(",")}\n${lines}`;

const downloads = (item) => [
  button(say("answer.csv"), () => download("faces.csv", csvOf(item.csv), "text/csv"), {
    icon: "download", kind: "fer-quiet", "aria-label": say("answer.csv.long"),
  }),
  button(
    say("answer.json"),
    () => download("faces.json", JSON.stringify(item.result, null, 2), "application/json"),
    { icon: "download", kind: "fer-quiet", "aria-label": say("answer.json.long") },
  ),
];

// A button that opens something below all of them, one at a time.
const foldButtons = (folds) => {
  const holder = el("div", { class: "fer-fold" });
  const buttons = folds.map(({ text, icon, open }) => {
    const made = button(
      text,
      () => {
        const opened = made.getAttribute("aria-expanded") === "true";
        for (const one of buttons) one.setAttribute("aria-expanded", "false");
        holder.replaceChildren();
        if (opened) return;
        made.setAttribute("aria-expanded", "true");
        holder.append(open());
        holder.scrollIntoView({ block: "nearest", behavior: still() ? "instant" : "smooth" });
      },
      { icon, kind: "fer-quiet", "aria-expanded": "false" },
    );
    return made;
  });
  return { holder, buttons };
};

const verdict = (item, index) => {
  const face = item.result.faces[index];
  const crop = cropOf(item.image, face.box, item.result.image);
  crop.setAttribute("role", "img");
  crop.setAttribute("aria-label", say("answer.crop"));
  const { contempt } = face.emotion;
  const { holder, buttons } = foldButtons([
    { text: say("why.title"), icon: "why", open: () => whyOf(item, index) },
    { text: say("answer.two"), icon: "balance", open: () => twoOf(face) },
    { text: say("share"), icon: "share", open: () => shareCard(item, index) },
  ]);
  return el(
    "div",
    { class: "fer-answer", id: "answer", style: { "--emotion": colorOf(emotionOf(face)) } },
    el(
      "div",
      { class: "fer-headline" },
      crop,
      el(
        "div",
        {},
        el("h2", {}, emotionIcon(emotionOf(face), "fer-large"), answerTitle(face)),
        el("p", { class: "fer-sentence" }, sentenceOf(face)),
        el("p", { class: face.emotion.uncertain ? "fer-doubt" : "fer-sure" }, confidenceOf(face)),
      ),
    ),
    bars(face),
    contempt >= 0.2
      ? el("p", { class: "fer-aside" }, emotionIcon("contempt"), say("answer.contempt", { percent: percent(contempt) }))
      : "",
    el("div", { class: "fer-actions" }, buttons, downloads(item)),
    holder,
  );
};
