// Shares of time, of a video or of a live camera.

const shareBar = (emotions) =>
  el(
    "span",
    { class: "fer-track fer-thick", "aria-hidden": "true" },
    sharesOf(emotions).map(([label, share]) =>
      el("i", { style: { width: `${100 * share}%`, background: colorOf(label) } })),
  );

const shareList = (emotions) =>
  el(
    "ul",
    { class: "fer-shares" },
    sharesOf(emotions).map(([label, share]) =>
      el("li", {}, emotionIcon(label), `${titleOf(label)} ${whole(share)}`)),
  );

const HATCH = "repeating-linear-gradient(135deg, transparent 0 3px, var(--surface) 3px 6px)";

// Colours along the time from `start` to `end`, of [{ time, until, label, uncertain }].
const band = (pieces, start, end) =>
  el(
    "span",
    { class: "fer-band", "aria-hidden": "true" },
    pieces.map(({ time, until, label, uncertain }) =>
      el("i", {
        style: {
          left: `${(100 * (time - start)) / (end - start)}%`,
          width: `${(100 * (until - time)) / (end - start)}%`,
          "background-color": colorOf(label),
          "background-image": uncertain ? HATCH : "none",
        },
      })),
  );
