// Several pictures: a contact sheet of answers, of which each opens in the stage.

const AT_ONCE = 2; // pictures that are asked about together

const readSheet = async (items) => {
  const back = () => showSheet(items);
  current = back;
  showSheet(items);
  const left = [...items];
  const stillHere = () => items.some((item) => item.card?.isConnected) || app.querySelector(".fer-back");
  const work = async () => {
    for (let item = left.shift(); item; item = left.shift()) {
      try {
        await answered(item);
        item.thumb = thumbnailOf(await imageOf(item));
        item.image = item.loading = null; // thirty-two of a phone's would fill the memory
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault;
        item.fault = fault.words;
        item.csv = fault.csv;
      }
      if (!stillHere()) return; // something else was asked
      drawSheetCard(item);
      drawSheetHead(items);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
};

const THUMBNAIL = 320; // pixels of the longer side

const thumbnailOf = (image) => {
  const scale = Math.min(1, THUMBNAIL / Math.max(image.naturalWidth, image.naturalHeight));
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.ceil(side * scale));
  const canvas = el("canvas", { width, height });
  canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  return canvas;
};

const sheetLabel = (item) => {
  if (item.fault) return item.fault[language];
  if (!item.result) return say("sheet.waiting");
  const { faces } = item.result;
  return faces.length ? tallyText(faces) : say("sheet.no_face");
};

const drawSheetCard = (item) => {
  const { card } = item;
  card.disabled = !item.result;
  card.classList.toggle("fer-failed", Boolean(item.fault));
  card.setAttribute("aria-label", say("sheet.open", { name: item.name, label: sheetLabel(item) }));
  const tally = item.result
    ? tallyOf(item.result.faces).slice(0, 4).map(([label, count]) =>
        el("span", {}, emotionIcon(label), item.result.faces.length > 1 ? String(count) : titleOf(label)))
    : [];
  card.replaceChildren(
    el("span", { class: "fer-card-picture" }, item.thumb ?? ""),
    el("span", { class: "fer-card-answer" }, tally.length ? tally : sheetLabel(item)),
    el("span", { class: "fer-card-name" }, item.name),
  );
};

const drawSheetHead = (items) => {
  const read = items.filter(({ result, fault }) => result || fault).length;
  const faces = items.flatMap(({ result }) => result?.faces ?? []);
  const all = read === items.length;
  const text = all
    ? say("sheet.done", { count: items.length, faces: faces.length ? tallyText(faces) : say("sheet.no_face") })
    : say("sheet.heard", { read, count: items.length });
  const progress = app.querySelector("#sheet-progress");
  if (progress) progress.textContent = text;
  if (all) hear(text);
  for (const one of app.querySelectorAll(".fer-sheet-head button")) one.disabled = !all;
};

const packed = async (items, pressed) => {
  const words = pressed.lastChild;
  const text = words.textContent;
  pressed.disabled = true;
  try {
    const files = [];
    for (const item of items.filter(({ result }) => result)) {
      files.push({ path: await pathOf(item), name: item.name });
    }
    const step = ({ progress }) => {
      if (progress !== undefined) words.textContent = say("sheet.packing", { percent: whole(progress) });
    };
    const { zip } = await call("pack", [files, language], { step });
    const bytes = Uint8Array.from(atob(zip), (letter) => letter.charCodeAt(0));
    download("faces.zip", new Blob([bytes], { type: "application/zip" }));
  } catch (fault) {
    tellFault(fault);
  }
  words.textContent = text;
  pressed.disabled = false;
};

const showSheet = (items) => {
  current = () => showSheet(items);
  const pack = button(say("sheet.zip"), () => packed(items, pack), { icon: "download", kind: "fer-quiet" });
  const table = button(
    say("answer.csv"),
    () => download("faces.csv", csvOf(items.map(({ csv }) => csv ?? "").join("")), "text/csv"),
    { icon: "download", kind: "fer-quiet", "aria-label": say("answer.csv.long") },
  );
  const cards = items.map((item) => {
    item.card = el("button", {
      type: "button",
      class: "fer-card",
      on: { click: () => readPicture(item, () => showSheet(items)) },
    });
    return item.card;
  });
  fill({
    stage: el(
      "div",
      { class: "fer-sheet" },
      el(
        "div",
        { class: "fer-sheet-head" },
        el("div", {}, el("h2", {}, say("sheet.title", { count: items.length })), el("p", { id: "sheet-progress" })),
        el("div", { class: "fer-actions" }, table, pack),
      ),
      el("div", { class: "fer-cards" }, cards),
    ),
  });
  items.forEach(drawSheetCard);
  drawSheetHead(items);
};
