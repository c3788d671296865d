// Ask the server: Gradio's queue, by the names that page/layout.py gives.

class Fault extends Error {
  // With a sentence in each language and, for a file, its line of the table.
  constructor(words, csv = "") {
    super(words.en);
    Object.assign(this, { words, csv });
  }
}

const session = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(36)).join("");
const api = (path) => new URL(`gradio_api/${path}`, document.baseURI);
const functionOf = (name) =>
  window.gradio_config.dependencies.find((one) => one.api_name === name).id;
const post = (path, body) =>
  fetch(api(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const waiting = new Map(); // by event, who is told its messages
const early = new Map(); // messages that came before it was known whose they are
let messages = null; // the one stream of them, open while something is waited for

const listen = () => {
  if (messages) return;
  const source = (messages = new EventSource(api(`queue/data?session_hash=${session}`)));
  const end = () => {
    source.close();
    if (messages === source) messages = null;
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.msg === "close_stream") {
      end();
      if (waiting.size) listen(); // asked for just now
      return;
    }
    const id = message.event_id;
    if (waiting.has(id)) waiting.get(id)(message);
    else if (id) early.set(id, [...(early.get(id) ?? []), message]);
  };
  source.onerror = () => {
    end();
    for (const tell of [...waiting.values()]) tell({ msg: "broken" });
  };
};

// Asks; `step` is told each part of an answer that comes in parts, `rank` the place in the queue.
// The answer's promise has `cancel`, which ends it with what there is.
const call = (name, data, { step = () => {}, rank = () => {} } = {}) => {
  let event = null;
  let cancelled = false;
  const cancel = () => {
    cancelled = true;
    if (event) post("cancel", { session_hash: session, fn_index: functionOf(name), event_id: event });
  };
  const asked = (async () => {
    const body = { fn_index: functionOf(name), data, session_hash: session, simple_format: true };
    const joined = await post("queue/join", body).catch(() => null);
    if (!joined?.ok) throw new Fault(props.texts[joined?.status === 503 ? "error.busy" : "error.other"]);
    event = (await joined.json()).event_id;
    if (cancelled) cancel();
    listen();
    return new Promise((done, fail) => {
      let last = null;
      const tell = (message) => {
        if (message.msg === "estimation") rank(message.rank ?? 0);
        if (message.msg === "process_starts") rank(0);
        if (message.msg === "process_generating" && message.success) {
          [last] = message.output.data;
          if (!last?.error) step(last);
        }
        if (!["process_completed", "broken", "unexpected_error"].includes(message.msg)) return;
        waiting.delete(event);
        const answer = message.output?.data?.[0] ?? last;
        if (cancelled) done(last ?? {});
        else if (answer?.error) fail(new Fault(answer.error, answer.csv));
        else if (answer && message.success) done(answer);
        else fail(new Fault(props.texts["error.other"]));
      };
      waiting.set(event, tell);
      for (const message of early.get(event) ?? []) tell(message);
      early.delete(event);
    });
  })();
  asked.cancel = cancel;
  return asked;
};

// Sends a file; its path on the server. `step` is told how much of it is there, `began` a function
// that breaks it off.
const sendFile = (file, step, began) =>
  new Promise((done, fail) => {
    const request = new XMLHttpRequest(); // `fetch` does not tell how much was sent
    const form = new FormData();
    form.append("files", file, file.name);
    request.open("POST", api("upload"));
    request.upload.onprogress = ({ loaded, total }) => step(loaded / total);
    request.onerror = () => fail(new Fault(props.texts["error.upload"]));
    request.onload = () => {
      if (request.status === 200) return done(JSON.parse(request.responseText)[0]);
      const large = isVideo(file) ? "error.video_large" : "error.large";
      const key = { 413: large, 507: "error.full" }[request.status] ?? "error.upload";
      return fail(new Fault(props.texts[key]));
    };
    request.send(form);
    began(() => request.abort());
  });

const FRESH = 180_000; // milliseconds that a copy is surely there

// The path of a visitor's file on the server, sent again where its copy may be gone.
const pathOf = async (item, step = () => {}) => {
  if (item.example) return item.example;
  if (!item.sent || Date.now() - item.sent.time > FRESH) {
    const began = (abort) => { item.abort = abort; };
    item.sent = { time: Date.now(), path: await sendFile(item.file, step, began) };
  }
  return item.sent.path;
};

const tellFault = (fault, name = null) => {
  if (!(fault instanceof Fault)) throw fault;
  const error = fault.words[language];
  note(name ? say("error.named", { name, error }) : error);
  hear("");
};
