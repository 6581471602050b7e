#!/usr/bin/env python3
"""The house rules as a test: room direction, mirrors, bans, sizes, paths in the documents. Prints one line a fault.

Rules and their reasons stand in ARCHITECTURE.md and docs/house-rules in prose; what a machine can check stands here.
tools/tidy_test.py plants each fault and expects it to be found.
"""
import re
import subprocess
import sys
from pathlib import Path

SOURCE_LINES_MAX, HEADER_LINES_MAX, FUNCTION_LINES_MAX, ROOM_FILES_MAX = 500, 250, 60, 60
ARCHITECTURE_LINES_MAX = 300

# pattern -> (what to use instead, rooms where it is allowed)
BANS = [
    (r"\bstd::(recursive_|shared_)?mutex\b|\bstd::lock_guard\b|\bstd::unique_lock\b", "base/mutex.h", {"base"}),
    (r"(?<![\w:])(?:std::)?(secure_)?getenv\s*\(", "the config room", {"config"}),
    (r"(?<![\w:])(?:std::)?s?rand\s*\(|\bstd::mt19937", "base/random.h", {"base"}),
    (r"\bsleep_for\b|\bsleep_until\b|(?<![\w:.>])u?sleep\s*\(", "a condition with a deadline", set()),
    (r"\bsystem_clock\b|\bsteady_clock\b|\bhigh_resolution_clock\b", "base/clock.h", {"base"}),
    (r"\bstd::cout\b|\bstd::cerr\b", "telemetry/log.h, or the verb's own output in apps", {"apps", "bench"}),
    (r"\busing namespace\b", "the names", set()),
    (r"\bFIXME\b|\bTODO\b|\bXXX\b", "an issue, or the work", set()),
    (r"\bassert\s*\(", "CAIRN_CHECK", set()),
    (r"^\s*//\s*TEST(_[FP])?\(", "a test that runs", set()),
]
THIRD_PARTY = re.compile(r'#include\s*[<"](boost/|nlohmann/|yaml-cpp/|CLI/|spdlog/|fmt/|prometheus/|xxhash|openssl/|pcre2|utf8proc|fuse)')
THIRD_PARTY_ROOMS = {"io", "http", "tier", "kv", "model", "text", "serve", "route", "config", "telemetry", "apps", "bench"}


def git_files(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    return [p for p in out.stdout.split("\n") if p and (root / p).is_file()]


def declared_rooms(root):
    """room -> set of rooms that its cairn_room() names."""
    rooms = {}
    for cmake in sorted((root / "src").glob("*/CMakeLists.txt")):
        text = re.sub(r"#.*", "", cmake.read_text())
        match = re.search(r"cairn_room\(\s*NAME\s+(\w+)([^)]*)\)", text)
        if match:
            depends = re.search(r"DEPENDS([^A-Z]*)", match.group(2))
            rooms[match.group(1)] = set(depends.group(1).split()) if depends else set()
        else:
            rooms[cmake.parent.name] = None  # a program: may include all
    return rooms


def closure(rooms, room):
    seen, todo = set(), [room]
    while todo:
        for below in rooms.get(todo.pop()) or ():
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def check_direction(root, files, rooms):
    for path in files:
        parts = path.split("/")
        if parts[0] != "src" or not path.endswith((".cc", ".h")):
            continue
        room = parts[1]
        if room not in rooms:
            yield f"{path}: room '{room}' has no cairn_room()"
            continue
        if rooms[room] is None:
            continue
        allowed = closure(rooms, room) | {room}
        for number, line in enumerate((root / path).read_text().split("\n"), 1):
            match = re.match(r'#include "([a-z_]+)/', line)
            if match and match.group(1) not in allowed:
                yield f"{path}:{number}: room {room} may not include {match.group(1)} (cairn_room names {', '.join(sorted(rooms[room])) or 'none'})"
            if THIRD_PARTY.match(line):
                if path.endswith(".h"):
                    yield f"{path}:{number}: a third-party header in a header; keep it in a .cc"
                elif room not in THIRD_PARTY_ROOMS:
                    yield f"{path}:{number}: room {room} uses no third-party library"


def check_cycles(rooms):
    for room in rooms:
        if room in closure(rooms, room):
            yield f"src/{room}/CMakeLists.txt: room {room} depends on itself"


def check_bans(root, files):
    for path in files:
        if not path.startswith(("src/", "tests/")) or not path.endswith((".cc", ".h")):
            continue
        room = path.split("/")[1] if path.startswith("src/") else "tests"
        for number, line in enumerate((root / path).read_text().split("\n"), 1):
            code = line if "TEST" in line else re.sub(r"//.*", "", line)
            code = re.sub(r'"(\\.|[^"\\])*"', '""', code) if "FIXME" not in line and "TODO" not in line else line
            for pattern, instead, allowed in BANS:
                if room not in allowed and re.search(pattern, code):
                    yield f"{path}:{number}: banned here: {re.search(pattern, code).group(0).strip()}; use {instead}"


def stand_ins(root):
    """source -> the test that covers it in place of a mirror, from tools/mirrors.txt."""
    file = root / "tools/mirrors.txt"
    rows = [line.split() for line in file.read_text().split("\n") if line and not line.startswith("#")] if file.exists() else []
    return {row[0]: row[1] for row in rows}


def check_mirrors(root, files):
    known, instead = set(files), stand_ins(root)
    for path in files:
        match = re.fullmatch(r"src/(\w+)/(\w+)\.cc", path)
        if not match or match.group(1) == "apps":
            continue
        mirror = instead.get(path, f"tests/{match.group(1)}/{match.group(2)}_test.cc")
        if mirror not in known:
            yield f"{path}: no mirror {mirror}"
    for path in instead:
        if path not in known:
            yield f"tools/mirrors.txt: names {path}, which does not exist"


def exceptions(root):
    """path -> (allowed lines, reason); the list may only shrink."""
    table = {}
    file = root / "tools/size_exceptions.txt"
    for line in file.read_text().split("\n") if file.exists() else []:
        if line.strip() and not line.startswith("#"):
            path, lines, reason = line.split(None, 2)
            table[path] = int(lines)
            assert reason
    return table


def functions(text):
    """(line, length) of each top-level or class-level body, by braces at the end of a line that closes a parameter list."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        if not re.search(r"\)\s*(const|noexcept|override|final|\s|->\s*[\w:<>, *&]+)*\{\s*$", line) or re.match(r"\s*(if|for|while|switch|else|\}|do)\b", line):
            continue
        indent = len(line) - len(line.lstrip())
        if indent > 2:
            continue
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(" " * indent + "}") and len(lines[end]) - len(lines[end].lstrip()) == indent:
                yield start + 1, end - start + 1
                break


def check_sizes(root, files):
    allowed = exceptions(root)
    rooms = {}
    for path in files:
        if not path.endswith((".cc", ".h")) or not path.startswith(("src/", "tests/", "bench/")):
            continue
        text = (root / path).read_text()
        lines = text.count("\n")
        limit = HEADER_LINES_MAX if path.endswith(".h") and path.startswith("src/") else SOURCE_LINES_MAX
        limit = max(limit, allowed.get(path, 0))
        if lines > limit:
            yield f"{path}: {lines} lines; at most {limit}"
        if path.startswith("src/"):
            rooms.setdefault(path.split("/")[1], []).append(path)
            for number, length in functions(text):
                if length > max(FUNCTION_LINES_MAX, allowed.get(f"{path}:function", 0)):
                    yield f"{path}:{number}: a function of {length} lines; at most {FUNCTION_LINES_MAX}"
    for room, members in rooms.items():
        if len(members) > ROOM_FILES_MAX:
            yield f"src/{room}: {len(members)} files; at most {ROOM_FILES_MAX}"


def check_documents(root, files, rooms):
    known = set(files)
    folders = {"/".join(p.split("/")[:i]) for p in files for i in range(1, p.count("/") + 1)}
    for path in files:
        if not path.endswith(".md"):
            continue
        text = (root / path).read_text()
        base = Path(path).parent
        for match in re.finditer(r"`((?:src|tests|docs|tools|cmake|deploy|python|bench|\.ci)/[\w./\-]*)`", text):
            name = match.group(1).rstrip("/")
            if name not in known and name not in folders:
                yield f"{path}: names {name}, which does not exist"
        for match in re.finditer(r"\]\((?!https?:|#)([^)#]+)", text):
            target = (root / base / match.group(1)).resolve()
            if not target.exists():
                yield f"{path}: links to {match.group(1)}, which does not exist"
    architecture = root / "ARCHITECTURE.md"
    if architecture.exists():
        text = architecture.read_text()
        if text.count("\n") > ARCHITECTURE_LINES_MAX:
            yield f"ARCHITECTURE.md: {text.count(chr(10))} lines; at most {ARCHITECTURE_LINES_MAX}"
        rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", text, re.M))
        for room, depends in rooms.items():
            if room not in rows:
                yield f"ARCHITECTURE.md: no row for room {room}"
            elif depends is not None and set(re.findall(r"\w+", rows[room])) - {"none"} != depends:
                yield f"ARCHITECTURE.md: room {room} says '{rows[room]}', cairn_room says '{' '.join(sorted(depends))}'"
        for room in rows:
            if room not in rooms:
                yield f"ARCHITECTURE.md: row for room {room}, which does not exist"


def faults(root):
    files = git_files(root)
    rooms = declared_rooms(root)
    yield from check_direction(root, files, rooms)
    yield from check_cycles(rooms)
    yield from check_bans(root, files)
    yield from check_mirrors(root, files)
    yield from check_sizes(root, files)
    yield from check_documents(root, files, rooms)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(faults(root))
    for fault in found:
        print(fault)
    print(f"tidy: {len(found)} faults" if found else "tidy: all good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
