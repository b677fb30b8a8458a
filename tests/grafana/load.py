#!/usr/bin/python3
"""Load for picture.sh: actors that do different things at changing rates, some of them wrong. It speaks NATS by itself
and needs nothing but Python."""
import argparse
import asyncio
import json
import math
import random
import sys
import time

TICK_S = 0.02
MOST_IN_FLIGHT = 400  # Of one actor: beyond that it sends less than it would.


class Actor:
    """A connection to NATS of its own, on which an actor sends its requests."""

    def __init__(self, server, name, binding, public_key, claims):
        self.host, self.port = server.removeprefix("nats://").split(":")
        self.name = name
        self.prefix = f"wasmbus.provider.wascc.keyvalue.{binding}.{public_key}."
        self.claims = claims
        self.sent = self.answered = 0
        self.reader = self.writer = None

    async def stay_connected(self):
        """A server that goes away takes the requests in flight with it; it is back in a moment."""
        while True:
            try:
                self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 21)
                self.writer.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
                self.writer.write(b"SUB _INBOX.%d.* 1\r\n" % id(self))
                self.sent = self.answered
                await self.read_replies()
            except (OSError, asyncio.IncompleteReadError):
                self.writer = None
            await asyncio.sleep(0.2)

    async def read_replies(self):
        while True:
            line = await self.reader.readuntil(b"\r\n")
            if line.startswith((b"MSG", b"HMSG")):
                await self.reader.readexactly(int(line.split()[-1]) + 2)
                self.answered += 1
            elif line.startswith(b"PING"):
                self.writer.write(b"PONG\r\n")

    def send(self, operation, request, claims=None):
        if self.writer is None or self.sent - self.answered >= MOST_IN_FLIGHT:
            return
        headers = f"NATS/1.0\r\nWascc-Claims: {claims or self.claims}\r\n\r\n".encode()
        body = json.dumps(request, separators=(",", ":")).encode()
        reply_to = f"_INBOX.{id(self)}.{self.sent}"
        first = f"HPUB {self.prefix}{operation} {reply_to} {len(headers)} {len(headers) + len(body)}\r\n"
        self.writer.write(first.encode() + headers + body + b"\r\n")
        self.sent += 1


def sometimes(one_in):
    return random.randrange(one_in) == 0


def text(shortest, longest):
    return "v" * random.randint(shortest, longest)


# ---- what each actor does once ----


def shop(actor):
    """Reads mostly; its articles stay for good, so its memory grows."""
    key = f"article:{random.randrange(90000)}"
    if sometimes(4):
        actor.send("Set", {"key": key, "value": text(1200, 3600)})
    elif sometimes(12):
        actor.send("KeyExists", {"key": key})
    elif sometimes(40):
        actor.send("Del", {"key": key})
    else:
        actor.send("Get", {"key": key})
    if sometimes(1500):
        actor.send("Set", {"key": key, "value": text(70000, 80000)})  # 413
    if sometimes(900):
        actor.send("Push", {"key": key, "value": "x"})  # 409, where the article is there


def sessions(actor):
    """Writes with an expiry."""
    key = f"session:{random.randrange(1 << 24)}"
    actor.send("Set", {"key": key, "value": text(100, 400), "expires_s": random.randint(15, 45)})
    if sometimes(2):
        actor.send("Get", {"key": key})
    if sometimes(300):
        actor.send("Get", {"key": ""})  # 400
    if sometimes(500):
        actor.send("Get", {"key": key}, claims="no.such.token")  # 401


def queue(actor):
    key = f"queue:{random.randrange(200)}"
    actor.send("Push", {"key": key, "value": text(20, 60)})
    if sometimes(4):
        actor.send("Range", {"key": key, "start": 0, "stop": 500})
    if sometimes(300):
        actor.send("Clear", {"key": key})


def tags(actor):
    key = f"tag:{random.randrange(4000)}"
    actor.send("SetAdd", {"key": key, "value": f"member:{random.randrange(200)}"})
    actor.send("Add", {"key": f"count:{random.randrange(30000)}", "value": 1})
    if sometimes(3):
        actor.send("SetQuery", {"key": key})
    if sometimes(6):
        actor.send("SetUnion", {"keys": [f"tag:{random.randrange(4000)}" for _ in range(8)]})
    if sometimes(8):
        actor.send("SetRemove", {"key": key, "value": f"member:{random.randrange(200)}"})


# ---- how often, `t` seconds after the beginning ----


def shop_rate(t):
    return 2000 + 900 * math.sin(t / 18) + (2500 if 130 < t < 160 else 0)


def sessions_rate(t):
    return 500 + 200 * math.sin(t / 25 + 2)


def queue_rate(t):
    return 400 if t % 60 < 35 else 60


def tags_rate(t):
    return min(600, 4 * t)


WORK = {
    "shop": (shop, shop_rate),
    "sessions": (sessions, sessions_rate),
    "queue": (queue, queue_rate),
    "tags": (tags, tags_rate),
}


async def work(actor, begin, until):
    once, rate = WORK[actor.name]
    due, last = 0.0, begin
    while (now := time.monotonic()) < until:
        due += max(0.0, rate(now - begin)) * (now - last)
        last = now
        for _ in range(int(due)):
            once(actor)
        due -= int(due)
        await asyncio.sleep(TICK_S)


async def run(actors, duration_s):
    begin = time.monotonic()
    connections = [asyncio.create_task(actor.stay_connected()) for actor in actors]
    workers = [asyncio.create_task(work(actor, begin, begin + duration_s)) for actor in actors]
    for passed in range(0, duration_s, 5):
        await asyncio.sleep(begin + passed - time.monotonic())
        print(f"at {passed} s", flush=True)
    for task in workers:
        await task
    for task in connections:
        task.cancel()


def main():
    parser = argparse.ArgumentParser(description="Sends requests of several actors for a while.")
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("actors", nargs="+", metavar="NAME:BINDING:KEY:CLAIMS",
                        help=f"NAME is one of {', '.join(WORK)}; CLAIMS is a file")
    arguments = parser.parse_args()
    actors = []
    for item in arguments.actors:
        name, binding, public_key, claims = item.split(":")
        if name not in WORK:
            sys.exit(f"load: there is no actor '{name}'")
        with open(claims, encoding="ascii") as file:
            actors.append(Actor(arguments.server, name, binding, public_key, file.read().strip()))
    random.seed(1)
    asyncio.run(run(actors, arguments.seconds))


if __name__ == "__main__":
    main()
