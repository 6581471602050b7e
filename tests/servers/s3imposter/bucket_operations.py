"""The operations on a bucket: what it is, what it lists, and deletion by a list of keys."""
import base64
import re

from .answers import Response, S3Error, iso, malformed_xml, result, tags
from .checksums import check_body, from_base64
from .request import encode, parse_xml


def head_bucket(s3, request, body, plan):
    return Response(200, {"x-amz-bucket-region": s3.region}, length=0)


def get_bucket_location(s3, request, body, plan):
    return result("LocationConstraint", s3.region if s3.region != "us-east-1" else "")


def create_bucket(s3, request, body, plan):
    if request.bucket in s3.buckets:
        raise S3Error(409, "BucketAlreadyOwnedByYou", "You already own this bucket.")
    raise S3Error(403, "AccessDenied", "Access Denied")


def list_objects(s3, request, body, plan):
    query = request.query
    limit = query.get("max-keys", "1000")
    if query["list-type"] != "2" or not limit.isdigit() or query.get("encoding-type", "url") != "url":
        raise S3Error(400, "InvalidArgument", "list-type must be 2, max-keys a number, encoding-type url.")
    limit, prefix = min(int(limit), s3.settings["list_keys_max"]), query.get("prefix", "")
    delimiter = query.get("delimiter", "")
    after, token = query.get("start-after", ""), query.get("continuation-token")
    if token is not None:
        raw = from_base64(token)
        if raw is None or not raw.startswith(b"after:"):
            raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect")
        after = raw[6:].decode()
    name = encode if "encoding-type" in query else str
    rows, count, last, more, groups = [], 0, "", False, set()
    objects = s3.buckets[request.bucket].objects
    for key in sorted((k for k in objects if k.startswith(prefix)), key=str.encode):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[:cut + len(delimiter)] if cut >= 0 else None
        if key.encode() <= after.encode() or group in groups or token is not None and group == after:
            continue
        if count == limit:
            more = limit > 0
            break
        count, last = count + 1, group or key
        if group is not None:
            groups.add(group)
            rows.append(f"<CommonPrefixes>{tags(Prefix=name(group))}</CommonPrefixes>")
        else:
            item = objects[key]
            fields = dict(Key=name(key), LastModified=iso(item.modified), ETag=item.etag, Size=len(item.data))
            rows.append(f"<Contents>{tags(**fields, StorageClass='STANDARD')}</Contents>")
    following = base64.b64encode(b"after:" + last.encode()).decode() if more else None
    head = tags(Name=request.bucket, Prefix=name(prefix), Delimiter=delimiter or None,
                StartAfter=query.get("start-after"), ContinuationToken=token, NextContinuationToken=following,
                KeyCount=count, MaxKeys=limit, EncodingType=query.get("encoding-type"),
                IsTruncated=str(more).lower())
    return result("ListBucketResult", head + "".join(rows))


def delete_objects(s3, request, body, plan):
    if not any(name == "content-md5" or name.startswith("x-amz-checksum-") for name in request.headers):
        raise S3Error(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
    check_body(request, body)
    root = parse_xml(body, "Delete")
    keys = [child.findtext("Key") for child in root.findall("Object")]
    if not 0 < len(keys) <= 1000 or not all(keys):
        raise malformed_xml()
    faulty, rows = plan.get("delete_errors"), []
    for key in keys:
        if faulty and re.search(faulty.get("key", ""), key):
            code = faulty.get("code", "InternalError")
            rows.append(f"<Error>{tags(Key=key, Code=code, Message='scripted')}</Error>")
            continue
        s3.buckets[request.bucket].remove(key)
        if root.findtext("Quiet") != "true":
            rows.append(f"<Deleted>{tags(Key=key)}</Deleted>")
    return result("DeleteResult", "".join(rows))
