// A store that a file tier wrote, for tools that look at it from outside.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "evict/directory_files.h"
#include "tier/file_world.h"

namespace cairn::test {

class EvictTest : public testing::Test {
 protected:
  EvictTest() : tier_(world_.open()), files_(open_directory_files(world_.config.path).value()) {}
  void store(std::uint32_t count) {
    for (std::uint32_t n = 0; n < count; ++n) ASSERT_EQ(world_.put(*tier_, n), Outcome::kDone);
  }
  std::string file_of(std::uint32_t n) const { return world_.file_of(world_.id(n)); }
  std::string beneath(const std::string& path) const { return world_.config.path + "/" + path; }
  std::string directory() const { return world_.store_path().directory(); }
  static void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  static void age(const std::string& path, int hours) {
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  }
  FileWorld world_;
  std::unique_ptr<FileTier> tier_;
  std::unique_ptr<StoreFiles> files_;
  const SystemClock clock_;
};

}  // namespace cairn::test
