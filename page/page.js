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

  // The camera is on only while the visitor looks at its field, and two minutes at most: Gradio
  // keeps it on, and sends its frames, from any tab and after Stop. It does not tell why a camera
  // does not open either, and goes on with one that was unplugged.
  const longest = 120_000; // milliseconds
  const faults = { NotAllowedError: "denied", NotFoundError: "none", OverconstrainedError: "none" };
  const media = (navigator.mediaDevices ??= {}); // browsers keep it from pages that are not on https
  const open = media.getUserMedia?.bind(media);
  const tell = (what) => document.querySelector(`#camera-${what}`).click();
  const rebuild = () => place?.querySelector(".fer-anew").click(); // as before the first click
  const sight = new ResizeObserver(([{ contentRect }]) => contentRect.width || turnOff());
  let place, stream, timer, request, recorder;
  // Until the last answer of the live camera is drawn, nothing else is asked that it could replace.
  let drawn = Promise.resolve();
  window.liveCamera = { drawn: () => Promise.race([drawn, later(2000)]), ended: () => {} };

  const release = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = request = null;
    clearTimeout(timer);
    sight.disconnect();
  };

  const turnOff = (why) => {
    const on = stream?.active || why === "lost";
    release();
    if (!on) return; // not opened yet, or closed with the snapshot
    // Gradio sends what the video shows, which is nothing from now on.
    for (const video of place.querySelectorAll("video")) video.srcObject = null;
    rebuild();
    if (why) window.liveCamera.drawn().then(() => tell(why));
  };

  media.getUserMedia = async (...wanted) => {
    const places = [...document.querySelectorAll(".fer-anew")].map((it) => it.parentElement);
    const another = stream; // of several cameras; some devices open only one at a time
    release();
    place = places.find((it) => it.getClientRects().length);
    const asked = (request = {});
    const opened = await open?.(...wanted).catch((error) => error);
    if (opened instanceof MediaStream && request === asked) {
      stream = opened;
      stream.getVideoTracks()[0].addEventListener("ended", () => opened === stream && turnOff("lost"));
      timer = setTimeout(turnOff, longest, "limit");
      sight.observe(place);
      tell("on");
      if (place.querySelector("#camera")) tell("live");
      return stream;
    }
    if (opened instanceof MediaStream) opened.getTracks().forEach((track) => track.stop());
    else tell(open ? (faults[opened.name] ?? "busy") : "insecure");
    if (another) rebuild();
    return new Promise(() => {}); // never kept: Gradio would leave the error to the console
  };

  document.addEventListener("visibilitychange", () => document.hidden && turnOff("hidden"));
  window.addEventListener("pagehide", () => turnOff());
  const pressed = ({ target }) => {
    if (target.closest("#restart")) turnOff();
    const button = target.closest("#camera .capture-button");
    if (!button) return null;
    if (button === recorder) return setTimeout(turnOff); // pressed before; after Gradio's own stop
    recorder = button;
    drawn = new Promise((done) => (window.liveCamera.ended = done));
  };
  window.addEventListener("click", pressed, true); // before Gradio draws the button anew
}
