// Files come in by the button, by dropping them anywhere, or by pasting; none is ignored in silence.

const MOST_PICTURES = 32;
// Not every system knows these.
const PICTURES = { heic: "heic", heif: "heif", avif: "avif", tif: "tiff", tiff: "tiff", bmp: "bmp" };
const VIDEOS = { mkv: "x-matroska", avi: "x-msvideo", mov: "quicktime", mp4: "mp4", webm: "webm", m4v: "mp4" };

const suffixOf = ({ name }) => /\.(\w+)$/.exec(name)?.[1].toLowerCase();
const isPicture = (file) => file.type.startsWith("image/") || (!file.type && suffixOf(file) in PICTURES);
const isVideo = (file) => file.type.startsWith("video/") || (!file.type && suffixOf(file) in VIDEOS);

// Reads what a visitor gave: a video, a picture, or several.
const takeFiles = (given) => {
  turnOff();
  forgetNotes();
  const files = [...given];
  const pictures = files.filter(isPicture);
  const videos = files.filter(isVideo);
  const others = files.filter((file) => !isPicture(file) && !isVideo(file));
  if (others.length && pictures.length + videos.length) {
    note(say("drop.left_out", { names: listed(others.map(({ name }) => name)) }));
  }
  if (videos.length) {
    if (files.length - others.length > 1) note(say("drop.one_video", { name: videos[0].name }));
    return readVideo(videos[0]);
  }
  if (!pictures.length) return note(say("drop.empty"));
  if (pictures.length > MOST_PICTURES) {
    note(say("sheet.too_many", { count: pictures.length - MOST_PICTURES }));
  }
  const items = pictures.slice(0, MOST_PICTURES).map(
    (file) => ({ name: file.name, file, url: URL.createObjectURL(file) }));
  return items.length === 1 ? readPicture(items[0]) : readSheet(items);
};

const field = el("input", {
  type: "file",
  multiple: true,
  hidden: true,
  accept: "image/*,video/*,.heic,.heif,.avif,.tif,.tiff,.mkv",
  on: {
    change: () => {
      const files = [...field.files];
      field.value = ""; // so that the same one can be chosen again
      if (files.length) takeFiles(files);
    },
  },
});

window.addEventListener("paste", ({ clipboardData }) =>
  clipboardData?.files.length && takeFiles(clipboardData.files));
window.addEventListener("dragover", (event) => {
  event.preventDefault();
  app.classList.add("fer-dragging");
});
window.addEventListener("dragleave", ({ relatedTarget }) =>
  relatedTarget || app.classList.remove("fer-dragging"));
window.addEventListener("drop", (event) => {
  event.preventDefault(); // or the browser would leave the page for the file
  app.classList.remove("fer-dragging");
  takeFiles(event.dataTransfer?.files ?? []);
}, true);
