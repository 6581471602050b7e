#!/usr/bin/env python3
"""A strict S3 server in memory whose faults are scripted: what real servers do wrong can be had on demand.

    imposter.py --port 0 --control-port 0 --ready-file F --bucket b --access-key K --secret-key S [--tls-dir D]

The ready file is JSON: url, control, bucket, region, domain (BUCKET.DOMAIN:PORT is the virtual host), ca, pid.
The control port speaks JSON over HTTP, without a key:

    POST /rules          one rule or a list -> {"ids": [...]};  GET /rules: with counts;  DELETE /rules[/ID]
    GET /log             every request, and the most that were in flight at once;  DELETE /log
    PUT /settings        any of SETTINGS in s3imposter/objects.py;  GET /settings
    GET /objects         names, sizes, ETags;  GET, PUT, DELETE /objects/BUCKET/KEY: bytes past all checks
    PUT /credentials     {"access_key", "secret_key", "session_token"?, "expires_s"?};  DELETE /credentials/KEY
    POST /close          ends every open connection ({"how": "fin" or "reset"});  POST /reset: as at the start

A rule: {"match": {"op", "key", "range"}, "nth", "after", "times", "per_key", "probability", "seed", "action"}.
`op` is S3's name of the operation or the HTTP method, `key` a regexp that is searched, `range` one for that header.
nth (number or list) counts matching requests from 1; after skips so many, times fires so often; per_key counts for each
key by itself. A probability is drawn from the seed and the request, so the order of arrival does not matter.
The first rule that gives an action of a kind wins; actions of different kinds add up. An action is {"do": KIND, ...}:

    status    status, code?, retry_after?, apply? (do it all the same), at "head": answer before the body is read
    reset fin stall   at: head, request_half, request (all is read), headers, half (default), end, or a byte offset of
              the answer's body; apply?: with at "request" the operation is done and its answer lost
    short     by n bytes; declared "whole" (then FIN) or "cut" (Content-Length is that much smaller)
    long      by n bytes; declared "long", or "right" (the bytes beyond Content-Length come all the same)
    endless   no Content-Length, no end;  chunked: Transfer-Encoding instead of Content-Length
    flip      one bit: bit n, else by the seed
    etag      value, or changing: true, or missing: true
    replace   the object becomes other bytes of the same length before the answer (length n: of another one)
    ignore    what: list of if-match, if-none-match, range, region, skew, signature, checksum, payload
    drip      bytes_per_s;  latency: s, jitter_s?
    redirect  to, status? (307);  garbage: what: http, length, headers, xml, bomb
    close     after the answer; announce: false leaves "Connection: close" out
    hide_absent   403 where 404 is due
    delete_errors key regexp, code: DeleteObjects reports these as failed
"""
import argparse
import asyncio
import ctypes
import json
import os
import signal
from pathlib import Path

from s3imposter.control import Control
from s3imposter.server import Server, make_certificates


async def main(options):
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server, ca = Server(options), None
    if options.tls_dir:
        names = options.tls_name or ["localhost", options.domain, "*." + options.domain, "127.0.0.1", "::1"]
        server.tls, ca = make_certificates(Path(options.tls_dir).resolve(), names)
    await server.listen()
    control_port = await Control(server).listen(options.host, options.control_port)
    if options.ready_file:
        told = {"url": f"{'https' if server.tls else 'http'}://{options.host}:{server.port}",
                "bucket": options.bucket[0], "control": f"http://{options.host}:{control_port}",
                "region": options.region, "domain": options.domain, "ca": str(ca) if ca else None, "pid": os.getpid()}
        written = Path(options.ready_file + ".new")
        written.write_text(json.dumps(told))
        written.rename(options.ready_file)
    await stop.wait()
    os._exit(0)  # connections that stall are not waited for


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--ready-file")
    parser.add_argument("--bucket", action="append", required=True, help="may be given more than once")
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--session-token")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--domain", default="s3.localhost", help="BUCKET.DOMAIN is the virtual host")
    parser.add_argument("--tls-dir", help="speaks TLS; the folder gets ca.pem and the rest")
    parser.add_argument("--tls-name", action="append", help="what the certificate is for, in place of all that fits")
    parser.add_argument("--unsigned-payload", choices=["tls", "always", "never"], default="tls")
    parser.add_argument("--bandwidth", type=int, default=0, help="bytes a second")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() == parent:
        asyncio.run(main(arguments()))
