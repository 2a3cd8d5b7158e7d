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
    this.start = get("button[type=submit]");
    this.start.textContent = this.isChannel ? "Open" : "Call";
    this.stop = get(".stop");
    this.sending = get(".sending");
    this.sending.hidden = !this.isChannel;
    this.item = get(".item");
    this.outcome = get(".outcome");
    this.output = get(".output");
    this.inputs = about.parameters.map((parameter) => this.input(parameter, get(".parameters")));
    get("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.stop.addEventListener("click", () => this.cancel?.());
    get(".send").addEventListener("click", () => this.send());
    get(".end").addEventListener("click", () => this.end());
    this.item.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.send();
      }
    });
  }

  input({ name, type, required }, place) {
    const label = document.createElement("label");
    const input = document.createElement("textarea");
    input.rows = 1;
    input.spellcheck = false;
    input.required = required;
    label.append(`${name}: ${type}${required ? "" : " (optional)"}, as JSON`, input);
    place.append(label);
    return { name, input };
  }

  /** The arguments as they were written, so that no number loses digits on its way. */
  arguments() {
    const written = [];
    for (const { name, input } of this.inputs) {
      const text = input.value.trim();
      if (!text) continue;
      try {
        JSON.parse(text);
      } catch (error) {
        input.focus();
        throw new Error(`${name}: ${error.message}; text stands in quotation marks`);
      }
      written.push(`${JSON.stringify(name)}:${text}`);
    }
    return `{${written.join(",")}}`;
  }

  say(text, bad = false) {
    this.outcome.textContent = text;
    this.outcome.classList.toggle("bad", bad);
  }

  show(line) {
    this.output.hidden = false;
    this.output.append(`${line}\n`);
    while (this.output.childNodes.length > LINES) this.output.firstChild.remove();
    this.output.scrollTop = this.output.scrollHeight;
  }

  busy(cancel) {
    this.cancel = cancel;
    this.start.disabled = Boolean(cancel);
    this.stop.disabled = !cancel;
    this.sending.disabled = !(cancel && this.isChannel);
  }

  async run() {
    this.output.replaceChildren();
    this.output.hidden = true;
    let written;
    try {
      written = this.arguments();
    } catch (error) {
      return this.say(error.message, true);
    }
    return this.isChannel ? this.open(written) : this.call(written);
  }

  async call(body) {
    const began = performance.now();
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
        return this.say(`${response.status}: ${why(told)}`, true);
      }
      if (streams) return await this.events(response.body);
      if (type.startsWith("application/json")) this.show(await response.text());
      else this.show(`${(await response.arrayBuffer()).byteLength} bytes`);
      this.say(`Done in ${Math.round(performance.now() - began)} ms.`);
    } catch (error) {
      this.say(error.name === "AbortError" ? "Stopped." : error.message, error.name !== "AbortError");
    } finally {
      this.busy(null);
    }
  }

  async events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let count = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return this.say(`Broken off after ${count} items.`, true);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const lines = event.split("\n");
        const kind = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "";
        const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
        if (kind === "end") return this.say(`Ended after ${count} items.`);
        if (kind === "error") return this.say(why(JSON.parse(data)), true);
        if (!data) continue;
        count += 1;
        this.show(data);
        this.say(`${count} items.`);
      }
    }
  }

  open(written) {
    const url = new URL(path(this.about.name), document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("arguments", written);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    let last = null;
    let count = 0;
    this.socket = socket;
    this.busy(() => socket.close(4000));
    this.say("Opening.");
    socket.addEventListener("open", () => {
      this.say("Open.");
      this.item.focus();
    });
    socket.addEventListener("message", ({ data }) => {
      if (last !== null) this.show(last);
      last = typeof data === "string" ? data : `${data.byteLength} bytes`;
      count += 1;
      // Which message is the last is known once the socket closes.
      clearTimeout(this.later);
      this.later = setTimeout(() => {
        if (last !== null) this.show(last);
        last = null;
      }, 50);
    });
    socket.addEventListener("close", ({ code }) => {
      clearTimeout(this.later);
      this.busy(null);
      if (last !== null) this.show(last);
      if (code === 1000) this.say(`Ended after ${count} messages, the last of which is the result.`);
      else if (code === 4000) this.say("Stopped.");
      else this.say(code > 4000 ? `Failed (${code - 4000}); the last message says why.` : `Closed (${code}).`, true);
    });
  }

  send() {
    const text = this.item.value.trim();
    try {
      JSON.parse(text);
    } catch (error) {
      return this.say(`${error.message}; text stands in quotation marks`, true);
    }
    this.socket.send(text);
    this.item.value = "";
    this.item.focus();
  }

  /** An empty message says that no more items follow. */
  end() {
    this.socket.send("");
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
  const shown = entries.filter(({ root }) => !root.hidden).length;
  find("#state").textContent = `${shown} of ${entries.length} functions`;
}

async function load() {
  const state = find("#state");
  let all;
  try {
    const response = await fetch("asyncapy/functions", { method: "POST", headers: headers("application/json") });
    all = await response.json();
    if (!response.ok) throw new Error(why(all));
  } catch (error) {
    state.textContent = `The list of functions cannot be had: ${error.message}`;
    state.classList.add("bad");
    return;
  }
  state.classList.remove("bad");
  entries = all.map((about) => new Entry(about));
  find("#functions").replaceChildren(...entries.map((entry) => entry.root));
  choose();
}

find("#filter").addEventListener("input", choose);
find("#options").addEventListener("submit", (event) => event.preventDefault());
find("#key").addEventListener("change", load);
load();
