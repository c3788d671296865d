// Texts and numbers in the language of the page.

const NARROW = "\u202f"; // a space that does not break, as French sets it before % and in numbers
const CODES = { en: "en-GB", fr: "fr-FR" };
let language = "en";

const say = (key, gaps = {}) =>
  props.texts[key][language].replace(/\{(\w+)\}/g, (_, name) => gaps[name]);

const whole = (share) => Math.round(100 * share) + (language === "fr" ? `${NARROW}%` : "%");

// A probability: what people read as certain or impossible is never said.
const percent = (share) =>
  share < 0.005 ? `<${whole(0.01)}` : share >= 0.995 ? `>${whole(0.99)}` : whole(share);

const seconds = (value) =>
  value.toLocaleString(CODES[language], { maximumFractionDigits: value < 10 ? 1 : 0 });

const listed = (parts) => new Intl.ListFormat(CODES[language], { type: "unit" }).format(parts);

const emotionOf = (face) => face.emotion.label;
const titleOf = (label) => say(`emotion.${label}`);

// "Perhaps happy", where the answer is not sure.
const answerTitle = ({ emotion: { label, uncertain } }) =>
  uncertain ? say("answer.perhaps", { emotion: say(`said.${label}`) }) : titleOf(label);

const sentenceOf = ({ emotion: { label, confidence, uncertain } }) => {
  const key = uncertain ? "guess" : confidence >= 0.8 ? "says" : "leans";
  return say(`answer.${key}`, { emotion: say(`said.${label}`) });
};

const doubtsOf = (face) => face.quality.reasons.map((reason) => say(`quality.${reason}`));

// How sure the answer is, or why it is not.
const confidenceOf = (face) => {
  const { confidence, uncertain } = face.emotion;
  if (face.quality.reasons.length) return [say("answer.doubted"), ...doubtsOf(face)].join(" ");
  const key = uncertain
    ? "unsure"
    : confidence >= 0.95 ? "certain" : confidence >= 0.8 ? "sure" : "fairly";
  return say(`answer.${key}`, { percent: percent(confidence) });
};

const faceLabel = (face) => `${answerTitle(face)}, ${percent(face.emotion.confidence)}`;

// How many faces show which emotion, the most frequent first: [["happy", 21], ...].
const tallyOf = (faces) => {
  const counts = {};
  for (const face of faces) counts[emotionOf(face)] = (counts[emotionOf(face)] ?? 0) + 1;
  return Object.entries(counts).sort((one, other) => other[1] - one[1]);
};

const tallyText = (faces) =>
  listed(
    tallyOf(faces).map(([label, count]) =>
      say("faces.part", { count, emotion: say(`counted.${label}`) })));

const MOST_FACES = 50; // that the server reads in a picture
const countText = (count) =>
  count === 1
    ? say("faces.one")
    : say(count < MOST_FACES ? "faces.many" : "faces.most", { count });

// Shares of time: [["happy", .61], ...], the greatest first, without those that round to nothing.
const sharesText = (shares) =>
  listed(
    shares.map(([label, share]) =>
      say("share.part", { emotion: titleOf(label).toLowerCase(), percent: whole(share) })));

const sharesOf = (emotions) =>
  Object.entries(emotions)
    .filter(([, share]) => share >= 0.005)
    .sort((one, other) => other[1] - one[1]);
