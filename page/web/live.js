// The live camera: a mirror with boxes, one sentence, the last ten seconds, and a summary.

const IN_FLIGHT = 2; // frames that are on their way, so that the way there and back is not waited for
const PERIOD = 100; // milliseconds between frames
const TRAIL = 10; // seconds
const SIDE = 640; // pixels of a frame's longer side

const showLive = () => {
  current = showLive;
  forgetNotes();
  hear("");
  const ask = consent(showLive);
  if (ask) return fill({ stage: ask, tab: "live" });
  const view = el("div", { class: "fer-live", id: "camera" }, el("p", { class: "fer-busy" }, say("camera.waiting")));
  fill({ stage: view, tab: "live" });
  const samples = []; // { time, label, uncertain } of the largest face
  turnOn(() => {
    if (current === showLive) liveSummary(samples);
  }).then((stream) => stream && current === showLive && runLive(view, stream, samples));
};

const runLive = (view, stream, samples) => {
  const video = mirror(stream);
  const boxes = boxLayer();
  const holder = el("div", { class: "fer-frame fer-mirrored", style: { "--ratio": 4 / 3 } }, video, boxes.layer);
  video.addEventListener("loadedmetadata", () =>
    holder.style.setProperty("--ratio", video.videoWidth / video.videoHeight));
  const line = el("p", { class: "fer-live-line", id: "live-line" }, say("live.looking"));
  const trail = el("div", { class: "fer-trail", role: "img", "aria-label": say("live.trail") });
  const stop = button(say("live.stop"), () => turnOff(), { icon: "stop", kind: "fer-primary fer-stop" });
  view.replaceChildren(holder, el("div", { class: "fer-live-foot" }, line, trail, stop));

  camera.relabel = () => {
    stop.lastChild.textContent = say("live.stop");
    trail.setAttribute("aria-label", say("live.trail"));
    video.setAttribute("aria-label", say("camera.view"));
  };

  const canvas = document.createElement("canvas");
  let sent = 0;
  let flying = 0;
  let newest = 0;
  let spoken = 0;
  let last = null; // the label that was said

  const show = ({ faces, image }) => {
    boxes.draw(faces, image, { keys: faces.map(({ track }) => track) });
    app.dataset.frames = Number(app.dataset.frames ?? 0) + 1; // answered frames, for the benchmark
    const time = performance.now() / 1000;
    const [face] = faces;
    samples.push({ time, label: face ? emotionOf(face) : null, uncertain: face?.emotion.uncertain });
    line.replaceChildren(
      ...(face ? [emotionIcon(emotionOf(face)), sentenceOf(face)] : [say("live.looking")]));
    const label = face && emotionOf(face);
    if (label && label !== last && time - spoken > 2) {
      [last, spoken] = [label, time];
      hear(sentenceOf(face));
    }
    trail.replaceChildren(band(piecesOf(samples, time - TRAIL, time), time - TRAIL, time));
  };

  const send = async () => {
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    const drawing = canvas.getContext("2d");
    drawing.setTransform(-1, 0, 0, 1, canvas.width, 0);
    drawing.drawImage(video, 0, 0, canvas.width, canvas.height);
    const order = ++sent;
    flying += 1;
    try {
      const given = { frame: canvas.toDataURL("image/jpeg", 0.8), first: order === 1 };
      const answer = await call("read_frame", [given, null]); // the state stays on the server
      if (camera.stream === stream && order > newest && answer.faces) {
        newest = order;
        show(answer);
      }
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      await new Promise((later) => setTimeout(later, 1000)); // the server has no room: the next one
    } finally {
      flying -= 1;
    }
  };

  const tick = () => {
    if (camera.stream !== stream) return;
    if (flying < IN_FLIGHT && video.readyState >= 2 && video.videoWidth) send();
    setTimeout(tick, PERIOD);
  };
  tick();
};

// What was read from one time to another, each answer until the next one.
const piecesOf = (samples, start, end) => {
  const pieces = [];
  samples.forEach(({ time, label, uncertain }, index) => {
    const until = samples[index + 1]?.time ?? end;
    if (label && until > start) pieces.push({ time: Math.max(time, start), until, label, uncertain });
  });
  return pieces;
};

const liveSummary = (samples) => {
  current = () => liveSummary(samples);
  const again = (key) => button(say(key), showLive, { icon: "camera", kind: "fer-primary" });
  if (!samples.length) { // it did not begin
    return fill({ stage: el("div", { class: "fer-summary" }, again("camera.on")), tab: "live" });
  }
  const [start, end] = [samples[0].time, samples.at(-1).time];
  const pieces = piecesOf(samples, start, end);
  const emotions = emotionsOf(pieces);
  fill({
    stage: el(
      "div",
      { class: "fer-summary", id: "live-summary" },
      el("h2", {}, say("live.summary", { seconds: seconds(end - start) })),
      pieces.length
        ? [shareBar(emotions), shareList(emotions)]
        : el("p", {}, say("live.no_face")),
      el("div", { class: "fer-actions" }, again("live.again")),
    ),
    tab: "live",
  });
  hear(
    pieces.length
      ? say("live.heard", { shares: sharesText(sharesOf(emotions)) })
      : say("live.no_face"));
};
