"""The listening server: its connections, the log of requests, and its certificates."""
import asyncio
import collections
import re
import ssl
import subprocess
import time

from .connection import Connection, Pace
from .objects import S3
from .request import READ_BYTES
from .rules import Rules

LOG_ENTRIES_MAX = 100_000


class Server:
    """What all connections share; control.py is its other face."""

    def __init__(self, options):
        self.options, self.s3, self.rules, self.pace = options, S3(options), Rules(options.seed), Pace()
        self.started, self.requests, self.connections, self.open, self.in_flight = time.monotonic(), 0, 0, set(), 0
        self.listener = self.tls = None
        self.port = options.port
        self.clear_log()

    async def reset(self):
        """As at the start, but for connections and counts of requests."""
        self.s3.reset()
        self.rules = Rules(self.options.seed)
        self.clear_log()
        await self.set_down(False)

    def clear_log(self):
        self.log = collections.deque(maxlen=LOG_ENTRIES_MAX)
        self.max_in_flight, self.max_connections = self.in_flight, len(self.open)

    def begin(self, entry, number, connection, head, request=None):
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        entry.update(number=number, connection=connection, started=time.monotonic() - self.started,
                     in_flight=self.in_flight, bytes_in=0, status=None)
        if request is None:
            entry.update(op="Malformed", method=head[:8].decode("latin-1"), signature="unchecked")
        else:
            entry.update(op=request.op, method=request.method, bucket=request.bucket, key=request.key,
                         query=request.query, range=request.get("range"), headers=_without_secrets(request.headers))
        self.log.append(entry)

    def finish(self, entry, bytes_out):
        self.in_flight -= 1
        entry.setdefault("end", "answered")
        entry.update(finished=time.monotonic() - self.started, bytes_out=bytes_out)

    async def accept(self, reader, writer):
        self.connections += 1
        connection = Connection(self, reader, writer)
        self.open.add(connection)
        self.max_connections = max(self.max_connections, len(self.open))
        try:
            await connection.serve()
        finally:
            self.open.discard(connection)

    async def listen(self):
        self.listener = await asyncio.start_server(self.accept, self.options.host, self.port, ssl=self.tls,
                                                   limit=READ_BYTES, backlog=1024)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def set_down(self, down):
        if down and self.listener:
            self.listener.close()
            self.listener = None
            self.close_all("reset")
        elif not down and not self.listener:
            await self.listen()

    def close_all(self, how):
        for connection in list(self.open):
            connection.hard_close() if how == "reset" else connection.writer.close()


def _without_secrets(headers):
    shown = dict(headers)
    for name in ("authorization", "x-amz-security-token"):
        if name in shown:
            shown[name] = "***"
    return shown


def make_certificates(folder, names):
    """A CA and a server certificate by the openssl command; kept when they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, key, chain = folder / "ca.pem", folder / "server.key", folder / "server.pem"
    if not chain.exists():
        hosts = ",".join(("IP:" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "DNS:") + name for name in names)
        (folder / "openssl.cnf").write_text(
            "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=imposter\n"
            "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
            "[server]\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName={hosts}\n")
        new = "openssl req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
        for command in (f"{new} /CN=imposter-ca -x509 -days 30 -extensions ca -keyout ca.key -out ca.pem",
                        f"{new} /CN=imposter -keyout server.key -out server.csr",
                        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 "
                        "-extfile openssl.cnf -extensions server -out server.pem"):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, ca
