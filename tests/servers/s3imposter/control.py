"""The control API: JSON over HTTP, by which a test scripts the server and sees what it saw."""
import asyncio
import json
import re

from .answers import S3Error, head_of
from .objects import SETTINGS, Object
from .request import READ_BYTES, Request


class Control:
    def __init__(self, server):
        self.server = server

    async def listen(self, host, port):
        """The port where it listens."""
        listener = await asyncio.start_server(self.accept, host, port, limit=READ_BYTES)
        return listener.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        try:
            request = Request(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(request.get("content-length", "0")))
            try:
                answer = await self.command(request.method, request.path.strip("/").split("/", 2), body)
                status = 200
            except (KeyError, ValueError, TypeError, AttributeError, re.error, S3Error) as wrong:
                status = 404 if isinstance(wrong, KeyError) else 400
                answer = {"error": f"{type(wrong).__name__}: {wrong}"}
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            writer.write(head_of(status, {"Content-Length": len(data), "Connection": "close"}) + data)
            await writer.drain()
        except (S3Error, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def command(self, method, path, body):
        server, s3 = self.server, self.server.s3
        what, rest = f"{method} {path[0]}", path[1:]
        if what == "GET rules":
            return [rule.told() for rule in server.rules.rules]
        if what == "POST rules":
            specs = json.loads(body)
            return {"ids": [server.rules.add(spec) for spec in (specs if isinstance(specs, list) else [specs])]}
        if what == "DELETE rules":
            server.rules.rules = [rule for rule in server.rules.rules if rest and rule.id != rest[0]]
            return {}
        if what == "GET log":
            return {"requests": list(server.log), "in_flight": server.in_flight, "max_in_flight": server.max_in_flight,
                    "connections": len(server.open), "max_connections": server.max_connections}
        if what == "DELETE log":
            server.clear_log()
            return {}
        if what == "PUT settings":
            new = json.loads(body)
            if set(new) - set(SETTINGS):
                raise KeyError(sorted(set(new) - set(SETTINGS)))
            s3.settings.update(new)
            await server.set_down(s3.settings["down"])
        if what in ("GET settings", "PUT settings"):
            return s3.settings
        if path[0] == "objects":
            return self.objects(method, rest, body)
        if what == "GET uploads":
            return [{"id": name, "key": u.key, "parts": sorted(u.parts)} for name, u in s3.uploads.items()]
        if what == "PUT credentials":
            new = json.loads(body)
            expires = s3.now() + new["expires_s"] if "expires_s" in new else None
            s3.credentials[new["access_key"]] = (new["secret_key"], new.get("session_token"), expires)
            return {}
        if what == "DELETE credentials":
            del s3.credentials[rest[0]]
            return {}
        if what == "POST close":
            server.close_all(json.loads(body or "{}").get("how", "fin"))
            return {}
        if what == "POST reset":
            await server.reset()
            return {}
        raise KeyError(what)

    def objects(self, method, rest, body):
        s3 = self.server.s3
        if not rest:
            return {name: {key: {"size": len(o.data), "etag": o.etag} for key, o in bucket.objects.items()}
                    for name, bucket in s3.buckets.items()}
        bucket, key = s3.buckets[rest[0]], rest[1]
        if method == "PUT":
            bucket.put(key, Object(body, s3.etag_of(body), s3.now(), {"Content-Type": "binary/octet-stream"}))
        elif method == "DELETE":
            bucket.remove(key)
        else:
            return bucket.objects[key].data
        return {}
