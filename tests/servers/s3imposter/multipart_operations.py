"""Multipart uploads: begin, send a part, complete, abort, and the lists of uploads and parts."""
import hashlib

from .answers import Response, S3Error, iso, malformed_xml, result, tags
from .checksums import check_body
from .objects import Object, Upload, check_conditions_of_write, kept_headers
from .request import parse_xml


def upload_of(s3, request):
    upload = s3.uploads.get(request.query["uploadId"])
    if upload is None or (upload.bucket, upload.key) != (request.bucket, request.key):
        raise S3Error(404, "NoSuchUpload", "The specified upload does not exist.")
    return upload


def create_multipart_upload(s3, request, body, plan):
    name = s3.random.randbytes(16).hex()
    s3.uploads[name] = Upload(request.bucket, request.key, kept_headers(request), s3.now())
    return result("InitiateMultipartUploadResult", tags(Bucket=request.bucket, Key=request.key, UploadId=name))


def upload_part(s3, request, body, plan):
    upload, number = upload_of(s3, request), request.query["partNumber"]
    if not number.isdigit() or not 1 <= int(number) <= 10000:
        raise S3Error(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    kept = check_body(request, body)
    upload.parts[int(number)] = Object(bytes(body), f'"{hashlib.md5(body).hexdigest()}"', s3.now(), kept)
    return Response(200, {"ETag": upload.parts[int(number)].etag, **kept})


def complete_multipart_upload(s3, request, body, plan):
    upload, bucket = upload_of(s3, request), s3.buckets[request.bucket]
    rows = parse_xml(body, "CompleteMultipartUpload").findall("Part")
    wanted = [(part.findtext("PartNumber", ""), part.findtext("ETag", "")) for part in rows]
    numbers = [int(number) for number, _ in wanted if number.isdigit()]
    if not wanted or len(numbers) != len(wanted):
        raise malformed_xml()
    if numbers != sorted(set(numbers)):
        raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    parts = [upload.parts.get(number) for number in numbers]
    if any(part is None or part.etag.strip('"') != etag.strip('"') for part, (_, etag) in zip(parts, wanted)):
        raise S3Error(400, "InvalidPart", "One or more of the specified parts could not be found.")
    if any(len(part.data) < s3.settings["part_bytes_min"] for part in parts[:-1]):
        raise S3Error(400, "EntityTooSmall", "A part but the last is smaller than allowed.")
    check_conditions_of_write(request, bucket.objects.get(request.key))
    digest = hashlib.md5(b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)).hexdigest()
    item = Object(b"".join(part.data for part in parts), f'"{digest}-{len(parts)}"', s3.now(), upload.headers,
                  [len(part.data) for part in parts])
    bucket.put(request.key, item)
    del s3.uploads[request.query["uploadId"]]
    return result("CompleteMultipartUploadResult", tags(Bucket=request.bucket, Key=request.key, ETag=item.etag))


def abort_multipart_upload(s3, request, body, plan):
    upload_of(s3, request)
    del s3.uploads[request.query["uploadId"]]
    return Response(204)


def list_multipart_uploads(s3, request, body, plan):
    limit, prefix = int(request.query.get("max-uploads", 1000)), request.query.get("prefix", "")
    marker = (request.query.get("key-marker", ""), request.query.get("upload-id-marker", ""))
    found = sorted((u.key, name, u.started) for name, u in s3.uploads.items()
                   if u.bucket == request.bucket and u.key.startswith(prefix))
    found = [row for row in found if row[:2] > marker or marker == ("", "")]
    rows = "".join(f"<Upload>{tags(Key=key, UploadId=name, Initiated=iso(when))}</Upload>"
                   for key, name, when in found[:limit])
    more = len(found) > limit > 0
    head = tags(Bucket=request.bucket, Prefix=prefix, MaxUploads=limit, IsTruncated=str(more).lower(),
                NextKeyMarker=found[limit - 1][0] if more else None,
                NextUploadIdMarker=found[limit - 1][1] if more else None)
    return result("ListMultipartUploadsResult", head + rows)


def list_parts(s3, request, body, plan):
    parts = sorted(upload_of(s3, request).parts.items())
    rows = "".join(f"<Part>{tags(PartNumber=number, ETag=part.etag, Size=len(part.data))}</Part>"
                   for number, part in parts)
    head = tags(Bucket=request.bucket, Key=request.key, UploadId=request.query["uploadId"], IsTruncated="false")
    return result("ListPartsResult", head + rows)
