// Calls every operation through the service stubs that pbjs makes of proto/keyvalue.proto and proto/core.proto.
// usage: node client.mjs CHECKS, which is the file that ../run.sh writes
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, createInbox, headers } from "nats";
import { core, keyvalue } from "./stubs.js";

const { server, callers, checks } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const connection = await connect({ servers: server });
const called = new Set();

class Refusal extends Error {
  constructor(code, text) {
    super(`${code}: ${text}`);
    Object.assign(this, { code, text });
  }
}

function headersOf(claims, id) {
  const sent = headers();
  if (claims) sent.set("Wascc-Claims", claims);
  if (id) sent.set("Nats-Msg-Id", id);
  return sent;
}

// A stub whose requests go out over NATS in the caller's name. What is told about a reply beside its message is in `answer`.
function stub(Service, as = "actor", id = "", answer = {}) {
  const { subject, claims } = callers[as];
  const sent = headersOf(claims, id);
  return Service.create((method, data, done) => {
    called.add(method.name);
    connection.request(`${subject}.${method.name}`, data, { headers: sent, timeout: 10000 }).then((reply) => {
      const code = reply.headers?.get("Nats-Service-Error-Code");
      answer.duplicate = reply.headers?.get("Wascc-Duplicate") === "true";
      answer.body = reply.data;
      if (code) done(new Refusal(Number(code), reply.headers.get("Nats-Service-Error")));
      else done(null, reply.data);
    }, done);
  });
}

const kv = stub(keyvalue.KeyValue);
const bytes = (text) => new TextEncoder().encode(text);
const text = (value) => new TextDecoder().decode(value);

async function takeStep(step) {
  const method = step.call[0].toLowerCase() + step.call.slice(1);
  const Service = method in keyvalue.KeyValue.prototype ? keyvalue.KeyValue : core.Provider;
  const answer = {};
  const asked = stub(Service, step.as, step.id, answer)[method](step.with);
  if (step.refused) {
    const refusal = await asked.then((reply) => assert.fail(`it was answered: ${JSON.stringify(reply)}`), (error) => error);
    assert.ok(refusal instanceof Refusal, refusal.stack);
    assert.equal(refusal.code, step.refused);
    assert.equal(refusal.text.slice(0, step.says.length), step.says);
    assert.equal(text(answer.body), `Failed (${refusal.code}): ${refusal.text}`);
    assert.throws(() => keyvalue.GetResponse.decode(answer.body), "a reader takes the error for a message");
    return;
  }
  const reply = await asked;
  const told = reply.constructor.toObject(reply, { bytes: String, longs: String });
  if (reply instanceof keyvalue.SetQueryResponse) told.values?.sort();
  assert.deepEqual(told, step.gives);
  assert.equal(answer.duplicate, step.duplicate ?? false);
}

const tests = {
  "values are bytes": async () => {
    const value = Uint8Array.of(0, 255, 128, 10);
    await kv.set({ key: "bytes", value });
    const reply = await kv.get({ key: "bytes" });
    assert.deepEqual([...reply.value], [...value]);
    assert.ok(reply.exists);
  },
  "a time to live": async () => {
    await kv.set({ key: "short", value: bytes("x"), expiresMs: 60000 });
    const { exists, expiresInMs } = await kv.timeToLive({ key: "short" });
    assert.ok(exists && expiresInMs > 0 && expiresInMs <= 60000, `${expiresInMs}`);
  },
  "keys and members page by page": async () => {
    const members = ["a", "b", "c", "d", "e"];
    for (const member of members) {
      await kv.set({ key: `page/${member}`, value: bytes(member) });
      await kv.setAdd({ key: "paged", value: bytes(member) });
    }
    const keys = [], values = [];
    for (let page = {}; keys.length === 0 || page.cursor; keys.push(...page.keys))
      page = await kv.listKeys({ prefix: "page/", limit: 2, cursor: page.cursor });
    for (let page = {}; values.length === 0 || page.cursor; values.push(...page.values.map(text)))
      page = await kv.setQuery({ key: "paged", limit: 2, cursor: page.cursor });
    assert.deepEqual(keys.sort(), members.map((member) => `page/${member}`));
    assert.deepEqual(values.sort(), members);
  },
  "a Batch of too many items": async () => {
    const requests = Array(4097).fill({ get: { key: "bytes" } });
    assert.equal((await kv.batch({ requests: requests.slice(1) })).replies.length, 4096);
    await assert.rejects(kv.batch({ requests }), { code: 413 });
  },
  "Watch": async () => {
    const { subject, claims } = callers.actor;
    const reply = createInbox(), sent = headersOf(claims);
    const events = connection.subscribe(reply)[Symbol.asyncIterator]();
    const ask = (to, request) => connection.publish(to, keyvalue.WatchRequest.encode(request).finish(), { reply, headers: sent });
    const next = async (event, value, number) => {
      const told = keyvalue.WatchResponse.decode((await events.next()).value.data);
      assert.deepEqual([told.event, text(told.value), `${told.number}`], [event, value, number]);
      return told;
    };
    await kv.set({ key: "watched", value: bytes("old") });
    ask(`${subject}.Watch`, { key: "watched", values: true });
    assert.equal((await next("put", "old", "1")).key, "watched");
    const { renew } = await next("sync", "", "2");
    await kv.set({ key: "watched", value: bytes("new") });
    await kv.del({ key: "watched" });
    await next("put", "new", "3");
    await next("delete", "", "4");
    ask(renew, { key: "watched", values: true, leaseMs: 1 });
    await next("end", "", "5");
  },
  "GetCapabilityDescriptor": async () => {
    const descriptor = await stub(core.Provider, "host").getCapabilityDescriptor({});
    assert.equal(descriptor.id, "wascc:keyvalue");
    const operation = descriptor.supportedOperations.find(({ name }) => name === "Batch");
    assert.equal(operation.direction, core.OperationDirection.to_provider);
  },
  "every operation was called": async () => {
    for (const Service of [keyvalue.KeyValue, core.Provider])
      for (const method of Object.values(Service.prototype))
        if (method.name !== "constructor") assert.ok(called.has(method.name), method.name);
  },
};

async function check(what, test) {
  try {
    await test();
    console.log(`ok javascript: ${what}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`not ok javascript: ${what}\n${error.stack}`);
  }
}

for (const { what, steps } of checks) {
  await check(what, async () => {
    for (const step of steps)
      await takeStep(step).catch((error) => {
        error.stack = `${JSON.stringify(step)}\n${error.stack}`;
        throw error;
      });
  });
}
for (const [what, test] of Object.entries(tests)) await check(what, test);
await connection.close();
