"""A client of AsyncAProto V3, from the chapter `protocol-v3.md` alone: JSON, asyncio, the standard library.

    async with Connection("127.0.0.1", 1500) as connection:
        print(await connection.call("math.add", [20, 22], seconds=1))
        async for number in await connection.open("count", {"to": 3}, True):
            print(number)
"""

import asyncio
import json
import struct

from asyncaproto_v3_frames import (
    ACK, CANCEL, CREDIT, DEADLINE, EMPTY, END, ERROR, GOAWAY, HELLO, ITEM, NAME, OPEN, PING, RAW,
    Failure, check, frame, open_fields, parse, refusal,
)


class Stream:
    """A stream that we have opened: iterate over its items, `send` and `finish` ours, await its `result`."""

    def __init__(self, connection, number, ended):
        self.connection, self.number, self.ended = connection, number, ended
        self.items, self.news = [], asyncio.Event()
        self.over, self.failure, self.value = False, None, None
        self.credit, self.taken = [64, 65_536], [0, 0]

    def end(self, failure=None, value=None):
        self.over, self.failure, self.value = True, failure, value
        self.connection.streams.pop(self.number, None)
        self.news.set()

    async def send(self, item, last=False):
        payload = json.dumps(item).encode()
        while not self.over and min(*self.credit, self.connection.credit) <= 0:
            await self.wait()
        check(not self.over, "ERR_CANCELLED")
        self.credit = [self.credit[0] - 1, self.credit[1] - len(payload)]
        self.connection.credit -= len(payload)
        self.ended |= last
        await self.connection.write(ITEM, END if last else 0, self.number, payload=payload)

    async def finish(self):
        if not self.over and not self.ended:
            self.ended = True
            await self.connection.write(ITEM, END | EMPTY, self.number)

    async def cancel(self):
        if not self.over:
            self.end(Failure("ERR_CANCELLED"))
            await self.connection.write(CANCEL, 0, self.number)
        for _, size in self.items:
            await self.connection.took(size)
        self.items.clear()

    async def wait(self):
        self.news.clear()
        await self.news.wait()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.items and not self.over:
            await self.wait()
        if self.items:
            item, size = self.items.pop(0)
            self.taken = [self.taken[0] + 1, self.taken[1] + size]
            if not self.over and (self.taken[0] >= 32 or self.taken[1] >= 32_768):
                await self.connection.write(CREDIT, 0, self.number, struct.pack(">II", *self.taken))
                self.taken = [0, 0]
            await self.connection.took(size)
            return item
        if self.failure:
            raise self.failure
        raise StopAsyncIteration

    async def result(self):
        async for _ in self:
            pass
        return self.value


class Connection:
    """`async with Connection(..)`: calls, streams and channels on one connection."""

    def __init__(self, host, port, header_size=4, byteorder="big", hello=None):
        self.address, self.hello = (host, port), hello
        self.form = {"header_size": header_size, "byteorder": byteorder}
        self.streams, self.numbers, self.next = {}, {}, 1
        self.credit, self.taken = 8 << 20, 0
        self.gone, self.peer, self.pongs, self.news = None, None, asyncio.Queue(), asyncio.Event()
        self.failure = None

    async def __aenter__(self):
        self.input, self.output = await asyncio.open_connection(*self.address)
        if self.hello is not None:
            await self.write(HELLO, 0, 0, payload=json.dumps(self.hello).encode())
        self.reading = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.reading.cancel()
        self.output.close()

    async def write(self, kind, flags, stream, fields=b"", payload=b""):
        self.output.write(frame(kind, flags, stream, fields, payload, **self.form))
        await self.output.drain()

    async def took(self, size):
        self.taken += size
        if self.taken >= 4 << 20:
            taken, self.taken = self.taken, 0
            await self.write(CREDIT, 0, 0, struct.pack(">II", 0, taken))

    async def open(self, name, arguments, ended, deadline=None):
        if self.failure:
            raise self.failure
        check(not self.gone, "ERR_UNAVAILABLE")
        while self.credit <= 0:
            self.news.clear()
            await self.news.wait()
        target, flags = self.numbers.get(name), END if ended else 0
        if target is None:
            target = len(self.numbers) + 1 if len(self.numbers) < 1023 else 0
            if target:
                self.numbers[name] = target
            fields, flags = open_fields(target, name, deadline), flags | NAME
        else:
            fields = open_fields(target, None, deadline)
        payload = json.dumps(arguments).encode()
        stream = self.streams[self.next] = Stream(self, self.next, ended)
        self.next, self.credit = self.next + 2, self.credit - len(payload)
        await self.write(OPEN, flags | (DEADLINE if deadline is not None else 0), stream.number, fields, payload)
        return stream

    async def call(self, name, arguments, seconds=None):
        stream = await self.open(name, arguments, True, None if seconds is None else int(seconds * 1000))
        try:
            return await asyncio.wait_for(stream.result(), seconds)
        except asyncio.TimeoutError:
            raise Failure("ERR_DEADLINE_EXCEEDED") from None
        finally:
            await stream.cancel()

    async def ping(self, data=b"12345678"):
        await self.write(PING, 0, 0, data)
        return await self.pongs.get()

    async def goaway(self):
        await self.write(GOAWAY, 0, 0, payload=b'{"last":0}')
        self.gone = {"last": self.next}

    async def read(self):
        size, order = self.form["header_size"], self.form["byteorder"]
        failure, heard = Failure("ERR_UNAVAILABLE"), False
        try:
            while True:
                length = int.from_bytes(await self.input.readexactly(size), order)
                check(8 <= length <= 1 << 20, "ERR_REQUEST_MALFORMED")
                content = await self.input.readexactly(length)
                refused = None if heard else refusal(content)
                if refused:
                    raise refused
                heard = True
                await self.handle(*parse(content))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except Failure as error:
            failure = error
        self.gone, self.failure = self.gone or {"last": 0}, failure
        for stream in list(self.streams.values()):
            stream.end(failure)

    async def handle(self, kind, flags, number, encoding, fields, head, payload):
        stream = self.streams.get(number)
        if kind == PING and flags & ACK:
            self.pongs.put_nowait(fields[0])
        elif kind == PING:
            await self.write(PING, ACK, 0, fields[0])
        elif kind == HELLO:
            self.peer = json.loads(payload or b"{}")
        elif kind == OPEN:
            await self.took(len(payload))
            await self.write(ERROR, 0, number, payload=b'{"error":"ERR_FUNCTION_UNKNOWN"}')
        elif kind == GOAWAY:
            self.gone = json.loads(payload)
            for number, stream in list(self.streams.items()):
                if "error" in self.gone or number > self.gone["last"]:
                    stream.end(Failure(self.gone.get("error", "ERR_UNAVAILABLE"), self.gone.get("message")))
        elif kind == CREDIT:
            if stream:
                stream.credit = [have + more for have, more in zip(stream.credit, fields)]
                stream.news.set()
            elif number == 0:
                self.credit += fields[1]
                for each in [self, *self.streams.values()]:
                    each.news.set()
        elif kind == ITEM and not flags & END:
            if not stream:
                return await self.took(len(payload))
            stream.items.append((payload if encoding == RAW else json.loads(payload), len(payload)))
            stream.news.set()
        elif stream and kind == ITEM:
            stream.end(value=None if flags & EMPTY else payload if encoding == RAW else json.loads(payload))
        elif stream:
            stream.end(Failure(**json.loads(payload)) if kind == ERROR else Failure("ERR_CANCELLED"))
