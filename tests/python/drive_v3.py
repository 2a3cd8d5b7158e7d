"""The client of `asyncaproto_v3.py` at work: its frame functions against the vectors, or all of it against a server that
has the vectors' functions. It says `ok` and how many things it did, or fails with what was wrong:

    drive_v3.py vectors FILE
    drive_v3.py server HOST PORT [HEADER_SIZE BYTEORDER]
    drive_v3.py refused HOST PORT CODE MESSAGE
"""

import asyncio
import json
import struct
import sys

from asyncaproto_v3 import Connection
from asyncaproto_v3_frames import (ACK, COMPRESSED, CREDIT, DEADLINE, EMPTY, END, HEAD, JSON, NAME, OPEN, PING, SEALED,
                                   Failure, frame, open_fields, parse, refusal)


def vectors(file):
    """Our frame functions against the vectors; how many there were."""
    flags = {"END": END, "HEAD": HEAD, "NAME": NAME, "DEADLINE": DEADLINE, "EMPTY": EMPTY,
             "COMPRESSED": COMPRESSED, "SEALED": SEALED, "ACK": ACK}
    kinds = ["HELLO", "OPEN", "ITEM", "ERROR", "CANCEL", "CREDIT", "PING", "GOAWAY"]
    with open(file, encoding="utf-8") as text:
        known = json.load(text)
    for each in known["frames"]:
        raw, size = bytes.fromhex(each["hex"]), each["header_size"]
        assert int.from_bytes(raw[:size], each["byteorder"]) == len(raw) - size, each["id"]
        kind, found, stream, encoding, fields, head, payload = parse(raw[size:])
        assert (kinds[kind - 1], stream) == (each["kind"], each["stream"]), each["id"]
        assert found == sum(flags[name] for name in each["flags"]), each["id"]
        assert ["json", "ziproto", "raw"][encoding] == each["encoding"], each["id"]
        assert payload.hex() == each["payload"] and bool(head) == ("head" in each), each["id"]
        if encoding == JSON and "value" in each:
            assert json.loads(payload) == each["value"], each["id"]
        own = b""
        if kind == OPEN:
            assert fields == (each["target"], each.get("name"), each.get("deadline")), each["id"]
            own = open_fields(*fields)
        elif kind == CREDIT:
            assert fields == (each["items"], each["bytes"]), each["id"]
            own = struct.pack(">II", *fields)
        elif kind == PING:
            own = bytes.fromhex(each["data"])
        own += len(head).to_bytes(2, "big") + head if head else b""
        form = {"header_size": size, "byteorder": each["byteorder"]}
        assert frame(kind, found, stream, own, payload, encoding, **form) == raw, each["id"]
    for each in known["malformed"]:
        raw, size = bytes.fromhex(each["hex"]), each["header_size"]
        length = int.from_bytes(raw[:size], each["byteorder"])
        if length > each["max_packet_size"]:
            found = "ERR_PACKET_TOO_LARGE"
        else:
            # What is not given does not matter: the code is told before.
            stream = 0 if raw[size + 2:size + 3] in (b"\1", b"\6", b"\7", b"\10") else 1
            rest = (raw[size:] + struct.pack(">I", stream) if len(raw) - size == 4 else raw[size:]).ljust(length, b"\1")
            try:
                found = parse(rest)
            except Failure as failure:
                found = failure.code
        assert found == each["code"], (each["id"], found)
    for each in known["refusals"]:
        raw, size = bytes.fromhex(each["hex"]), each["header_size"]
        content = raw[size:][:int.from_bytes(raw[:size], each["byteorder"])]
        # This client reads JSON.
        if content[1] == JSON:
            found, told = refusal(content), (each["error"], each.get("message"))
            assert (found and (found.code, found.message)) == (told if each["refused"] else None), each["id"]
    return len(known["frames"]) + len(known["malformed"]) + len(known["refusals"])


async def fails(code, awaitable):
    try:
        found = await awaitable
    except Failure as failure:
        found = failure.code
    assert found == code, (found, code)


async def drive(host, port, header_size=4, byteorder="big"):
    """Everything once, with a server that has the functions of the vectors; how many things there were."""
    hello = {"agent": "asyncaproto_v3.py"}
    async with Connection(host, int(port), int(header_size), byteorder, hello) as connection:
        assert await connection.call("math.add", {"a": 20, "b": 22}) == 42
        assert await connection.call("math.add", [1, 2]) == 3
        assert connection.peer is not None
        many = [connection.call("math.add", [at, at]) for at in range(100)]
        assert await asyncio.gather(*many) == [2 * at for at in range(100)]
        await fails("ERR_FUNCTION_UNKNOWN", connection.call("nowhere", []))
        await fails("ERR_BAD_PIN", connection.call("refuse", []))
        await fails("ERR_FIELD_INVALID", connection.call("math.add", {"a": "x", "b": 1}))
        await fails("ERR_DEADLINE_EXCEEDED", connection.call("wait", [], 0.05))
        # Far more items than there is credit at the start.
        assert [item async for item in await connection.open("count", [1000], True)] == list(range(1000))
        endless = await connection.open("count", [1 << 30], True)
        assert [await endless.__anext__() for _ in range(100)] == list(range(100))
        await endless.cancel()
        total = await connection.open("total", [], False)
        for at in range(500):
            await total.send(at)
        await total.send(500, last=True)
        assert await total.result() == 125_250
        echo = await connection.open("echo", [], False)
        for at in range(200):
            await echo.send({"at": at})
            assert await echo.__anext__() == {"at": at}
        await echo.finish()
        assert await echo.result() is None
        assert await connection.ping() == b"12345678"
        last = asyncio.create_task(connection.call("math.add", [40, 2]))
        await asyncio.sleep(0)
        await connection.goaway()
        assert await last == 42
        await fails("ERR_UNAVAILABLE", connection.call("math.add", [1, 2]))
    return 16


async def refused(host, port, code, message):
    """A server that lets nobody in."""
    async with Connection(host, int(port)) as connection:
        for _ in range(3):
            try:
                await asyncio.wait_for(connection.call("math.add", [1, 2]), 10)
            except Failure as failure:
                assert (failure.code, failure.message) == (code, message), failure
            else:
                raise AssertionError("it was let in")
    return 3


def main(scenario, *rest):
    scenarios = {"server": drive, "refused": refused}
    print("ok", vectors(*rest) if scenario == "vectors" else asyncio.run(scenarios[scenario](*rest)))


if __name__ == "__main__":
    main(*sys.argv[1:])
