// Drives a server by the client that the gateway serves for browsers, and says how many things it did.

import assert from "node:assert/strict";
import { Connection, Failure } from "../../asyncapy/src/gateway/page/asyncaproto.js";

const [url, apiKey] = process.argv.slice(2);
const functions = {
  twice: ({ of }) => 2 * of,
  fails: () => {
    throw new Error("a secret of the page");
  },
};
const connection = await Connection.open(url, { apiKey, functions });
let done = 0;
const fails = async (code, promise) => {
  await assert.rejects(promise, (failure) => failure instanceof Failure && failure.code === code);
  done += 1;
};
const is = (found, expected) => {
  assert.deepEqual(found, expected);
  done += 1;
};

is(await connection.call("math.add", { a: 20, b: 22 }), 42);
is(await connection.call("math.add", [1, 2]), 3);
const many = Array.from({ length: 100 }, (_, at) => connection.call("math.add", [at, at]));
is(await Promise.all(many), Array.from({ length: 100 }, (_, at) => 2 * at));
await fails("ERR_FUNCTION_UNKNOWN", connection.call("nowhere"));
await fails("ERR_BAD_PIN", connection.call("refuse"));
const wrong = await connection.call("math.add", { a: "x", b: 1 }).catch((failure) => failure);
is([wrong.code, wrong.field], ["ERR_FIELD_INVALID", "a"]);
await fails("ERR_DEADLINE_EXCEEDED", connection.call("wait", {}, { timeout: 50 }));
const abort = new AbortController();
const aborted = connection.call("wait", {}, { signal: abort.signal });
abort.abort();
await fails("ERR_CANCELLED", aborted);

// Far more items than there is credit at the start, and more bytes than there are for the connection.
let next = 0;
for await (const item of connection.stream("count", { to: 100_000 })) assert.equal(item, next++);
is(next, 100_000);
let bytes = 0;
for await (const item of connection.stream("large", { items: 200 })) bytes += item.length;
is(bytes, 200 * 60_000);
for await (const item of connection.stream("count", { to: 1 << 30 })) if (item === 100) break;
done += 1;

const total = connection.channel("total");
for (let at = 0; at <= 500; at += 1) await total.send(at);
total.finish();
is(await total.result(), 125_250);
const echo = connection.channel("echo");
for (let at = 0; at < 200; at += 1) {
  await echo.send({ at });
  assert.deepEqual((await echo.next()).value, { at });
}
echo.finish();
is(await echo.result(), null);

is(await connection.call("calls_back", { name: "twice", of: 21 }), 42);
is(await connection.call("calls_back", { name: "twice", of: 4 }), 8);
await fails("ERR_FUNCTION_UNKNOWN", connection.call("calls_back", { name: "unknown", of: 1 }));
await fails("ERR_HANDLER_FAILED", connection.call("calls_back", { name: "fails", of: 1 }));

const left = connection.call("wait");
connection.close();
await fails("ERR_UNAVAILABLE", left);
await fails("ERR_UNAVAILABLE", Connection.open("ws://127.0.0.1:1/"));
console.log(`ok ${done}`);
