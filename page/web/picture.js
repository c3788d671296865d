// One picture: the stage is the picture with its faces, beside it the answer about one of them.

// Loads what is shown of a file; the server makes a JPEG where the browser cannot.
const imageOf = async (item) => {
  item.loading ??= loadImage(item);
  return item.loading;
};

const loadImage = async (item) => {
  item.image = await loaded(item.url).catch(async () => {
    item.url = (await call("preview", [await pathOf(item)])).url;
    return loaded(item.url);
  }).catch((fault) => {
    throw fault instanceof Fault ? fault : new Fault(props.texts["error.image"]);
  });
  return item.image;
};

// Reads it if that was not done; `tell` is told, in words, what it waits for.
const answered = async (item, tell = () => {}) => {
  if (item.result) return;
  const sending = (share) => tell(say("start.sending", { percent: whole(share) }));
  const rank = (before) =>
    tell(before ? say("start.queue", { count: before }) : say("start.reading"));
  Object.assign(item, await call("read_picture", [await pathOf(item, sending), item.name], { rank }));
};

// A box of the picture's proportions that fits into the stage.
const frame = (size, ...children) =>
  el("div", { class: "fer-frame", style: { "--ratio": size.width / size.height } }, children);

const readPicture = async (item, back = null) => {
  let waits = say("start.reading");
  const view = () =>
    item.result && item.image ? showPicture(item, back) : showWaiting(item, waits);
  current = view;
  turnOff();
  hear("");
  view();
  const tell = (words) => {
    waits = words;
    const shown = app.querySelector("#reading");
    if (shown && current === view) shown.textContent = words;
  };
  imageOf(item).then(() => current === view && view(), () => {}); // told below
  try {
    await Promise.all([answered(item, tell), imageOf(item)]);
  } catch (fault) {
    if (current !== view) return;
    back ? back() : showStart();
    tellFault(fault);
    return;
  }
  if (current !== view) return;
  view();
  toAnswer();
  hear(heardOf(item));
};

// The picture as soon as it is there, with room for the answer beside it.
const showWaiting = ({ image }, waits) => {
  const words = el("p", { class: "fer-busy", id: "reading" }, waits);
  if (!image) return fill({ stage: el("div", { class: "fer-waiting" }, words) });
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  fill({
    stage: el("div", { class: "fer-waiting" }, frame(size, shownImage(image, ""))),
    verdict: el("div", { class: "fer-expected" }, words),
  });
};

const shownImage = (image, alt) => {
  const shown = image.cloneNode();
  shown.alt = alt;
  shown.draggable = false;
  return shown;
};

const heardOf = ({ result: { faces } }) => {
  if (!faces.length) return say("answer.none");
  const about = say("answer.heard", { sentence: sentenceOf(faces[0]), confidence: confidenceOf(faces[0]) });
  const count = countText(faces.length);
  return faces.length === 1
    ? `${count}. ${about}`
    : `${say("faces.heard", { count: faces.length, tally: tallyText(faces) })} ${about}`;
};

// On a phone the answer lies below the picture.
const toAnswer = () => {
  const main = app.querySelector(".fer-main");
  const { top, bottom } = app.querySelector(".fer-verdict").getBoundingClientRect();
  if (main.getBoundingClientRect().top < 0 || Math.min(bottom, top + 300) > innerHeight) {
    main.scrollIntoView({ behavior: still() ? "instant" : "smooth" });
  }
};

const showPicture = (item, back) => {
  const { faces, image: size } = item.result;
  // From left to right; the server gives the largest first.
  const order = faces.map((_, index) => index).sort((one, other) =>
    faces[one].box.x_min + faces[one].box.x_max - faces[other].box.x_min - faces[other].box.x_max);
  let chosen = faces.length ? Math.min(item.chosen ?? 0, faces.length - 1) : -1;
  let only = null; // the emotion that is shown alone
  let radios = null;

  const choose = (index) => {
    chosen = item.chosen = index;
    radios?.select(order.indexOf(index));
    refresh();
  };
  const boxes = boxLayer(choose);
  const panel = el("div", { class: "fer-panel" });
  const refresh = () => {
    const hidden = new Set(faces.flatMap((face, at) => (only && emotionOf(face) !== only ? [at] : [])));
    boxes.draw(faces, size, { chosen: faces.length > 1 ? chosen : -1, hidden });
    order.forEach((index, place) => radios && (radios.thumbs[place].hidden = hidden.has(index)));
    if (chosen >= 0) panel.replaceChildren(verdict(item, chosen));
  };

  const alt = faces.length
    ? say("answer.alt", {
        faces: listed(order.map((index, place) =>
          say("faces.face", { number: place + 1, count: faces.length, label: faceLabel(faces[index]) }))),
      })
    : say("answer.alt_none");
  const picture = frame(size, shownImage(item.image, alt), boxes.layer);
  picture.id = "annotated";
  picture.classList.toggle("fer-several", faces.length > 1);
  const parts = [picture];

  if (faces.length > 1) {
    const thumbs = order.map((index, place) =>
      el(
        "button",
        {
          type: "button",
          class: "fer-thumb",
          style: { "--emotion": colorOf(emotionOf(faces[index])) },
          "aria-label": say("faces.face", { number: place + 1, count: faces.length, label: faceLabel(faces[index]) }),
        },
        cropOf(item.image, faces[index].box, size, 96),
        emotionIcon(emotionOf(faces[index])),
      ));
    const { group, select } = radioGroup(say("faces.choose"), thumbs, order.indexOf(chosen), (place) => {
      choose(order[place]);
      thumbs[place].scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    group.id = "faces";
    radios = { select, thumbs };
    const filters = tallyOf(faces).map(([label, count]) => {
      const chip = el(
        "button",
        {
          type: "button",
          class: "fer-chip",
          "aria-pressed": "false",
          on: {
            click: () => {
              only = only === label ? null : label;
              for (const one of filters) one.setAttribute("aria-pressed", String(one === chip && only !== null));
              if (only && emotionOf(faces[chosen]) !== only) {
                choose(order.find((index) => emotionOf(faces[index]) === only));
              } else refresh();
            },
          },
        },
        emotionIcon(label),
        `${titleOf(label)} ${count}`,
      );
      return chip;
    });
    parts.push(
      el(
        "div",
        { class: "fer-tally", role: "group", "aria-label": say("faces.filter") },
        el("strong", { id: "count" }, countText(faces.length)),
        filters,
      ),
      group,
    );
  }
  if (!faces.length) {
    panel.append(
      el(
        "div",
        { class: "fer-answer fer-nobody", id: "answer" },
        el("h2", {}, say("answer.none")),
        el("p", { class: "fer-sentence" }, say("answer.none.help")),
        el("div", { class: "fer-actions" }, downloads(item)),
      ),
    );
  }
  fill({ stage: el("div", { class: "fer-shown" }, parts), verdict: panel, back });
  refresh();
};
