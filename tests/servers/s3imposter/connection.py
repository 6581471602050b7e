"""One client's connection: requests are read in turn and answered, each as its plan says."""
import asyncio
import email.utils
import fcntl
import socket
import struct
import termios
import time
import traceback

from .answers import Response, S3Error, error_response, head_of
from .operations import check_request, name_operation, run
from .request import READ_BYTES, Request
from .rules import change_etag, flip_bit, garbage, refusal, scripted_error, stretch
from .signature import verify, verify_payload


class Gone(Exception):
    """The connection is over, by a fault or by the client."""


def _error_of(check, *arguments):
    try:
        check(*arguments)
    except S3Error as refused:
        return refused
    return None


class Pace:
    """Bytes a second of all connections together."""

    def __init__(self):
        self.free_at = 0.0

    async def take(self, count, rate):
        if rate:
            now = time.monotonic()
            self.free_at = max(now, self.free_at) + count / rate
            await asyncio.sleep(self.free_at - now)


class Connection:
    """One client: requests in turn until one of both ends it."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.s3, self.number, self.entry, self.bytes_out = server.s3, server.connections, {}, 0
        self.writer.transport.set_write_buffer_limits(high=1)
        self.socket = writer.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- ends

    def tcp_state(self):
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    def unsent(self):
        if self.socket.fileno() < 0:  # the client was first
            return 0
        return struct.unpack("i", fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]

    async def end(self, how):
        """fin, reset or stall; what was written before arrives first."""
        self.entry["end"] = how
        if how == "stall":
            # 1 is ESTABLISHED; nothing is read, so the client's sends fill the window.
            while not self.writer.is_closing() and self.tcp_state() == 1:
                await asyncio.sleep(0.02)
        elif how == "reset":
            for _ in range(50):
                if not self.unsent():
                    break
                await asyncio.sleep(0.005)
            self.hard_close()
        else:
            await self.half_close()
        raise Gone

    def hard_close(self):
        if self.writer.is_closing():
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def half_close(self):
        """FIN, and then reads for a while: closing with bytes unread would send RST and lose the answer."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            try:
                async with asyncio.timeout(2):
                    while await self.reader.read(READ_BYTES):
                        pass
            except TimeoutError:
                pass

    # -- reading

    async def serve(self):
        try:
            while await self.one():
                pass
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.entry.setdefault("end", "client gone")
        except Exception:  # ours: Imposter.stop() of tests/e2e/s3_servers.py fails the test
            self.entry["end"] = "bug"
            traceback.print_exc()
        finally:
            self.finish()
            self.writer.close()

    async def one(self):
        """One request; whether another may follow."""
        self.entry = {}
        async with asyncio.timeout(self.s3.settings["idle_close_s"] or None):
            head = await self.reader.readuntil(b"\r\n\r\n")
        self.bytes_out = 0
        self.server.requests += 1
        number = self.server.requests
        try:
            request = Request(head)
        except S3Error as error:
            self.server.begin(self.entry, number, self.number, head)
            refused = Response(error.status, {"Content-Type": "text/plain"}, error.message.encode())
            await self.send(None, refused, {}, False, number)
            await self.half_close()
            return False
        request.place(self.server.options.domain)
        unknown = _error_of(name_operation, request)
        self.server.begin(self.entry, number, self.number, head, request)
        plan = self.server.rules.plan(request)
        self.entry["rules"] = plan["fired"]
        error = _error_of(verify, request, self.s3) or unknown or _error_of(check_request, self.s3, request)
        self.entry.update(signature=request.signature, scope=request.scope, signed_headers=request.signed)
        return await self.answer(request, plan, error, number)

    async def answer(self, request, plan, error, number):
        cut, early = plan.get("cut", {}), plan.get("status", {}).get("at") == "head"
        if cut.get("at") == "head":
            await self.end(cut["how"])
        try:
            length = request.length()
            if length > self.s3.settings["object_bytes_max"]:
                raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
        except S3Error as refused:
            error, early = error or refused, True
        expects = request.get("expect", "").lower() == "100-continue"
        if early or expects and error:
            await self.send(request, refusal(plan) if "status" in plan else error, plan, False, number)
            await self.half_close()
            return False
        if expects and length:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self.read_body(length, cut)
        error = error or _error_of(verify_payload, request, body)
        if cut.get("at") == "request" and not cut["apply"]:
            await self.end(cut["how"])
        await asyncio.sleep(self.wait_of(plan))
        response = self.outcome(request, body, plan, error)
        if cut.get("at") == "request":
            await self.end(cut["how"])
        keep = request.get("connection", "").lower() != "close" and "close" not in plan
        await self.send(request, response, plan, keep, number)
        self.finish()
        return keep

    async def read_body(self, length, cut):
        body, half = bytearray(), length // 2
        while len(body) < length:
            if cut.get("at") == "request_half" and len(body) >= half:
                break
            upto = half if cut.get("at") == "request_half" else length
            data = await self.reader.read(min(READ_BYTES, upto - len(body)))
            if not data:
                raise Gone
            body += data
            self.entry["bytes_in"] = len(body)
            await self.server.pace.take(len(data), self.s3.settings["bandwidth"])
        if cut.get("at") == "request_half":
            await self.end(cut["how"])
        return body

    def wait_of(self, plan):
        action = plan.get("latency", {})
        jitter = action.get("jitter_s", 0) * (action.get("draw", 0) / 2.0**64)
        return self.s3.settings["latency_s"] + action.get("s", 0) + jitter

    # -- answering

    def outcome(self, request, body, plan, error):
        """What is answered: a Response or an S3Error; the operation is done unless a rule keeps it from that."""
        scripted = scripted_error(plan, request)
        if scripted and not plan.get("status", {}).get("apply"):
            return scripted
        try:
            if error is not None:
                raise error
            done = run(self.s3, request, body, plan)
        except S3Error as refused:
            done = refused
        except ValueError as wrong:
            done = S3Error(400, "InvalidArgument", str(wrong))
        return scripted or done

    async def send(self, request, response, plan, keep, number):
        if isinstance(response, S3Error):
            self.entry["code"] = response.code
            response = error_response(response, request, number)
        if "garbage" in plan:
            response, keep = garbage(plan["garbage"], response), False
            if isinstance(response, bytes):
                self.writer.write(response)
                await self.writer.drain()
                await self.end("fin")
        date = email.utils.formatdate(self.s3.now(), usegmt=True)
        body, headers = response.body, {"x-amz-request-id": f"{number:016X}", "x-amz-id-2": "imposter",
                                        "Server": "imposter", "Date": date, **response.headers}
        if "etag" in plan and "ETag" in headers:
            change_etag(plan["etag"], headers)
        if "flip" in plan and len(body):
            body = flip_bit(plan["flip"], body)
        declared, body, fin = stretch(plan, len(body) if response.length is None else response.length, body)
        bodiless = request is not None and request.method == "HEAD" or response.status in (204, 304)
        chunked = "chunked" in plan and not bodiless
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif declared is not None and response.status not in (204, 304):
            headers["Content-Length"] = str(declared)
        if fin == "endless" or not keep and plan.get("close", {}).get("announce", True):
            headers["Connection"] = "close"
        self.entry["status"] = response.status
        await self.write_out(head_of(response.status, headers), b"" if bodiless else memoryview(body), plan, chunked)
        if fin == "endless":
            await self.pour(plan)
        if fin:
            await self.end("fin")
        if not keep and request is not None and "close" in plan:
            self.entry["end"] = "close"

    async def write_out(self, head, body, plan, chunked):
        cut = plan.get("cut", {})
        at = {"headers": 0, "half": len(body) // 2, "end": len(body)}.get(cut.get("at"), cut.get("at"))
        at = at if isinstance(at, int) else None
        self.writer.write(head)
        await self.writer.drain()
        await self.write_body(body if at is None else body[:at], plan, chunked)
        if at is not None:
            await self.end(cut["how"])
        if chunked:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    async def write_body(self, body, plan, chunked=False):
        drip = plan.get("drip", {}).get("bytes_per_s", 0)
        step = max(1, min(READ_BYTES, drip // 20)) if drip else READ_BYTES
        if self.s3.settings["bandwidth"]:
            step = max(1, min(step, self.s3.settings["bandwidth"] // 50))
        for at in range(0, len(body), step):
            piece = body[at:at + step]
            if drip:
                await asyncio.sleep(len(piece) / drip)
            await self.server.pace.take(len(piece), self.s3.settings["bandwidth"])
            self.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await self.writer.drain()
            self.bytes_out += len(piece)

    async def pour(self, plan):
        """Until the client leaves, or a bound that no test should see."""
        block = bytes(READ_BYTES)
        for _ in range((4 << 30) // READ_BYTES):
            await self.write_body(memoryview(block), plan)

    def finish(self):
        if "number" in self.entry and "finished" not in self.entry:
            self.server.finish(self.entry, self.bytes_out)
