// A video: the player with boxes, a timeline for each face, and shares of time.

const STEP = 0.2; // seconds between the frames that the server reads

const readVideo = async (file) => {
  const item = {
    name: file.name, file, url: URL.createObjectURL(file), frames: [], summary: null, progress: 0,
  };
  const view = () => showVideo(item);
  current = view;
  view();
  hear(say("video.reading", { percent: whole(0) }));
  try {
    const path = await pathOf(item, (share) => {
      item.progress = share;
      item.update?.();
    });
    item.progress = 0;
    if (current !== view) return;
    item.asked = call("read_video", [path, item.name], {
      step: (part) => {
        if (current !== view) return item.asked.cancel(); // something else was asked
        if (part.time === undefined) return;
        item.frames.push(part);
        item.progress = part.progress;
        item.update?.();
      },
    });
    const { summary, csv, truncated } = await item.asked;
    Object.assign(item, { summary, csv, truncated, stopped: !summary });
  } catch (fault) {
    if (current !== view) return;
    showStart();
    tellFault(fault);
    return;
  }
  if (current !== view) return;
  if (item.truncated) note(say("video.truncated"));
  item.update?.();
  hear(videoHeard(item));
};

const videoHeard = ({ summary, stopped, frames }) => {
  if (stopped) return say("video.stopped", { seconds: seconds(frames.at(-1)?.time ?? 0) });
  if (!summary.tracks.length) return say("video.none");
  const shares = sharesText(sharesOf(summary.emotions).slice(0, 3));
  return say("video.heard", { seconds: seconds(summary.duration), shares });
};

// For each face its pieces of time with one answer, in the order in which the faces appeared.
const tracksOf = ({ frames, summary }) => {
  const tracks = new Map();
  frames.forEach(({ time, faces }, index) => {
    const until = frames[index + 1]?.time ?? summary?.duration ?? time + STEP;
    for (const { track, emotion: { label, uncertain } } of faces) {
      const pieces = tracks.get(track) ?? [];
      tracks.set(track, pieces);
      const last = pieces.at(-1);
      const goesOn = last && last.label === label && last.uncertain === uncertain && time - last.until < 1e-3;
      if (goesOn) last.until = until;
      else pieces.push({ time, until, label, uncertain });
    }
  });
  return tracks;
};

const emotionsOf = (pieces) => {
  const total = pieces.reduce((sum, { time, until }) => sum + until - time, 0) || 1;
  const shares = {};
  for (const { time, until, label } of pieces) {
    shares[label] = (shares[label] ?? 0) + (until - time) / total;
  }
  return shares;
};

const showVideo = (item) => {
  const player = el("video", {
    src: item.url, controls: true, playsinline: true, class: "fer-player", "aria-label": say("video.player"),
  });
  player.muted = true;
  const boxes = boxLayer();
  const holder = el("div", { class: "fer-frame fer-video", id: "annotated", style: { "--ratio": 16 / 9 } }, player, boxes.layer);
  player.addEventListener("loadedmetadata", () =>
    player.videoWidth && holder.style.setProperty("--ratio", player.videoWidth / player.videoHeight));
  player.addEventListener("error", () => {
    holder.replaceWith(el("p", { class: "fer-busy" }, say("video.unplayable")));
  });

  // The frame that was read last before the time that is shown.
  const at = (time) => {
    let found = null;
    for (const read of item.frames) {
      if (read.time > time + 1e-3) break;
      found = read;
    }
    return found && time - found.time < 3 * STEP ? found : null;
  };
  let size = null;
  const follow = () => {
    if (!player.isConnected) return;
    const read = at(player.currentTime);
    size = { width: player.videoWidth || 1, height: player.videoHeight || 1 };
    boxes.draw(read?.faces ?? [], read?.image ?? size, { keys: read?.faces.map(({ track }) => track) });
    for (const needle of app.querySelectorAll(".fer-needle")) {
      needle.style.left = `${(100 * player.currentTime) / lengthOf()}%`;
    }
    requestAnimationFrame(follow);
  };
  const lengthOf = () =>
    item.summary?.duration ||
    (Number.isFinite(player.duration) && player.duration) ||
    (item.frames.at(-1)?.time ?? 0) + STEP;

  const words = el("p", { class: "fer-busy", id: "video-progress" });
  const meter = el("progress", { max: 1, "aria-label": say("start.reading") });
  const stop = button(say("video.stop"), () => {
    if (item.asked) return item.asked.cancel();
    item.abort?.();
    return showStart();
  }, { icon: "stop", kind: "fer-primary fer-stop" });
  const reading = el("div", { class: "fer-progress" }, words, meter, stop);
  const rows = el("div", { class: "fer-timeline", role: "group", "aria-label": say("video.timeline") });
  const panel = el("div", { class: "fer-panel" }, reading);

  const row = (track, pieces) => {
    const emotions = emotionsOf(pieces);
    const inView = pieces.reduce((sum, { time, until }) => sum + until - time, 0);
    const line = el(
      "button",
      {
        type: "button",
        class: "fer-line",
        "aria-label": say("video.row", { number: track, seconds: seconds(inView), shares: sharesText(sharesOf(emotions)) }),
        on: {
          click: (event) => {
            const { left, width } = line.getBoundingClientRect();
            const clicked = event.detail ? ((event.clientX - left) / width) * lengthOf() : pieces[0].time;
            player.currentTime = Math.max(0, clicked);
          },
        },
      },
      band(pieces, 0, lengthOf()),
      el("span", { class: "fer-needle" }),
    );
    return el(
      "div",
      { class: "fer-track-row" },
      el("div", { class: "fer-track-head" }, el("strong", {}, say("video.face", { number: track })), shareList(emotions)),
      line,
    );
  };

  item.update = () => {
    const done = item.summary || item.stopped;
    words.textContent =
      say(item.asked ? "video.reading" : "start.sending", { percent: whole(item.progress) });
    meter.value = item.progress;
    rows.replaceChildren(...[...tracksOf(item)].map(([track, pieces]) => row(track, pieces)));
    if (!done) return;
    const { summary } = item;
    panel.replaceChildren(
      el("h2", {}, item.stopped ? videoHeard(item) : say("video.shares")),
      summary && !summary.tracks.length ? el("p", {}, say("video.none")) : "",
      summary?.tracks.length ? shareBar(summary.emotions) : "",
      summary?.tracks.length ? shareList(summary.emotions) : "",
      summary
        ? el("div", { class: "fer-actions" },
            button(say("answer.csv"), () => download("faces.csv", csvOf(item.csv), "text/csv"), {
              icon: "download", kind: "fer-quiet", "aria-label": say("answer.csv.long"),
            }))
        : "",
      item.frames.some(({ faces }) => faces.some(({ emotion }) => emotion.uncertain))
        ? el("p", { class: "fer-aside" }, say("video.unsure"))
        : "",
    );
  };
  fill({ stage: el("div", { class: "fer-shown" }, holder, rows), verdict: panel });
  item.update();
  requestAnimationFrame(follow);
};
