"""Scripted faults: the rules that a request matches, the plan that they make together, and what a plan makes of an
answer; connection.py sends it, late or broken off where the plan says so."""
import collections
import hashlib
import random
import re

from .answers import Response, S3Error

KINDS = {"status", "reset", "fin", "stall", "short", "long", "endless", "chunked", "flip", "etag", "replace", "ignore",
         "drip", "latency", "redirect", "garbage", "close", "hide_absent", "delete_errors"}
PLACES = {"head", "request_half", "request", "headers", "half", "end"}
CODES = {400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 409: "OperationAborted",
         412: "PreconditionFailed", 429: "TooManyRequests", 500: "InternalError", 501: "NotImplemented",
         503: "SlowDown"}


class Rule:
    def __init__(self, spec, number, seed):
        unknown = set(spec) - {"id", "match", "nth", "after", "times", "per_key", "probability", "seed", "action"}
        self.match, actions = spec.get("match", {}), spec.get("action", [])
        self.actions = actions if isinstance(actions, list) else [actions]
        bad = [a for a in self.actions
               if a.get("do") not in KINDS or not isinstance(a.get("at", 0), int) and a["at"] not in PLACES]
        if unknown or bad or not self.actions or set(self.match) - {"op", "key", "range"}:
            raise ValueError(f"not a rule: {spec}")
        self.spec, self.id, self.seed = spec, str(spec.get("id", number)), spec.get("seed", seed)
        self.seen, self.fired, self.drawn = collections.Counter(), 0, collections.Counter()
        nth, ops = spec.get("nth", []), self.match.get("op", [])
        self.nth, self.ops = nth if isinstance(nth, list) else [nth], ops if isinstance(ops, list) else [ops]
        self.key, self.range = re.compile(self.match.get("key", "")), re.compile(self.match.get("range", ""))

    def draw(self, request, text=""):
        """A number below 2^64 that the seed and the request decide, not the order of arrival."""
        name = f"{self.seed}|{self.id}|{request.method}|{request.target}|{request.get('range')}|{text}"
        self.drawn[name] += 1
        return int.from_bytes(hashlib.sha256(f"{name}|{self.drawn[name]}".encode()).digest()[:8], "big")

    def fires(self, request):
        if self.ops and request.op not in self.ops and request.method not in self.ops:
            return False
        if not self.key.search(request.key) or not self.range.search(request.get("range", "")):
            return False
        who = request.key if self.spec.get("per_key") else ""
        self.seen[who] += 1
        count = self.seen[who] - self.spec.get("after", 0)
        if count < 1 or self.nth and count not in self.nth or count > self.spec.get("times", count):
            return False
        if self.draw(request) / 2.0**64 >= self.spec.get("probability", 1):
            return False
        self.fired += 1
        return True

    def told(self):
        return {**self.spec, "id": self.id, "matched": sum(self.seen.values()), "fired": self.fired}


class Rules:
    def __init__(self, seed):
        self.seed, self.rules, self.number = seed, [], 0

    def add(self, spec):
        self.number += 1
        self.rules.append(Rule(spec, self.number, self.seed))
        return self.rules[-1].id

    def plan(self, request):
        """kind -> action, of all rules that fire; "fired" has their names."""
        plan = {"fired": []}
        for rule in self.rules:
            if not rule.fires(request):
                continue
            plan["fired"].append(rule.id)
            for action in rule.actions:
                kind = action["do"]
                if kind == "ignore":
                    what = action.get("what", [])
                    request.ignore |= {what} if isinstance(what, str) else set(what)
                elif kind not in plan:
                    plan[kind] = {**action, "draw": rule.draw(request, kind)}
        for kind in ("reset", "fin", "stall"):
            if kind in plan:
                plan["cut"] = {"how": kind, "at": plan[kind].get("at", "half"), "apply": plan[kind].get("apply", False)}
                break
        return plan


def refusal(plan):
    """What a rule of the kind status answers."""
    action = plan["status"]
    status = action["status"]
    wait = {"Retry-After": str(action["retry_after"])} if "retry_after" in action else {}
    code = action.get("code") or CODES.get(status, "InternalError")
    return S3Error(status, code, action.get("message", "scripted"), wait)


def scripted_error(plan, request):
    """What is answered in place of the operation's answer, or None."""
    if "status" in plan:
        return refusal(plan)
    if "redirect" not in plan:
        return None
    to, status = plan["redirect"]["to"], plan["redirect"].get("status", 307)
    code = "PermanentRedirect" if status == 301 else "TemporaryRedirect"
    return S3Error(status, code, "Please re-send this request to the specified endpoint.",
                   {"Location": to.rstrip("/") + request.target}, Endpoint=to)


def change_etag(action, headers):
    headers["ETag"] = f'"{action["draw"]:016x}"' if action.get("changing") else action.get("value", '"wrong"')
    if action.get("missing"):
        del headers["ETag"]


def flip_bit(action, body):
    body = bytearray(body)
    bit = action.get("bit", action["draw"]) % (8 * len(body))
    body[bit // 8] ^= 1 << bit % 8
    return body


def stretch(plan, length, body):
    """(declared length, body, how it ends) of answers that are shorter or longer than they ought to be."""
    if "short" in plan:
        missing = min(plan["short"].get("by", 1), len(body))
        cut = plan["short"].get("declared", "whole") == "cut"
        return length - missing if cut else length, memoryview(body)[:len(body) - missing], None if cut else "fin"
    if "long" in plan:
        more = plan["long"].get("by", 1)
        declared = length + more if plan["long"].get("declared", "long") == "long" else length
        return declared, bytes(body) + b"\xa5" * more, None
    if "endless" in plan:
        return None, body, "endless"
    return length, body, None


def garbage(action, response):
    """The response with XML that no parser should take, or the bytes that come in place of a response."""
    what = action.get("what", "http")
    if what == "xml":
        text = b'<?xml version="1.0"?><ListBucketResult><Contents><Key>a</Ke \xff\xfe'
        return Response(response.status, response.headers, text)
    if what == "bomb":
        levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10))
        text = f"<!DOCTYPE r [{levels}]><ListBucketResult><Prefix>&l9;</Prefix></ListBucketResult>"
        return Response(response.status, response.headers, text.encode())
    text = {"length": b"HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\nxxxx",
            "headers": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-long: " + b"a" * (4 << 20) + b"\r\n\r\n"}
    return text.get(what) or random.Random(action["draw"]).randbytes(512).replace(b"\n", b"?")
