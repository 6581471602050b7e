"""The operations on one object: put, get and head with ranges and conditions, delete."""
import email.utils
import re

from .answers import Response, S3Error, no_such_key, precondition_failed
from .checksums import check_body
from .objects import Object, check_conditions_of_write, kept_headers


def put_object(s3, request, body, plan):
    bucket = s3.buckets[request.bucket]
    kept = check_body(request, body)
    check_conditions_of_write(request, bucket.objects.get(request.key))
    item = Object(bytes(body), s3.etag_of(body), s3.now(), {**kept_headers(request), **kept})
    bucket.put(request.key, item)
    return Response(200, {"ETag": item.etag, **kept})


def find(s3, request, plan):
    """The object that is read, after what the plan does to it."""
    item = s3.buckets[request.bucket].objects.get(request.key)
    if item is None:
        if "hide_absent" in plan:
            raise S3Error(403, "AccessDenied", "Access Denied")
        raise no_such_key()
    if "replace" in plan:
        count = plan["replace"].get("length", len(item.data))
        data = s3.random.randbytes(count)
        item = Object(data, s3.etag_of(data), s3.now(), item.headers)
        s3.buckets[request.bucket].objects[request.key] = item
    return item


def get_object(s3, request, body, plan):
    item = find(s3, request, plan)
    match, none = request.get("if-match"), request.get("if-none-match")
    if match is not None and not item.matches(match) and "if-match" not in request.ignore:
        raise precondition_failed("If-Match")
    if item.matches(none) and "if-none-match" not in request.ignore:
        raise S3Error(304, "NotModified", headers={"ETag": item.etag})
    modified = email.utils.formatdate(item.modified, usegmt=True)
    size, headers = len(item.data), {"ETag": item.etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
    headers |= {name: value for name, value in item.headers.items() if not name.startswith("x-amz-checksum-")}
    span = None if "range" in request.ignore else range_of(request.get("range"), size)
    if "partNumber" in request.query:
        span = part_span(item, request.query["partNumber"], headers)
    elif span is None and request.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= {name: value for name, value in item.headers.items() if name.startswith("x-amz-checksum-")}
    first, end = span or (0, size)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(206 if span else 200, headers, length=end - first)
    return Response(206 if span else 200, headers, memoryview(item.data)[first:end])


def delete_object(s3, request, body, plan):
    s3.buckets[request.bucket].remove(request.key)
    return Response(204)


def range_of(header, size):
    """(first, end) of one range; None where S3 gives the whole object."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= size:
        raise S3Error(416, "InvalidRange", "The requested range is not satisfiable",
                      {"Content-Range": f"bytes */{size}"}, RangeRequested=header.removeprefix("bytes="),
                      ActualObjectSize=size)
    return begin, end


def part_span(item, number, headers):
    """(first, end) of one part of an upload; a plain object is one part."""
    sizes = item.parts or [len(item.data)]
    if not number.isdigit() or not 1 <= int(number) <= len(sizes):
        raise S3Error(416, "InvalidPartNumber", "There is no such part", ActualPartCount=len(sizes))
    if item.parts:
        headers["x-amz-mp-parts-count"] = len(sizes)
    first = sum(sizes[:int(number) - 1])
    return (first, first + sizes[int(number) - 1]) if item.data else None
