"""A TCP proxy on loopback whose connections can be made slow, held up and cut, in the middle of whatever they carry."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading

_CHUNK_BYTES = 65_536
_HELD_POLL_SECONDS = 0.02
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends a reset and throws away what was not yet sent."""


class Proxy:
    """Forwards `port` to another port. delay_seconds: each chunk waits so long. held: nothing goes through, both ways.

    What is on its way is bounded: a side that is not read from stops the other one.
    """

    def __init__(self, target_port: int) -> None:
        self.delay_seconds = 0.0
        self.held = False
        self._target_port = target_port
        self._transports: set[asyncio.WriteTransport] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Reset every connection that is open now; how many were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def heal(self) -> None:
        """Forward at once again."""
        self.delay_seconds, self.held = 0.0, False

    def close(self) -> None:
        """Take no more connections and cut those that are open."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _cut(self) -> int:
        cut = list(self._transports)
        for transport in cut:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        # Each connection has two ends.
        return len(cut) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer.transport, far_writer.transport}
        self._transports |= ends
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]
        self._pumps |= set(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._pumps -= set(pumps)
            self._transports -= ends
            for end in ends:
                end.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                while self.held:
                    await asyncio.sleep(_HELD_POLL_SECONDS)
                writer.write(data)
                await writer.drain()
