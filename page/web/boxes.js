// Boxes over a picture or a video, in shares of its size, and crops of faces.

const MANY = 9; // faces, from which on only the chosen one is named in the picture

// A layer over something of a size; `choose` is told the index of a box that is clicked.
const boxLayer = (choose = null) => {
  const layer = el("div", { class: "fer-boxes", "aria-hidden": "true" });
  const known = new Map(); // by key, so that a box of a video moves instead of jumping

  const made = (key) => {
    const box = el("div", { class: "fer-box" }, el("span", { class: "fer-tag" }));
    if (choose) box.addEventListener("click", () => choose(box.index));
    known.set(key, box);
    layer.append(box);
    return box;
  };

  // `chosen` is an index or -1, `hidden` the indices that a filter leaves out.
  const draw = (faces, size, { chosen = -1, hidden = new Set(), keys = null } = {}) => {
    const left = new Set(known.keys());
    faces.forEach((face, index) => {
      const key = keys ? keys[index] : index;
      left.delete(key);
      const box = known.get(key) ?? made(key);
      const { x_min, y_min, x_max, y_max } = face.box;
      const label = emotionOf(face);
      box.index = index;
      box.className = "fer-box";
      box.classList.toggle("fer-chosen", index === chosen);
      box.classList.toggle("fer-named", faces.length < MANY || index === chosen);
      box.classList.toggle("fer-below", y_min < 0.12 * size.height);
      box.classList.toggle("fer-leftwards", x_min + x_max > 1.3 * size.width);
      box.classList.toggle("fer-unsure", face.emotion.uncertain);
      box.hidden = hidden.has(index);
      const place = {
        left: x_min / size.width,
        top: y_min / size.height,
        width: (x_max - x_min) / size.width,
        height: (y_max - y_min) / size.height,
      };
      for (const [name, share] of Object.entries(place)) box.style[name] = `${100 * share}%`;
      box.style.setProperty("--emotion", colorOf(label));
      box.style.setProperty("--ink", props.emotions[label].ink);
      const text = answerTitle(face);
      if (box.firstChild.textContent !== text) {
        box.firstChild.replaceChildren(emotionIcon(label), text);
      }
    });
    for (const key of left) {
      known.get(key).remove();
      known.delete(key);
    }
  };
  return { layer, draw };
};

// A square around a face, cut out of what is shown.
const cropOf = (source, box, size, pixels = 144) => {
  const canvas = el("canvas", { class: "fer-crop", width: pixels, height: pixels });
  const scale = (source.naturalWidth || source.videoWidth || source.width) / size.width;
  const side = 1.3 * Math.max(box.x_max - box.x_min, box.y_max - box.y_min);
  const x = (box.x_min + box.x_max - side) / 2;
  const y = (box.y_min + box.y_max - side) / 2;
  const drawing = canvas.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(source, x * scale, y * scale, side * scale, side * scale, 0, 0, pixels, pixels);
  return canvas;
};
