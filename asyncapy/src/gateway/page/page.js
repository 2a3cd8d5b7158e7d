"use strict";

// All that functions say is put into the page as text, never as markup.

const find = (selector, root = document) => root.querySelector(selector);
const LINES = 1000;

/** The path of a function: the last dot parts its group from its name. */
function path(name) {
  const at = name.lastIndexOf(".");
  const parts = at < 0 ? [name] : [name.slice(0, at), name.slice(at + 1)];
  return parts.map(encodeURIComponent).join("/");
}

function signature(about) {
  const parameters = about.parameters.map(({ name, type, required }) => `${name}${required ? "" : "?"}: ${type}`);
  const result = [about.gives && `${about.gives}..`, about.result !== "()" && about.result].filter(Boolean);
  const takes = about.takes ? ` <- ${about.takes}..` : "";
  return `${about.name}(${parameters.join(", ")})${takes}${result.length ? ` -> ${result.join(", ")}` : ""}`;
}

function headers(accept) {
  const all = { "content-type": "application/json", accept };
  const key = find("#key").value.trim();
  const timeout = find("#timeout").value.trim();
  if (key) all.authorization = `Bearer ${key}`;
  if (timeout) all["x-timeout-ms"] = timeout;
  return all;
}

const why = (told) => [told.error, told.field && `(${told.field})`, told.message].filter(Boolean).join(" ");

/** Where a WebSocket of this gateway is. */
function place(path) {
  const url = new URL(path, document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

/** Whether a type is text, which need not stand in quotation marks here. */
const isText = (type) => /^(Option<)?(&(static )?)?(String|str|char|Cow<str>)>?$/.test(type.replaceAll("'", ""));

/** A value of a type as JSON, just as it was written: no number loses digits on its way. */
function json(text, type) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (isText(type)) return JSON.stringify(text);
    throw new Error(`${error.message}; values are JSON: text stands in quotation marks`);
  }
  return isText(type) && typeof value !== "string" && value !== null ? JSON.stringify(text) : text;
}

/** Something to write, for those who have not seen such a type. */
function example(type) {
  if (isText(type)) return "text";
  if (/^(Option<)?[iu](8|16|32|64|128|size)>?$/.test(type)) return "0";
  if (/^(Option<)?f(32|64)>?$/.test(type)) return "0.5";
  if (/^(Option<)?bool>?$/.test(type)) return "true";
  return /^(Vec|\[)/.test(type) ? "[..]" : "JSON";
}

/** The page shows what there is about now, or a little later if nobody looks at it. */
const shown = () => new Promise((done) => {
  requestAnimationFrame(done);
  setTimeout(done, 200);
});

/** One function: its form, and the call under way. */
class Entry {
  constructor(about) {
    this.about = about;
    this.root = find("#function").content.firstElementChild.cloneNode(true);
    const get = (selector) => find(selector, this.root);
    get(".signature").textContent = signature(about);
    get(".shape").textContent = about.shape.replace("_", " ") + (about.private ? ", private" : "");
    get(".doc").textContent = about.doc;
    this.isChannel = about.shape === "client_stream" || about.shape === "duplex";
    this.form = get("form");
    this.start = get("button[type=submit]");
    this.start.textContent = this.isChannel ? "Open" : "Call";
    this.stop = get(".stop");
    this.sending = get(".sending");
    this.sending.hidden = !this.isChannel;
    this.item = get(".item");
    if (this.isChannel) {
      get("legend").textContent = `Items: ${about.takes}`;
      this.item.placeholder = example(about.takes);
    }
    this.outcome = get(".outcome");
    this.output = get(".output");
    this.lines = [];
    this.inputs = about.parameters.map((parameter) => this.input(parameter, get(".parameters")));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.stop.addEventListener("click", () => this.cancel?.());
    get(".send").addEventListener("click", () => this.send());
    get(".end").addEventListener("click", () => this.end());
    this.item.addEventListener("keydown", (event) => this.onEnter(event, () => this.send()));
  }

  input({ name, type, required }, place) {
    const label = document.createElement("label");
    const about = document.createElement("span");
    const kind = document.createElement("span");
    const input = document.createElement("textarea");
    kind.className = "type";
    kind.textContent = `${type}${required ? "" : ", optional"}`;
    about.append(name, " ", kind);
    input.rows = 1;
    input.spellcheck = false;
    input.required = required;
    input.placeholder = example(type);
    input.addEventListener("keydown", (event) => this.onEnter(event, () => !this.start.disabled && this.form.requestSubmit()));
    label.append(about, input);
    place.append(label);
    return { name, type, input };
  }

  /** Enter does it; with Shift it is a new line. */
  onEnter(event, act) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      act();
    }
  }

  arguments() {
    const written = [];
    for (const { name, type, input } of this.inputs) {
      const text = input.value.trim();
      if (!text) continue;
      try {
        written.push(`${JSON.stringify(name)}:${json(text, type)}`);
      } catch (error) {
        input.focus();
        throw new Error(`${name}: ${error.message}`);
      }
    }
    return `{${written.join(",")}}`;
  }

  say(text, mood = "") {
    this.outcome.textContent = text;
    this.outcome.classList.toggle("bad", mood === "bad");
    this.outcome.classList.toggle("good", mood === "good");
  }

  /** Shows a line with the next picture: a fast stream has thousands for each. */
  show(line) {
    this.lines.push(line);
    if (this.lines.length > 2 * LINES) this.lines.splice(0, this.lines.length - LINES);
    this.drawing ??= shown().then(() => this.draw());
  }

  draw() {
    this.drawing = null;
    this.output.hidden = this.lines.length === 0;
    this.output.textContent = this.lines.slice(-LINES).join("\n");
    this.output.scrollTop = this.output.scrollHeight;
  }

  busy(cancel) {
    this.cancel = cancel;
    this.start.disabled = Boolean(cancel);
    this.stop.disabled = !cancel;
    this.sending.disabled = !(cancel && this.isChannel);
  }

  async run() {
    this.lines = [];
    this.draw();
    let written;
    try {
      written = this.arguments();
    } catch (error) {
      return this.say(error.message, "bad");
    }
    if (!this.isChannel) return this.call(written);
    // A browser sends no headers with a WebSocket, and so no key; the protocol has a place for it.
    return find("#key").value.trim() ? this.openByProtocol(written) : this.open(written);
  }

  async call(body) {
    const began = performance.now();
    const took = () => `${Math.round(performance.now() - began)} ms`;
    const abort = new AbortController();
    this.busy(() => abort.abort());
    this.say("Under way.");
    const streams = this.about.shape === "server_stream";
    try {
      const accept = streams ? "text/event-stream" : "application/json";
      const response = await fetch(path(this.about.name), { method: "POST", body, headers: headers(accept), signal: abort.signal });
      const type = response.headers.get("content-type") ?? "";
      if (!response.ok) {
        const told = type.startsWith("application/json") ? await response.json() : { error: await response.text() };
        if (told.details !== undefined) this.show(JSON.stringify(told.details, null, 2));
        return this.say(`${response.status}: ${why(told)}`, "bad");
      }
      if (streams) return await this.events(response.body, took);
      if (type.startsWith("application/json")) this.show(await response.text());
      else this.show(`${(await response.arrayBuffer()).byteLength} bytes`);
      this.say(`Done in ${took()}.`, "good");
    } catch (error) {
      if (error.name === "AbortError") this.say(`Stopped after ${took()}.`);
      else this.say(error.message, "bad");
    } finally {
      this.busy(null);
    }
  }

  async events(body, took) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let count = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return this.say(`Broken off after ${count} items.`, "bad");
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const lines = event.split("\n");
        const kind = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "";
        const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
        if (kind === "end") return this.say(`Ended after ${count} items, ${took()}.`, "good");
        if (kind === "error") return this.say(why(JSON.parse(data)), "bad");
        if (!data) continue;
        count += 1;
        this.show(data);
      }
      this.say(`${count} items.`);
      // Whoever takes items faster than they can be shown has a page that hears no click.
      if (this.drawing) await this.drawing;
    }
  }

  open(written) {
    const url = place(path(this.about.name));
    url.searchParams.set("arguments", written);
    const socket = new WebSocket(url);
    let last = null;
    let stopped = false;
    this.sink = { send: (item) => socket.send(item), end: () => socket.send("") };
    this.busy(() => {
      stopped = true;
      socket.close(4000);
    });
    this.say("Opening.");
    socket.addEventListener("open", () => {
      this.say("Open.", "good");
      this.item.focus();
    });
    socket.addEventListener("message", ({ data }) => {
      last = data;
      this.show(`< ${typeof data === "string" ? data : `${data.size} bytes`}`);
    });
    socket.addEventListener("close", ({ code }) => {
      this.busy(null);
      if (stopped) return this.say("Stopped.");
      if (code !== 1000 && code <= 4000) {
        return this.say(`Closed (${code}).`, "bad");
      }
      // The last message is how it has ended.
      this.lines.pop();
      this.draw();
      if (code > 4000) return this.say(`${code - 4000}: ${why(JSON.parse(last))}`, "bad");
      this.ended(last.slice('{"result":'.length, -1));
    });
  }

  /** The same by the protocol itself, with a key. */
  async openByProtocol(written) {
    this.say("Opening.");
    let connection = null;
    try {
      const { Connection } = await import("./asyncaproto.js");
      connection = await Connection.open(place("asyncaproto"), { apiKey: find("#key").value.trim() });
      const channel = connection.channel(this.about.name, JSON.parse(written));
      this.sink = { send: (item) => channel.send(JSON.parse(item)), end: () => channel.finish() };
      this.busy(() => channel.cancel());
      this.say("Open.", "good");
      this.item.focus();
      for await (const item of channel) {
        this.show(`< ${item instanceof Uint8Array ? `${item.length} bytes` : JSON.stringify(item)}`);
      }
      this.ended(JSON.stringify(channel.value));
    } catch (failure) {
      if (failure.code === "ERR_CANCELLED") this.say("Stopped.");
      else this.say(failure.message, "bad");
    } finally {
      this.busy(null);
      connection?.close();
    }
  }

  ended(result) {
    this.say(result === "null" ? "Ended." : `Ended with ${result}`, "good");
  }

  send() {
    const text = this.item.value.trim();
    try {
      const item = json(text, this.about.takes);
      this.sink.send(item);
      this.show(`> ${item}`);
    } catch (error) {
      return this.say(error.message, "bad");
    }
    this.say("Open.", "good");
    this.item.value = "";
    this.item.focus();
  }

  /** Says that no more items follow: to a WebSocket by an empty message. */
  end() {
    this.sink.end();
    this.sending.disabled = true;
  }
}

let entries = [];

/** Shows the functions that the filter lets through. */
function choose() {
  const text = find("#filter").value.toLowerCase();
  for (const { about, root } of entries) {
    root.hidden = !`${about.name} ${about.doc}`.toLowerCase().includes(text);
  }
  for (const section of document.querySelectorAll("main section")) {
    section.hidden = !find("details:not([hidden])", section);
  }
  const seen = entries.filter(({ root }) => !root.hidden).length;
  find("#state").textContent = `${seen} of ${entries.length} functions`;
}

/** The functions by their groups, what the library brings along at the end. */
function arrange() {
  const groups = new Map();
  for (const entry of entries) {
    const { name } = entry.about;
    const group = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(entry.root);
  }
  const order = (group) => (group === "asyncapy" ? 1 : 0);
  const sections = [...groups].sort(([a], [b]) => order(a) - order(b)).map(([group, roots]) => {
    const section = document.createElement("section");
    const title = document.createElement("h2");
    title.textContent = group;
    section.append(...(group ? [title] : []), ...roots);
    return section;
  });
  find("#functions").replaceChildren(...sections);
}

async function load() {
  const state = find("#state");
  let all;
  try {
    const response = await fetch("asyncapy/functions", { method: "POST", headers: headers("application/json") });
    all = await response.json();
    if (response.status === 401 && !find("#key").value) throw new Error("an API key is asked for");
    if (!response.ok) throw new Error(why(all));
  } catch (error) {
    state.textContent = `The list of functions cannot be had: ${error.message}`;
    state.classList.add("bad");
    return;
  }
  state.classList.remove("bad");
  entries = all.map((about) => new Entry(about));
  arrange();
  choose();
}

find("#filter").addEventListener("input", choose);
find("#options").addEventListener("submit", (event) => event.preventDefault());
find("#key").addEventListener("change", load);
load();
