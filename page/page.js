() => {
  // A picture may be pasted with Ctrl+V or dropped anywhere; Gradio takes it on its own field only,
  // and a drop beside it would leave the page. It goes into that field as if it had been chosen.
  const field = () => document.querySelector("#upload input[type=file]");
  const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  // Not every system knows that a .heic file is a picture.
  const pictureOf = (files) => {
    for (const file of files ?? []) {
      if (file.type.startsWith("image/")) return file;
      const suffix = /\.(heic|heif|avif)$/i.exec(file.name);
      if (suffix && !file.type) return new File([file], file.name, { type: `image/${suffix[1]}` });
    }
    return null;
  };

  const offer = async (picture) => {
    document.querySelector("[role=tab]").click();
    if (!field()) document.querySelector("#restart").click(); // one is shown there already
    for (let tries = 0; !field() && tries < 40; tries += 1) await later(50);
    const files = new DataTransfer();
    files.items.add(picture);
    field().files = files.files;
    field().dispatchEvent(new Event("change", { bubbles: true }));
  };

  const take = (event, files) => {
    const picture = pictureOf(files);
    if (!picture) return;
    event.preventDefault();
    event.stopPropagation();
    offer(picture);
  };

  window.addEventListener("paste", (event) => take(event, event.clipboardData?.files));
  window.addEventListener("drop", (event) => take(event, event.dataTransfer?.files), true);
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => event.preventDefault());
  }

  // Gradio does not tell why a camera does not open, and goes on with one that was unplugged.
  const faults = { NotAllowedError: "denied", NotFoundError: "none", OverconstrainedError: "none" };
  const media = (navigator.mediaDevices ??= {}); // browsers keep it from pages that are not on https
  const open = media.getUserMedia?.bind(media);
  const tell = (fault) => document.querySelector(`#camera-${fault}`).click();

  media.getUserMedia = async (...wanted) => {
    try {
      const stream = await open(...wanted);
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        const gone = [...document.querySelectorAll("video")].find((it) => it.srcObject === stream);
        const buttons = [...document.querySelectorAll(".fer-anew")];
        tell("lost");
        buttons.find((button) => button.parentElement.contains(gone))?.click();
      });
      return stream;
    } catch (error) {
      tell(open ? (faults[error.name] ?? "busy") : "insecure");
      return new Promise(() => {}); // never kept: Gradio would leave the error to the console
    }
  };
}
