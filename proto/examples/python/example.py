"""NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom. pip: nats-py, protobuf"""
import asyncio
import os
import nats
import keyvalue_pb2 as kv

BASE = "wasmbus.provider.wascc.keyvalue.default." + os.environ["WASCC_KEYVALUE_ACTOR"]
KEY = "greeting"

async def main():
    connection = await nats.connect(os.environ["NATS_URL"])
    with open(os.environ["WASCC_KEYVALUE_CLAIMS"], encoding="ascii") as file:
        claims = {"Wascc-Claims": file.read().strip()}

    async def call(operation, request, reply):
        answer = await connection.request(f"{BASE}.{operation}", request.SerializeToString(), timeout=2, headers=claims)
        if code := (answer.headers or {}).get("Nats-Service-Error-Code"):
            raise RuntimeError(f"{code} {answer.headers['Nats-Service-Error']}")
        return reply.FromString(answer.data)

    await call("Set", kv.SetRequest(key=KEY, value=b"hello"), kv.SetResponse)
    print("Get:", (await call("Get", kv.GetRequest(key=KEY), kv.GetResponse)).value.decode())
    try:
        await call("Push", kv.ListPushRequest(key=KEY, value=b"no list"), kv.ListResponse)
    except RuntimeError as refused:
        print("Push:", refused)
    items = [{"increment": {"key": "visits", "delta": 1}}, {"get": {"key": KEY}}]
    done = await call("Batch", kv.BatchRequest(requests=items, atomic=True), kv.BatchResponse)
    print("Batch:", done.replies[0].increment.value, done.replies[1].get.value.decode())
    told = await connection.subscribe(inbox := connection.new_inbox())
    await connection.publish(f"{BASE}.Watch", kv.WatchRequest(key=KEY, values=True).SerializeToString(), inbox, claims)
    async for change in (kv.WatchResponse.FromString(message.data) async for message in told.messages):
        print("Watch:", change.event, change.value.decode())
        if change.event == "sync":
            await call("Set", kv.SetRequest(key=KEY, value=b"goodbye"), kv.SetResponse)
        if change.value == b"goodbye":
            return await connection.close()

asyncio.run(main())
