"""What goes back to a client: the errors by S3's names, responses, their heads and their XML."""
import dataclasses
import time
from xml.sax.saxutils import escape

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified",
           307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           409: "Conflict", 411: "Length Required", 412: "Precondition Failed", 416: "Requested Range Not Satisfiable",
           429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 503: "Slow Down"}


class S3Error(Exception):
    """An answer that is an error; `fields` are further elements of its XML."""

    def __init__(self, status, code, message="", headers=None, **fields):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code
        self.headers, self.fields = headers or {}, fields


def malformed_xml():
    return S3Error(400, "MalformedXML", "The XML was not well-formed or is not what this operation takes.")


def precondition_failed(condition):
    return S3Error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold", Condition=condition)


def no_such_key():
    return S3Error(404, "NoSuchKey", "The specified key does not exist.")


def chunked_refused():
    return S3Error(501, "NotImplemented", "aws-chunked bodies are refused here: send the body as it is.")


@dataclasses.dataclass
class Response:
    status: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    length: int = None  # of a HEAD's absent body


def head_of(status, headers):
    """The bytes before an answer's body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Scripted')}\r\n{lines}\r\n".encode()


def xml_response(text, status=200, headers=None):
    body = ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode()
    return Response(status, {"Content-Type": "application/xml", **(headers or {})}, body)


def tags(**values):
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items() if value is not None)


def result(name, text):
    return xml_response(f'<{name} xmlns="{XMLNS}">{text}</{name}>')


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def error_response(error, request, number):
    fields = dict(Code=error.code, Message=error.message, Key=request.key or None, BucketName=request.bucket or None,
                  Resource=request.target, **error.fields, RequestId=f"{number:016X}", HostId="imposter")
    if request.method == "HEAD" or error.status == 304:
        return Response(error.status, {"Content-Type": "application/xml", **error.headers})
    return xml_response(f"<Error>{tags(**fields)}</Error>", error.status, error.headers)
