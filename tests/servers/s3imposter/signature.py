"""SigV4 in the Authorization header: every step checked, the body's hash too."""
import calendar
import functools
import hashlib
import hmac
import re
import time
from urllib.parse import quote

from .answers import S3Error, chunked_refused
from .request import encode

SKEW_S_MAX = 900
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/([^/,\s]+)/([^/,\s]*)/([^/,\s]+)/([^/,\s]+), ?"
                           r"SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})")


def signature_of(secret, date, region, service, to_sign):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def verify(request, s3):
    """Header SigV4, all of it but the body; the body's hash is compared when it is there."""
    given, malformed = request.get("authorization"), functools.partial(S3Error, 400, "AuthorizationHeaderMalformed")
    if given is None:
        request.signature = "absent"
        if "X-Amz-Signature" in request.query:
            raise S3Error(501, "NotImplemented", "Presigned requests are refused here.")
        raise S3Error(403, "AccessDenied", "Access Denied")
    request.signature = "wrong"
    match = AUTHORIZATION.fullmatch(given)
    if not match:
        if not given.startswith("AWS4-HMAC-SHA256"):
            raise S3Error(400, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")
        raise malformed("The authorization header is malformed.")
    access_key, date, region, service, terminator, signed, signature = match.groups()
    request.scope, request.signed = f"{date}/{region}/{service}/{terminator}", signed.split(";")
    stamp = request.get("x-amz-date", "")
    try:
        when = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise S3Error(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if terminator != "aws4_request" or service != "s3":
        raise malformed(f'The authorization header is malformed; incorrect service "{service}".')
    if date != stamp[:8]:
        raise malformed(f'The authorization header is malformed; Invalid credential date "{date}".')
    if region != s3.region and "region" not in request.ignore:
        raise malformed(f"The authorization header is malformed; '{region}' is wrong; expecting '{s3.region}'",
                        {"x-amz-bucket-region": s3.region}, Region=s3.region)
    unknown_key = S3Error(403, "InvalidAccessKeyId", "There is no such access key.", AWSAccessKeyId=access_key)
    if access_key not in s3.credentials:
        raise unknown_key
    secret, token, expires = s3.credentials[access_key]
    sent_token = request.get("x-amz-security-token")
    if token is not None and sent_token is None:
        raise unknown_key
    if sent_token != token:
        raise S3Error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    if expires is not None and s3.now() >= expires:
        raise S3Error(400, "ExpiredToken", "The provided token has expired.")
    if abs(s3.now() - when) > SKEW_S_MAX and "skew" not in request.ignore:
        raise S3Error(403, "RequestTimeTooSkewed", "The request time and the current time differ too much.",
                      RequestTime=stamp, ServerTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s3.now())),
                      MaxAllowedSkewMilliseconds=SKEW_S_MAX * 1000)
    unsigned = [n for n in request.headers if (n == "host" or n.startswith("x-amz-")) and n not in request.signed]
    if unsigned:
        raise S3Error(403, "AccessDenied", "There were headers present which were not signed",
                      HeadersNotSigned=", ".join(unsigned))
    hashed = request.get("x-amz-content-sha256")
    if hashed is None:
        raise S3Error(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if hashed.startswith("STREAMING-"):
        raise chunked_refused()
    lines = [request.method, quote(request.path, safe="/"),
             "&".join(sorted(f"{encode(k)}={encode(v)}" for k, v in request.query.items())),
             *(f"{n}:{' '.join(request.headers.get(n, '').split())}" for n in request.signed), "",
             ";".join(request.signed), hashed]
    canonical = "\n".join(lines)
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, request.scope, hashlib.sha256(canonical.encode()).hexdigest()])
    right = signature_of(secret, date, region, service, to_sign)
    if request.signed != sorted(set(request.signed)) or not hmac.compare_digest(right, signature):
        if "signature" not in request.ignore:
            raise S3Error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match yours.",
                          AWSAccessKeyId=access_key, StringToSign=to_sign, SignatureProvided=signature,
                          CanonicalRequest=canonical)
    else:
        request.signature = "right"
    if hashed == "UNSIGNED-PAYLOAD":
        if s3.settings["unsigned_payload"] == "never" or s3.settings["unsigned_payload"] == "tls" and not s3.tls:
            raise S3Error(400, "InvalidRequest", "UNSIGNED-PAYLOAD is allowed over TLS only.")
    elif not re.fullmatch(r"[0-9a-f]{64}", hashed):
        raise S3Error(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.",
                      ArgumentName="x-amz-content-sha256", ArgumentValue=hashed)


def verify_payload(request, body):
    hashed = request.get("x-amz-content-sha256")
    if hashed != "UNSIGNED-PAYLOAD" and "payload" not in request.ignore:
        right = hashlib.sha256(body).hexdigest()
        if right != hashed:
            raise S3Error(400, "XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the body's hash.",
                          ClientComputedContentSHA256=hashed, S3ComputedContentSHA256=right)
