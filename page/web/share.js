// A card to post: the emotion, its share, and the face only where the visitor asks for it.

const CARD = { width: 1200, height: 630 };

const loaded = (url) =>
  new Promise((done, fail) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = fail;
    image.src = url;
  });

const drawCard = async (canvas, item, index, showFace) => {
  const face = item.result.faces[index];
  const label = emotionOf(face);
  const [icon, brand] = await Promise.all([loaded(svgUrl(label)), loaded(svgUrl("happy"))]);
  await document.fonts.load("600 40px FerInter");
  const drawing = canvas.getContext("2d");
  const font = (size, weight = 600) =>
    (drawing.font = `${weight} ${size}px FerInter, system-ui, sans-serif`);
  const line = (text, x, y, size, width, color = "#17191c") => {
    let fitting = size;
    for (font(fitting); drawing.measureText(text).width > width; font(fitting)) fitting -= 2;
    drawing.fillStyle = color;
    drawing.fillText(text, x, y);
  };
  drawing.fillStyle = "#ffffff";
  drawing.fillRect(0, 0, CARD.width, CARD.height);
  drawing.globalAlpha = 0.16;
  drawing.fillStyle = colorOf(label);
  drawing.fillRect(0, 0, CARD.width, CARD.height);
  drawing.globalAlpha = 1;
  drawing.fillRect(0, 0, 24, CARD.height);
  if (showFace) {
    drawing.save();
    drawing.beginPath();
    drawing.roundRect(80, 120, 320, 320, 40);
    drawing.clip();
    drawing.drawImage(cropOf(item.image, face.box, item.result.image, 640), 80, 120, 320, 320);
    drawing.restore();
    drawing.drawImage(icon, 330, 370, 110, 110);
  } else drawing.drawImage(icon, 80, 120, 320, 320);
  line(answerTitle(face), 470, 215, 84, 670);
  line(sentenceOf(face), 470, 275, 34, 670, "#4b5058");
  const most = Object.entries(face.emotion.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 3);
  most.forEach(([name, share], row) => {
    const y = 335 + 50 * row;
    line(titleOf(name), 470, y + 22, 26, 170);
    drawing.save();
    drawing.beginPath();
    drawing.roundRect(660, y, 380, 26, 13);
    drawing.clip();
    drawing.fillStyle = "#ffffff";
    drawing.fillRect(660, y, 380, 26);
    drawing.fillStyle = colorOf(name);
    drawing.fillRect(660, y, 380 * share, 26);
    drawing.restore();
    line(percent(share), 1060, y + 22, 26, 100);
  });
  drawing.drawImage(brand, 80, 530, 48, 48);
  line(say("title"), 144, 564, 30, 400);
  line(say("share.foot"), 470, 562, 22, 670, "#4b5058");
};

const shareCard = (item, index) => {
  const face = item.result.faces[index];
  const text = say("share.alt", {
    emotion: answerTitle(face), percent: percent(face.emotion.confidence),
  });
  const canvas = el("canvas", { ...CARD, class: "fer-share-card", role: "img", "aria-label": text });
  const box = el("input", { type: "checkbox", on: { change: () => draw() } });
  const draw = () => drawCard(canvas, item, index, box.checked);
  const file = async () => {
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    return new File([blob], "emotion.png", { type: "image/png" });
  };
  const probe = { files: [new File([""], "emotion.png", { type: "image/png" })] };
  draw();
  return el(
    "div",
    { class: "fer-share" },
    canvas,
    el("label", { class: "fer-check" }, box, say("share.face")),
    el("p", { class: "fer-aside" }, say("share.consent")),
    el(
      "div",
      { class: "fer-actions" },
      button(say("share.save"), async () => download("emotion.png", await file(), "image/png"), {
        icon: "download", kind: "fer-primary",
      }),
      navigator.canShare?.(probe)
        ? button(say("share.send"), async () => navigator.share({ files: [await file()] }).catch(() => {}), { icon: "share" })
        : "",
    ),
  );
};
