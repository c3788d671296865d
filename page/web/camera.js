// The camera is on only while the visitor looks at what it shows, and two minutes at most.

const LONGEST = 120_000; // milliseconds
// In these frames, faces at two metres are found and read as well as in larger ones, and ten a
// second come through a connection at home.
const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
const FAULTS = { NotAllowedError: "denied", NotFoundError: "none", OverconstrainedError: "none" };
const camera = { stream: null, asked: null, timer: 0, off: () => {}, relabel: () => {} };
let agreed = false;

const release = () => {
  for (const track of camera.stream?.getTracks() ?? []) track.stop();
  camera.stream = camera.asked = null;
  clearTimeout(camera.timer);
};

// Turns it off, and tells why where the visitor did not ask for it.
const turnOff = (why = null) => {
  const was = camera.stream || camera.asked;
  const { off } = camera;
  camera.off = () => {};
  release();
  if (!was) return;
  off(why);
  if (why) note(say(`camera.${why}`));
};

// Turns it on; null where that failed, which was told, or where it came too late.
const turnOn = async (off) => {
  turnOff();
  forgetNotes();
  const asked = (camera.asked = {});
  camera.off = off;
  // Browsers keep it from pages that are not on https.
  const opened = await Promise.resolve(navigator.mediaDevices?.getUserMedia(WANTED) ?? null)
    .catch((error) => error);
  if (camera.asked !== asked) {
    if (opened instanceof MediaStream) for (const track of opened.getTracks()) track.stop();
    return null;
  }
  if (!(opened instanceof MediaStream)) {
    turnOff(opened ? (FAULTS[opened.name] ?? "busy") : "insecure");
    return null;
  }
  camera.stream = opened;
  opened.getVideoTracks()[0].addEventListener("ended", () => camera.stream === opened && turnOff("lost"));
  camera.timer = setTimeout(turnOff, LONGEST, "limit");
  return opened;
};

document.addEventListener("visibilitychange", () => document.hidden && turnOff("hidden"));
window.addEventListener("pagehide", () => turnOff());

// What is asked before the first frame.
const consent = (then) => {
  if (agreed) return null;
  return el(
    "div",
    { class: "fer-consent" },
    actionIcon("camera"),
    el("p", {}, say("camera.consent")),
    el("p", {}, el("strong", {}, say("camera.agreed"))),
    button(say("camera.agree"), () => { agreed = true; then(); }, { kind: "fer-primary" }),
  );
};

// A video element that shows the camera as a mirror does.
const mirror = (stream) => {
  const video = el("video", { class: "fer-mirror", playsinline: true, "aria-label": say("camera.view") });
  video.muted = true;
  video.srcObject = stream;
  video.play().catch(() => {}); // turned off before it began
  return video;
};

// What it shows now, mirrored, on a canvas.
const frameOf = (video, canvas = document.createElement("canvas")) => {
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const drawing = canvas.getContext("2d");
  drawing.setTransform(-1, 0, 0, 1, canvas.width, 0);
  drawing.drawImage(video, 0, 0);
  return canvas;
};

const jpegOf = (canvas, quality) =>
  new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));

const RECORD_SECONDS = 60;

// The view of the stage that takes a picture or records a video.
const showCamera = () => {
  current = showCamera;
  forgetNotes();
  const ask = consent(showCamera);
  if (ask) return fill({ stage: ask });
  const view = el("div", { class: "fer-viewfinder", id: "webcam" }, el("p", {}, say("camera.waiting")));
  fill({ stage: view });
  turnOn(() => current === showCamera && offered(view)).then((stream) => {
    if (!stream) return;
    view.replaceChildren(mirror(stream), viewfinderActions(view));
    camera.relabel = () => view.lastChild.replaceWith(viewfinderActions(view));
  });
};

// After it went off: one click turns it on again.
const offered = (view) =>
  view.replaceChildren(
    button(say("camera.on"), showCamera, { icon: "camera", kind: "fer-primary" }),
    button(say("camera.close"), showStart, { icon: "close" }),
  );

const viewfinderActions = (view) => {
  const take = async () => {
    const video = view.querySelector("video");
    if (!video.videoWidth) return;
    const blob = await jpegOf(frameOf(video), 0.92);
    camera.off = () => {};
    turnOff();
    takeFiles([new File([blob], "camera.jpg", { type: "image/jpeg" })]);
  };
  const record = async () => {
    const parts = [];
    const recorder = new MediaRecorder(camera.stream);
    const begun = Date.now();
    recorder.ondataavailable = ({ data }) => data.size && parts.push(data);
    recorder.onstop = () => {
      clearInterval(clock);
      camera.off = () => {};
      turnOff();
      const [kind] = (recorder.mimeType || "video/webm").split(";");
      const suffix = kind.split("/")[1];
      takeFiles([new File(parts, `camera.${suffix}`, { type: kind })]);
    };
    const stop = button("", () => recorder.stop(), { icon: "stop", kind: "fer-primary fer-stop" });
    const tick = () => {
      const passed = Math.floor((Date.now() - begun) / 1000);
      stop.lastChild.textContent = say("camera.recording", { seconds: passed });
      if (passed >= RECORD_SECONDS && recorder.state === "recording") recorder.stop();
    };
    const clock = setInterval(tick, 250);
    tick();
    camera.off = (why) => {
      recorder.onstop = () => clearInterval(clock);
      if (recorder.state === "recording") recorder.stop();
      if (current === showCamera) offered(view);
    };
    camera.relabel = tick;
    recorder.start(1000);
    view.lastChild.replaceChildren(stop);
    stop.focus();
  };
  return el(
    "div",
    { class: "fer-actions" },
    button(say("camera.take"), take, { icon: "camera", kind: "fer-primary" }),
    "MediaRecorder" in window && button(say("camera.record"), record, { icon: "video" }),
    button(say("camera.close"), showStart, { icon: "close" }),
  );
};
