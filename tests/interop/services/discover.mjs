// Finds a running provider as any user of NATS services does: with the JavaScript client, which knows nothing of it but ADR-32.
// usage: node discover.mjs URL (the provider serves with --auth none, binding "default", and is the only one)
// Prints a line `ok NAME` or `not ok NAME` for each test, and ends with 1 where one failed.
import assert from "node:assert/strict";
import { ServiceError, Svcm } from "@nats-io/services";
import { connect } from "@nats-io/transport-node";

const NAME = "wascc-keyvalue";
const ACTOR = "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM";
const BASE = "wasmbus.provider.wascc.keyvalue.default";
const OPERATIONS = [
  "Get", "Set", "Del", "Add", "Push", "ListItemDelete", "Range", "Clear", "SetAdd", "SetRemove", "SetQuery", "SetUnion",
  "SetIntersection", "KeyExists", "Increment", "CompareAndSet", "CompareAndDelete", "Expire", "TimeToLive", "Pop", "SetContains",
  "ListKeys",
  "Batch",
  "Watch",
];
const OF_SYSTEM = [
  "BindActor", "RemoveActor", "GetCapabilityDescriptor", "HealthRequest", "Keys", "Inspect", "Bindings", "Slowlog", "LogLevel",
  "Members", "Digest",
];

const connection = await connect({ servers: process.argv[2], timeout: 20000 });
const client = new Svcm(connection).client({ strategy: "stall", maxWait: 20000, stall: 2000 });
const service = new Svcm(connection).client({ strategy: "count", maxMessages: 1, maxWait: 20000 });

async function all(answers) {
  const found = [];
  for await (const one of await answers) found.push(one);
  return found;
}

async function one(answers) {
  const found = await all(answers);
  assert.equal(found.length, 1, "one instance answers");
  return found[0];
}

function request(actor, operation, body) {
  return connection.request(`${BASE}.${actor}.${operation}`, body, { timeout: 20000 });
}

// A request that is refused, as the error that the client makes of its headers.
async function refusal(operation, body) {
  const error = ServiceError.toServiceError(await request(ACTOR, operation, body));
  assert.ok(error !== null, "the client sees an error of a service");
  return error;
}

function checkIdentity(answer, type) {
  assert.equal(answer.type, type);
  assert.equal(answer.name, NAME);
  assert.match(answer.version, /^\d+\.\d+\.\d+/);
  assert.match(answer.id, /^[0-9A-Z]+$/);
  assert.equal(answer.metadata.capability, "wascc:keyvalue");
  assert.equal(answer.metadata.binding, "default");
  assert.equal(answer.metadata.lattice_namespace, "");
  assert.equal(answer.metadata.engine, "memory");
}

function checkEndpoints(endpoints) {
  assert.deepEqual(endpoints.map((endpoint) => endpoint.name), [...OPERATIONS, ...OF_SYSTEM]);
  for (const { name, subject, queue_group: queue } of endpoints) {
    const system = OF_SYSTEM.includes(name);
    assert.equal(subject, `${BASE}.${system ? "system" : "*"}.${name}`);
    assert.equal(queue, system ? "" : "wascc.keyvalue.default");
  }
}

let id = "";
const tests = {
  "ping finds the service": async () => {
    const answer = await one(client.ping());
    checkIdentity(answer, "io.nats.micro.v1.ping_response");
    id = answer.id;
  },
  "ping finds it by name and by id": async () => {
    assert.equal((await one(service.ping(NAME))).id, id);
    assert.equal((await one(service.ping(NAME, id))).id, id);
  },
  "info tells every endpoint": async () => {
    const info = await one(service.info(NAME, id));
    checkIdentity(info, "io.nats.micro.v1.info_response");
    assert.equal(info.id, id);
    assert.ok(info.description.length > 0);
    checkEndpoints(info.endpoints);
    for (const endpoint of info.endpoints) {
      assert.match(endpoint.metadata.request, /^\w+$/);
      assert.match(endpoint.metadata.response, /^\w+$/);
      assert.equal(endpoint.metadata.format, "application/json");
      for (const schema of [endpoint.metadata.request_schema, endpoint.metadata.response_schema])
        assert.equal(JSON.parse(schema).type, "object");
    }
  },
  "what info says is where requests are served": async () => {
    const info = await one(service.info(NAME, id));
    const subject = (name) => info.endpoints.find((endpoint) => endpoint.name === name).subject.replace("*", ACTOR);
    const set = await connection.request(subject("Set"), '{"key":"k","value":"v"}');
    assert.deepEqual(set.json(), { value: "v" });
    const get = await connection.request(subject("Get"), '{"key":"k"}');
    assert.deepEqual(get.json(), { value: "v", exists: true });
  },
  "an error is an error of a service": async () => {
    const wrongKind = await refusal("Push", '{"key":"k","value":"v"}');
    assert.equal(wrongKind.code, 409);
    assert.match(wrongKind.message, /^Push: the key holds another kind/);
    assert.equal((await refusal("Get", '{"key":""}')).code, 400);
  },
  "a reply is no error of a service": async () => {
    assert.equal(ServiceError.isServiceError(await request(ACTOR, "Get", '{"key":"k"}')), false);
  },
  "stats count what was asked": async () => {
    const stats = await one(service.stats(NAME, id));
    checkIdentity(stats, "io.nats.micro.v1.stats_response");
    checkEndpoints(stats.endpoints);
    assert.ok(Math.abs(Date.now() - Date.parse(stats.started)) < 600000, stats.started);
    const by = Object.fromEntries(stats.endpoints.map((endpoint) => [endpoint.name, endpoint]));
    assert.deepEqual([by.Set.num_requests, by.Get.num_requests, by.Push.num_requests, by.Del.num_requests], [1, 3, 1, 0]);
    assert.deepEqual([by.Set.num_errors, by.Get.num_errors, by.Push.num_errors], [0, 1, 1]);
    assert.match(by.Push.last_error, /409.*Push: the key holds another kind/);
    assert.equal(by.Set.last_error, "");
    for (const name of ["Set", "Get", "Push"]) {
      assert.ok(by[name].processing_time > 0);
      assert.equal(by[name].average_processing_time, Math.floor(by[name].processing_time / by[name].num_requests));
      assert.ok(by[name].data.p50_ns <= by[name].data.max_ns);
    }
    assert.deepEqual(by.Push.data.refusals, { 409: 1 });
    assert.equal(by.HealthRequest.data.service.kinds.scalar, 1);
  },
  "stats of all and by name are the same": async () => {
    const counts = (stats) => stats.endpoints.map((endpoint) => [endpoint.name, endpoint.num_requests]);
    assert.deepEqual(counts(await one(client.stats())), counts(await one(service.stats(NAME))));
  },
  "an operator lists keys": async () => {
    const reply = await request("system", "Keys", '{"prefix":"k"}');
    assert.deepEqual(reply.json(), { keys: ["k"], cursor: "" });
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok services: ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok services: ${name}\n${error.stack}`);
  }
}
await connection.close();
process.exitCode = failed === 0 ? 0 : 1;
