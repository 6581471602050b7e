#include "tier/file_usage.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/random.h"
#include "io/file.h"

namespace cairn {
namespace {

constexpr std::string_view kMagic = "cairn.usage.1 ";
constexpr std::size_t kTextBytesMax = 64;

}  // namespace

std::optional<std::uint64_t> read_usage(FileCalls& calls, int root, const std::string& directory) {
  const OwnedFile file(calls, calls.open_beneath(root, (directory + "/" + kUsageName).c_str(), O_RDONLY, 0));
  if (!file.open()) return std::nullopt;
  std::array<char, kTextBytesMax> text{};
  const iovec piece{text.data(), text.size()};
  const std::int64_t got = read_pieces(calls, file.get(), {&piece, 1}, 0, {});
  if (got <= 0) return std::nullopt;
  std::string_view rest(text.data(), static_cast<std::size_t>(got));
  if (!rest.starts_with(kMagic) || !rest.ends_with('\n')) return std::nullopt;
  rest = rest.substr(kMagic.size(), rest.size() - kMagic.size() - 1);
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), bytes);
  if (error != std::errc() || end != rest.data() + rest.size() || bytes > INT64_MAX) return std::nullopt;
  return bytes;
}

int write_usage(FileCalls& calls, int root, const std::string& directory, std::uint64_t bytes, unsigned mode) {
  const OwnedFile at(calls, calls.open_beneath(root, directory.c_str(), O_RDONLY | O_DIRECTORY, 0));
  if (!at.open()) return at.get();
  const std::string temporary = kUsageTemporaryPrefix + random_hex(8) + ".tmp";
  OwnedFile file(calls, calls.open_beneath(at.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode));
  if (!file.open()) return file.get();
  std::string text = std::string(kMagic) + std::to_string(bytes) + "\n";
  const iovec piece{text.data(), text.size()};
  const std::int64_t wrote = write_pieces(calls, file.get(), {&piece, 1}, 0, {});
  int result = wrote == static_cast<std::int64_t>(text.size()) ? file.finish()
               : wrote < 0                                     ? static_cast<int>(wrote)
                                                               : -EIO;
  if (result >= 0) result = calls.rename(at.get(), temporary.c_str(), kUsageName);
  if (result < 0) calls.unlink(at.get(), temporary.c_str());
  return result < 0 ? result : 0;
}

}  // namespace cairn
