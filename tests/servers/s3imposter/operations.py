"""Which operation a request names, what is refused of any, and the way to its function."""
from .answers import S3Error, chunked_refused
from .bucket_operations import create_bucket, delete_objects, get_bucket_location, head_bucket, list_objects
from .multipart_operations import (abort_multipart_upload, complete_multipart_upload, create_multipart_upload,
                                   list_multipart_uploads, list_parts, upload_part)
from .object_operations import delete_object, get_object, put_object

# operation -> (what does it, method, has a key, query parameters that it must have, those that it may have)
OPERATIONS = {
    "HeadBucket": (head_bucket, "HEAD", False, (), ()),
    "ListObjectsV2": (list_objects, "GET", False, ("list-type",),
                      ("prefix", "delimiter", "start-after", "continuation-token", "max-keys", "encoding-type",
                       "fetch-owner")),
    "ListMultipartUploads": (list_multipart_uploads, "GET", False, ("uploads",),
                             ("prefix", "max-uploads", "key-marker", "upload-id-marker")),
    "GetBucketLocation": (get_bucket_location, "GET", False, ("location",), ()),
    "CreateBucket": (create_bucket, "PUT", False, (), ()),
    "DeleteObjects": (delete_objects, "POST", False, ("delete",), ()),
    "UploadPart": (upload_part, "PUT", True, ("partNumber", "uploadId"), ()),
    "PutObject": (put_object, "PUT", True, (), ()),
    "ListParts": (list_parts, "GET", True, ("uploadId",), ("max-parts", "part-number-marker")),
    "GetObject": (get_object, "GET", True, (), ("partNumber",)),
    "HeadObject": (get_object, "HEAD", True, (), ("partNumber",)),
    "AbortMultipartUpload": (abort_multipart_upload, "DELETE", True, ("uploadId",), ()),
    "DeleteObject": (delete_object, "DELETE", True, (), ()),
    "CreateMultipartUpload": (create_multipart_upload, "POST", True, ("uploads",), ()),
    "CompleteMultipartUpload": (complete_multipart_upload, "POST", True, ("uploadId",), ()),
}
REFUSED_HEADERS = ("x-amz-copy-source", "x-amz-trailer", "x-amz-decoded-content-length",
                   "x-amz-server-side-encryption-customer-algorithm")


def name_operation(request):
    """Sets request.op, or tells why not."""
    query = set(request.query) - {"x-id"}
    for op, (_, method, has_key, must, may) in OPERATIONS.items():
        if method == request.method and has_key == bool(request.key) and query >= set(must) and query <= {*must, *may}:
            request.op = op
            return
    if request.method not in ("GET", "PUT", "HEAD", "POST", "DELETE"):
        raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    raise S3Error(501, "NotImplemented", f"{request.method} with the parameters {sorted(query)} is not known here.")


def check_request(s3, request):
    """What is refused whatever the operation."""
    if "aws-chunked" in request.get("content-encoding", ""):
        raise chunked_refused()
    for name in REFUSED_HEADERS:
        if name in request.headers:
            raise S3Error(501, "NotImplemented", f"{name} is refused here.")
    if request.bucket not in s3.buckets and request.op != "CreateBucket":
        raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
    check_key(request.key)


def check_key(key):
    if len(key.encode()) > 1024:
        raise S3Error(400, "KeyTooLongError", "Your key is too long")
    if "//" in key or key.startswith("/") or {".", ".."} & set(key.split("/")):
        raise S3Error(400, "InvalidArgument", "Keys are paths here: no empty, '.' or '..' part can be.")


def run(s3, request, body, plan):
    """The answer to a request that was verified."""
    return OPERATIONS[request.op][0](s3, request, body, plan)
