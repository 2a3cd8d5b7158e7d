// The gateway serves it beside its page.
import { Connection } from "./api/asyncaproto.js";

const form = (id) => document.forms[id];
const state = document.querySelector("#state");
const url = new URL("api/asyncaproto", document.baseURI);
url.protocol = url.protocol.replace("http", "ws");

// What the server may call here.
const functions = { title: () => document.title };

const connection = await Connection.open(url, { functions }).catch((failure) => {
  state.textContent = failure.message;
  throw failure;
});
state.textContent = "Connected: all of this goes over one WebSocket.";
connection.socket.addEventListener("close", () => (state.textContent = "The connection has ended."));

/** Shows what comes of a form, or why nothing does. */
const onSubmit = (id, act) => form(id).addEventListener("submit", async (event) => {
  event.preventDefault();
  const output = form(id).querySelector("output");
  try {
    await act(form(id), output);
  } catch (failure) {
    (output ?? state).textContent = failure.message;
  }
});

onSubmit("sum", async ({ a, b }, output) => {
  output.textContent = await connection.call("math.sum", { a: a.valueAsNumber, b: b.valueAsNumber }, { timeout: 5000 });
});

let counting = null;
onSubmit("count", async ({ to }, output) => {
  counting?.cancel();
  counting = connection.stream("math.count", { to: to.valueAsNumber });
  let last = 0;
  for await (const item of counting) {
    last = item;
    // As the page takes no more than it can show, the function makes no more either.
    if (last % 1000 === 0) {
      output.textContent = last;
      await new Promise(requestAnimationFrame);
    }
  }
  output.textContent = `${last}, that is all`;
});
form("count").stop.addEventListener("click", () => counting?.cancel());

const shout = connection.channel("shout");
onSubmit("shout", async ({ line }) => {
  await shout.send(line.value);
  line.value = "";
});

onSubmit("ask", async (_, output) => {
  output.textContent = `The server says: ${await connection.call("ask")}`;
});

for await (const line of shout) {
  const heard = document.createElement("li");
  heard.textContent = line;
  document.querySelector("#heard").append(heard);
}
