"""Calls every operation through the stubs that protoc makes of proto/keyvalue.proto and proto/core.proto.

usage: client.py CHECKS, which is the file that ../run.sh writes
"""

import asyncio
import json
import sys
import traceback

import nats
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

import core_pb2
import keyvalue_pb2 as keyvalue

METHODS = {
    method.name: method
    for module in (keyvalue, core_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class Refusal(Exception):
    def __init__(self, code, text, body):
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.body = code, text, body


class Client:
    """Sends requests in the name of one caller."""

    def __init__(self, connection, caller):
        self.connection, self.caller = connection, caller
        self.called, self.duplicate = set(), False

    def headers(self, message_id=""):
        headers = {"Wascc-Claims": self.caller["claims"], "Nats-Msg-Id": message_id}
        return {name: value for name, value in headers.items() if value}

    async def __call__(self, operation, request, message_id=""):
        self.called.add(operation)
        answer = await self.connection.request(
            f"{self.caller['subject']}.{operation}",
            request.SerializeToString(),
            timeout=10,
            headers=self.headers(message_id),
        )
        told = answer.headers or {}
        if "Nats-Service-Error-Code" in told:
            raise Refusal(int(told["Nats-Service-Error-Code"]), told["Nats-Service-Error"], answer.data)
        self.duplicate = told.get("Wascc-Duplicate") == "true"
        return GetMessageClass(METHODS[operation].output_type).FromString(answer.data)


async def refusal_of(request):
    try:
        reply = await request
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"it was answered: {reply}")


def equal(got, wanted):
    assert got == wanted, f"got {got}\nwanted {wanted}"


async def take_step(clients, step):
    client = clients[step.get("as", "actor")]
    request = ParseDict(step["with"], GetMessageClass(METHODS[step["call"]].input_type)())
    asked = client(step["call"], request, step.get("id", ""))
    if "refused" in step:
        refusal = await refusal_of(asked)
        equal(refusal.code, step["refused"])
        equal(refusal.text[: len(step["says"])], step["says"])
        equal(refusal.body.decode(), f"Failed ({refusal.code}): {refusal.text}")
        try:
            keyvalue.GetResponse.FromString(refusal.body)
        except DecodeError:
            return
        raise AssertionError("a reader takes the error for a message")
    reply = await asked
    if isinstance(reply, keyvalue.SetQueryResponse):
        reply.values.sort()
    equal(MessageToDict(reply), step["gives"])
    equal(client.duplicate, step.get("duplicate", False))


async def values_are_bytes(kv):
    value = b"\x00\xff\x80\n"
    await kv("Set", keyvalue.SetRequest(key="bytes", value=value))
    equal(await kv("Get", keyvalue.GetRequest(key="bytes")), keyvalue.GetResponse(value=value, exists=True))


async def a_time_to_live(kv):
    await kv("Set", keyvalue.SetRequest(key="short", value=b"x", expires_ms=60000))
    reply = await kv("TimeToLive", keyvalue.TimeToLiveRequest(key="short"))
    assert reply.exists and 0 < reply.expires_in_ms <= 60000, reply


async def keys_and_members_page_by_page(kv):
    members = [b"a", b"b", b"c", b"d", b"e"]
    for member in members:
        await kv("Set", keyvalue.SetRequest(key=f"page/{member.decode()}", value=member))
        await kv("SetAdd", keyvalue.SetAddRequest(key="paged", value=member))
    keys, values = [], []
    page = keyvalue.ListKeysResponse()
    while not keys or page.cursor:
        page = await kv("ListKeys", keyvalue.ListKeysRequest(prefix="page/", limit=2, cursor=page.cursor))
        keys += page.keys
    page = keyvalue.SetQueryResponse()
    while not values or page.cursor:
        page = await kv("SetQuery", keyvalue.SetQueryRequest(key="paged", limit=2, cursor=page.cursor))
        values += page.values
    equal(sorted(keys), [f"page/{member.decode()}" for member in members])
    equal(sorted(values), members)


async def a_batch_of_too_many_items(kv):
    item = keyvalue.BatchRequest.Item(get=keyvalue.GetRequest(key="bytes"))
    equal(len((await kv("Batch", keyvalue.BatchRequest(requests=[item] * 4096))).replies), 4096)
    equal((await refusal_of(kv("Batch", keyvalue.BatchRequest(requests=[item] * 4097)))).code, 413)


async def watch(kv):
    inbox = kv.connection.new_inbox()
    events = await kv.connection.subscribe(inbox)

    async def ask(subject, **request):
        payload = keyvalue.WatchRequest(key="watched", values=True, **request).SerializeToString()
        await kv.connection.publish(subject, payload, reply=inbox, headers=kv.headers())

    async def following(event, value, number):
        told = keyvalue.WatchResponse.FromString((await events.next_msg(timeout=10)).data)
        equal((told.event, told.value, told.number), (event, value, number))
        return told

    await kv("Set", keyvalue.SetRequest(key="watched", value=b"old"))
    await ask(f"{kv.caller['subject']}.Watch")
    equal((await following("put", b"old", 1)).key, "watched")
    renew = (await following("sync", b"", 2)).renew
    await kv("Set", keyvalue.SetRequest(key="watched", value=b"new"))
    await kv("Del", keyvalue.DelRequest(key="watched"))
    await following("put", b"new", 3)
    await following("delete", b"", 4)
    await ask(renew, lease_ms=1)
    await following("end", b"", 5)


async def get_capability_descriptor(host):
    descriptor = await host("GetCapabilityDescriptor", core_pb2.Empty())
    equal(descriptor.id, "wascc:keyvalue")
    directions = {operation.name: operation.direction for operation in descriptor.supported_operations}
    equal(directions["Batch"], core_pb2.to_provider)


async def every_operation_was_called(clients):
    called = set().union(*(client.called for client in clients.values()))
    equal(METHODS.keys() - called, set())


async def check(what, test):
    try:
        await test
        print(f"ok python: {what}", flush=True)
        return True
    except Exception:  # whatever it is, it is this check that failed
        print(f"not ok python: {what}", flush=True)
        traceback.print_exc()
        return False


async def take_steps(clients, steps):
    for step in steps:
        try:
            await take_step(clients, step)
        except Exception as error:
            raise AssertionError(json.dumps(step)) from error


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    connection = await nats.connect(told["server"])
    clients = {name: Client(connection, caller) for name, caller in told["callers"].items()}
    kv = clients["actor"]
    tests = [(one["what"], take_steps(clients, one["steps"])) for one in told["checks"]] + [
        ("values are bytes", values_are_bytes(kv)),
        ("a time to live", a_time_to_live(kv)),
        ("keys and members page by page", keys_and_members_page_by_page(kv)),
        ("a Batch of too many items", a_batch_of_too_many_items(kv)),
        ("Watch", watch(kv)),
        ("GetCapabilityDescriptor", get_capability_descriptor(clients["host"])),
        ("every operation was called", every_operation_was_called(clients)),
    ]
    passed = [await check(*test) for test in tests]
    await connection.close()
    return 0 if all(passed) else 1


sys.exit(asyncio.run(main()))
