// No bytes make the GGUF reader, its block formats or the tokenizer import crash.
#include "model/gguf.h"
#include "model/import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto file = cairn::GgufFile::parse(std::as_bytes(std::span(bytes, size)));
  if (!file) return 0;
  for (const cairn::GgufTensor& tensor : file->tensors()) {
    if (!file->values(tensor)) __builtin_trap();
  }
  static_cast<void>(file->number("general.alignment"));
  static_cast<void>(cairn::import_tokenizer(*file, 64));
  return 0;
}
