// Protocol V3 over a WebSocket, in the words of its chapter: calls, streams and channels of a server from a page, and
// functions of the page that the server calls. Values travel as JSON. No dependencies; it runs in browsers and in Node.

const [HELLO, OPEN, ITEM, ERROR, CANCEL, CREDIT, PING, GOAWAY] = [1, 2, 3, 4, 5, 6, 7, 8];
const [END, NAME, DEADLINE, EMPTY, ACK] = [0x01, 0x04, 0x08, 0x10, 0x80];
const [JSON_ENCODING, RAW] = [0, 2];
const [ITEMS, BYTES, ALL_BYTES] = [64, 65_536, 8 << 20];
const LARGEST = 1 << 20;

const write = new TextEncoder();
const read = new TextDecoder();
const numbers = (...all) => {
  const bytes = new DataView(new ArrayBuffer(4 * all.length));
  all.forEach((number, at) => bytes.setUint32(4 * at, number));
  return new Uint8Array(bytes.buffer);
};
const join = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
};
const encode = (value) => write.encode(JSON.stringify(value ?? null));

/** Why there is no result: a code, and what else the server says. */
export class Failure extends Error {
  constructor({ error = "ERR_UNAVAILABLE", message, field, details } = {}) {
    super([error, field && `(${field})`, message].filter(Boolean).join(" "));
    Object.assign(this, { name: "Failure", code: error, field, details });
  }
}

/** One call, stream or channel: `for await (const item of stream)`, `send`, `finish`, `result`, `cancel`. */
class Stream {
  constructor(connection, number, ended) {
    Object.assign(this, { connection, number, ended, items: [], over: false, failure: null, value: null });
    this.taken = { items: 0, bytes: 0 };
    this.credit = { items: ITEMS, bytes: BYTES };
    this.waiting = [];
  }

  /** Waits until something has happened to the stream. */
  news() {
    return new Promise((happened) => this.waiting.push(happened));
  }

  wake() {
    this.waiting.splice(0).forEach((happened) => happened());
  }

  end(failure, value = null) {
    if (this.over) return;
    Object.assign(this, { over: true, failure, value });
    this.connection.streams.delete(this.number);
    this.wake();
  }

  /** Sends an item, once there is room for it; false if the function takes no more. */
  async send(item) {
    const payload = encode(item);
    while (!this.over && !(this.credit.items > 0 && this.credit.bytes > 0 && this.connection.credit > 0)) await this.news();
    if (this.over || this.ended) return false;
    this.credit.items -= 1;
    this.credit.bytes -= payload.length;
    this.connection.credit -= payload.length;
    this.connection.write(ITEM, 0, this.number, [], payload);
    return true;
  }

  /** Says that no more items will come. */
  finish() {
    if (this.over || this.ended) return;
    this.ended = true;
    this.connection.write(ITEM, END | EMPTY, this.number);
  }

  /** Gives up: the function is stopped where it waits. */
  cancel() {
    if (!this.over) {
      this.connection.write(CANCEL, 0, this.number);
      this.end(new Failure({ error: "ERR_CANCELLED" }));
    }
    this.items.splice(0).forEach(({ size }) => this.connection.took(size));
  }

  /** What has been taken is given back in portions, so that the function goes on. */
  took(size) {
    this.taken.items += 1;
    this.taken.bytes += size;
    if (!this.over && (this.taken.items >= ITEMS / 2 || this.taken.bytes >= BYTES / 2)) {
      this.connection.write(CREDIT, 0, this.number, [numbers(this.taken.items, this.taken.bytes)]);
      this.taken = { items: 0, bytes: 0 };
    }
    this.connection.took(size);
  }

  async next() {
    while (this.items.length === 0 && !this.over) await this.news();
    if (this.items.length > 0) {
      const { item, size } = this.items.shift();
      this.took(size);
      return { value: item, done: false };
    }
    if (this.failure) throw this.failure;
    return { value: undefined, done: true };
  }

  /** A loop that is left early cancels. */
  async return(value) {
    this.cancel();
    return { value, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** The function's result; items that nobody has taken are passed over. */
  async result() {
    while (!(await this.next()).done);
    return this.value;
  }
}

/** A connection to a server; `functions` are those of ours that it may call, by their names. */
export class Connection {
  /** Connects: `await Connection.open("wss://example.com/asyncaproto", { apiKey })`. */
  static open(url, { apiKey, functions = {} } = {}) {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    return new Promise((connected, failed) => {
      socket.onopen = () => connected(new Connection(socket, apiKey, functions));
      socket.onerror = socket.onclose = () => failed(new Failure({ message: `${url} cannot be reached` }));
    });
  }

  constructor(socket, apiKey, functions) {
    Object.assign(this, { socket, functions, streams: new Map(), targets: new Map(), number: 1, gone: false });
    Object.assign(this, { credit: ALL_BYTES, taken: 0, input: new Uint8Array(), running: new Map(), theirs: new Map() });
    socket.onmessage = ({ data }) => this.receive(new Uint8Array(data));
    socket.onerror = socket.onclose = () => this.fail(new Failure({ message: "the connection has ended" }));
    this.write(HELLO, 0, 0, [], encode({ agent: "asyncaproto.js", ...(apiKey && { credentials: { api_key: apiKey } }) }));
  }

  write(kind, flags, stream, fields = [], payload = new Uint8Array()) {
    const body = join(new Uint8Array([23, JSON_ENCODING, kind, flags]), numbers(stream), ...fields, payload);
    this.socket.send(join(numbers(body.length), body));
  }

  /** Opens a stream. Its name travels once: later it goes by its number. */
  open(name, given, ended, timeout) {
    if (this.gone) throw new Failure({ message: "the connection takes no more calls" });
    const stream = new Stream(this, this.number, ended);
    let target = this.targets.get(name) ?? 0;
    const fields = [];
    let flags = ended ? END : 0;
    if (target === 0) {
      const text = write.encode(name);
      if (this.targets.size < 1023) this.targets.set(name, (target = this.targets.size + 1));
      fields.push(new Uint8Array([text.length]), text);
      flags |= NAME;
    }
    fields.unshift(new Uint8Array([target >> 8, target & 255]));
    if (timeout !== undefined) {
      fields.push(numbers(timeout));
      flags |= DEADLINE;
    }
    const payload = encode(given);
    this.credit -= payload.length;
    this.number += 2;
    this.streams.set(stream.number, stream);
    this.write(OPEN, flags, stream.number, fields, payload);
    return stream;
  }

  /** Calls a function: `await connection.call("math.sum", { a: 1, b: 2 })`, for no longer than `timeout` milliseconds. */
  async call(name, given = {}, { timeout, signal } = {}) {
    const stream = this.open(name, given, true, timeout);
    const late = timeout === undefined ? null : setTimeout(() => {
      stream.end(new Failure({ error: "ERR_DEADLINE_EXCEEDED" }));
      this.write(CANCEL, 0, stream.number);
    }, timeout);
    signal?.addEventListener("abort", () => stream.cancel());
    try {
      return await stream.result();
    } finally {
      clearTimeout(late);
    }
  }

  /** Opens a stream of items: `for await (const item of connection.stream("math.count", { to: 3 }))`. */
  stream(name, given = {}) {
    return this.open(name, given, true);
  }

  /** Opens a channel, for items both ways. */
  channel(name, given = {}) {
    return this.open(name, given, false);
  }

  close() {
    this.socket.close(1000);
  }

  fail(failure) {
    this.gone = true;
    for (const stream of [...this.streams.values()]) stream.end(failure);
  }

  took(size) {
    this.taken += size;
    if (this.taken < ALL_BYTES / 2) return;
    this.write(CREDIT, 0, 0, [numbers(0, this.taken)]);
    this.taken = 0;
  }

  /** Frames and messages have nothing to do with one another: one may hold half of the other. */
  receive(bytes) {
    this.input = this.input.length > 0 ? join(this.input, bytes) : bytes;
    while (this.input.length >= 4) {
      const view = new DataView(this.input.buffer, this.input.byteOffset);
      const length = view.getUint32(0);
      if (length < 8 || length > LARGEST) return this.socket.close(4000, "that is no frame");
      if (this.input.length < 4 + length) return;
      const frame = { encoding: view.getUint8(5), kind: view.getUint8(6), flags: view.getUint8(7), number: view.getUint32(8) };
      const rest = this.input.subarray(12, 4 + length);
      this.input = this.input.subarray(4 + length);
      this.handle(frame, rest);
    }
  }

  handle({ encoding, kind, flags, number }, rest) {
    const stream = this.streams.get(number);
    const value = () => (encoding === RAW ? rest : rest.length > 0 ? JSON.parse(read.decode(rest)) : null);
    switch (kind) {
      case PING:
        if (!(flags & ACK)) this.write(PING, ACK, 0, [rest]);
        break;
      case CREDIT: {
        const view = new DataView(rest.buffer, rest.byteOffset);
        const more = { items: view.getUint32(0), bytes: view.getUint32(4) };
        if (number === 0) this.credit += more.bytes;
        const those = number === 0 ? [...this.streams.values()] : stream ? [stream] : [];
        for (const each of those) {
          if (number !== 0) each.credit = { items: each.credit.items + more.items, bytes: each.credit.bytes + more.bytes };
          each.wake();
        }
        break;
      }
      case GOAWAY: {
        const { last, ...why } = value();
        this.gone = true;
        for (const each of [...this.streams.values()]) if (why.error || each.number > last) each.end(new Failure(why));
        break;
      }
      case OPEN:
        this.answer(number, encoding, flags, rest);
        break;
      case ITEM:
        if (flags & END) stream?.end(null, flags & EMPTY ? null : value());
        else if (stream) {
          stream.items.push({ item: value(), size: rest.length });
          stream.wake();
        } else this.took(rest.length);
        break;
      case ERROR:
        stream?.end(new Failure(value()));
        break;
      case CANCEL:
        stream?.end(new Failure({ error: "ERR_CANCELLED" }));
        this.running.get(number)?.abort();
        break;
      // HELLO: what the server says of itself is not needed here.
    }
  }

  /** Runs a function of ours that the server calls; it is given the arguments, and a signal that tells when to stop. */
  async answer(number, encoding, flags, rest) {
    const target = (rest[0] << 8) | rest[1];
    let at = 2;
    if (flags & NAME) {
      const name = read.decode(rest.subarray(3, 3 + rest[2]));
      if (target > 0) this.theirs.set(target, name);
      this.theirs.set(0, name);
      at = 3 + rest[2];
    }
    const named = this.functions[this.theirs.get(flags & NAME ? 0 : target)];
    if (flags & DEADLINE) at += 4;
    // A head: its length and so many bytes, which are ZiProto.
    if (flags & 0x02) at += 2 + ((rest[at] << 8) | rest[at + 1]);
    this.took(rest.length - at);
    const abort = new AbortController();
    this.running.set(number, abort);
    try {
      if (!named) throw new Failure({ error: "ERR_FUNCTION_UNKNOWN" });
      if (encoding !== JSON_ENCODING) throw new Failure({ error: "ERR_REQUEST_MALFORMED", message: "arguments are JSON here" });
      const given = at < rest.length ? JSON.parse(read.decode(rest.subarray(at))) : {};
      const result = await named(given, abort.signal);
      if (!abort.signal.aborted) this.write(ITEM, END, number, [], encode(result));
    } catch (error) {
      // What else goes wrong is ours to know, not the server's.
      const told = { error: error instanceof Failure ? error.code : "ERR_HANDLER_FAILED" };
      if (!abort.signal.aborted) this.write(ERROR, 0, number, [], encode(told));
    } finally {
      this.running.delete(number);
    }
  }
}
