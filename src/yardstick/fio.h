// Runs fio, where it is installed, as the yardstick of a directory. Blocks. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace cairn {

enum class FioDirection : std::uint8_t { kWrite, kRead };

struct FioRun {
  std::string directory;
  FioDirection direction = FioDirection::kWrite;
  bool direct = true;
  std::uint64_t data_bytes = 0;
  std::uint32_t jobs = 4;
  std::string block_size = "1m";
};
// GB/s; 0 when fio is missing or failed. A read needs the files of a write with the same jobs and bytes.
double run_fio(const FioRun& run);

// The rate in fio's terse line, version 3; 0 when it is none.
double parse_fio_terse(const std::string& line, FioDirection direction);

}  // namespace cairn
