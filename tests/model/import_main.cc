// Imports a GGUF file without the `cairn` program: import_main FILE.gguf DIR.
#include <cstdio>

#include "model/import.h"

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: import_main FILE.gguf DIR\n"), 2;
  const auto summary = cairn::model_import(argv[1], argv[2]);
  if (!summary) return std::fprintf(stderr, "import: %s\n", summary.error().detail.c_str()), 1;
  std::printf("%llu tensors, %llu parameters\n", static_cast<unsigned long long>(summary->tensors),
              static_cast<unsigned long long>(summary->parameters));
}
