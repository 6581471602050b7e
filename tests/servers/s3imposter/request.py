"""Requests as they arrive: the head and an XML body, both parsed strictly."""
import re
import xml.etree.ElementTree as ET
from urllib.parse import quote, unquote_to_bytes

from .answers import S3Error, malformed_xml

HEAD_BYTES_MAX = 65536
READ_BYTES = 1 << 18  # of a stream at once


def encode(text):
    """Percent-encoding as SigV4 wants it: all but A-Z a-z 0-9 - . _ ~ in upper case."""
    return quote(text, safe="")


class Request:
    """A request's head, parsed strictly."""

    def __init__(self, head):
        try:
            lines = head.decode("ascii").split("\r\n")[:-2]
            self.method, self.target, version = lines[0].split(" ")
        except ValueError:
            raise S3Error(400, "BadRequest", "The request line or a header is not HTTP.") from None
        self.headers, self.ignore, self.signature, self.scope, self.signed = {}, set(), "unchecked", "", []
        self.op, self.bucket, self.key, self.query = "Unknown", "", "", {}
        if version != "HTTP/1.1" or not self.target.startswith("/") or len(head) > HEAD_BYTES_MAX:
            raise S3Error(400, "BadRequest", "HTTP/1.1, a path and a head of bounded size are needed.")
        for line in lines[1:]:
            match = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*", line)
            if not match or match.group(1).lower() in self.headers:
                raise S3Error(400, "BadRequest", "A header is malformed or there twice.")
            self.headers[match.group(1).lower()] = match.group(2)
        if not self.get("host"):
            raise S3Error(400, "BadRequest", "The Host header is missing.")
        path, _, query = self.target.partition("?")
        self.path = self._unquote(path)
        for pair in query.split("&") if query else []:
            name, _, value = pair.partition("=")
            if self._unquote(name) in self.query:
                raise S3Error(400, "InvalidArgument", "A query parameter is there twice.")
            self.query[self._unquote(name)] = self._unquote(value.replace("+", " "))

    @staticmethod
    def _unquote(text):
        try:
            return unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None

    def get(self, name, default=None):
        return self.headers.get(name, default)

    def place(self, domain):
        """Bucket and key, of the virtual host or of the path."""
        host = self.get("host").rsplit(":", 1)[0].lower()
        if host.endswith("." + domain):
            self.bucket, self.key = host[:-len(domain) - 1], self.path[1:]
        else:
            self.bucket, _, self.key = self.path[1:].partition("/")

    def length(self):
        given = self.get("content-length")
        if self.get("transfer-encoding") is not None:
            raise S3Error(501, "NotImplemented", "Transfer-Encoding is refused here.")
        if given is None:
            if self.method in ("PUT", "POST") and self.op not in ("CreateMultipartUpload", "CreateBucket"):
                raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
            return 0
        if not re.fullmatch(r"[0-9]{1,15}", given):
            raise S3Error(400, "BadRequest", "Content-Length is not a number.")
        return int(given)


def parse_xml(body, root):
    """The root element, its namespace taken off."""
    try:
        tree = ET.fromstring(bytes(body))
    except ET.ParseError:
        tree = None
    if tree is not None:
        for node in tree.iter():
            node.tag = node.tag.rpartition("}")[2]
    if tree is None or tree.tag != root:
        raise malformed_xml()
    return tree
