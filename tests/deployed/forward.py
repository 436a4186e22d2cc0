"""The simulated provider, which listens on its own loopback network, on that of each replica: a bridge between two networks."""
import asyncio, os, re, socket


def listen(machine, ports):
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    machine.enter()
    sockets = []
    for port in ports:
        listener = socket.create_server(("127.0.0.1", port))
        sockets.append((port, listener))
    back(here)
    return sockets


def back(network):
    import ctypes
    assert ctypes.CDLL(None, use_errno=True).setns(network, 0x40000000) == 0
    os.close(network)


def ports(configuration):
    """That it names."""
    return sorted({int(port) for port in re.findall(r"(?:port = |127\.0\.0\.1:)(\d+)", configuration)})


def forward(provider, machines, configuration):
    """For ever, in a process of its own."""
    if os.fork():
        return
    sockets = [pair for machine in machines for pair in listen(machine, ports(configuration))]
    provider.enter()
    asyncio.run(serve(sockets))


async def serve(sockets):
    for port, listener in sockets:
        await asyncio.start_server(lambda reader, writer, port=port: join(reader, writer, port), sock=listener)
    await asyncio.Event().wait()


async def join(reader, writer, port):
    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, back), pump(there, writer))
    for end in writer, back:
        end.close()


async def pump(reader, writer):
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()
