// NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom. npm: nats, protobufjs
import { readFileSync } from "node:fs";
import { connect, createInbox, headers } from "nats";
import { keyvalue } from "./stubs.js";

const base = `wasmbus.provider.wascc.keyvalue.default.${process.env.WASCC_KEYVALUE_ACTOR}`;
const claims = headers();
claims.set("Wascc-Claims", readFileSync(process.env.WASCC_KEYVALUE_CLAIMS, "utf8").trim());
const connection = await connect({ servers: process.env.NATS_URL });

async function send({ name }, data) {
  const reply = await connection.request(`${base}.${name}`, data, { headers: claims, timeout: 2000 });
  const code = reply.headers?.get("Nats-Service-Error-Code");
  if (code) throw new Error(`${code} ${reply.headers.get("Nats-Service-Error")}`);
  return reply.data;
}
const kv = keyvalue.KeyValue.create((method, data, done) => send(method, data).then((reply) => done(null, reply), done));
const bytes = (text) => new TextEncoder().encode(text), text = (value) => new TextDecoder().decode(value);

const key = "greeting";
await kv.set({ key, value: bytes("hello") });
console.log("Get:", text((await kv.get({ key })).value));
await kv.push({ key, value: bytes("no list") }).catch((refused) => console.log("Push:", refused.message));

const items = [{ increment: { key: "visits", delta: 1 } }, { get: { key } }];
const { replies } = await kv.batch({ requests: items, atomic: true });
console.log("Batch:", `${replies[0].increment.value}`, text(replies[1].get.value));

const reply = createInbox(), told = connection.subscribe(reply);
connection.publish(`${base}.Watch`, keyvalue.WatchRequest.encode({ key, values: true }).finish(), { reply, headers: claims });
for await (const { data } of told) {
  const { event, value } = keyvalue.WatchResponse.decode(data);
  console.log("Watch:", event, text(value));
  if (event === "sync") await kv.set({ key, value: bytes("goodbye") });
  if (text(value) === "goodbye") break;
}
await connection.close();
