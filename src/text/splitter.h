// Cuts text into the pieces within which byte-pair merges may happen, by regular expressions as published with models.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

inline constexpr std::size_t kSplitPatternBytesMax = 16 * 1024;
inline constexpr std::size_t kSplitStepsMax = 8;                  // expressions applied one after the other
inline constexpr std::uint32_t kSplitMatchStepsMax = 50'000'000;  // back-tracking per match

// Immutable after make(); split() from any thread.
class Splitter {
 public:
  // Each expression cuts every piece the one before left into its matches and what lies between them. None: no cut.
  // kInvalid names an expression that does not compile.
  static Result<Splitter> make(const std::vector<std::string>& patterns);
  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  // Appends the pieces of `text` in order; their concatenation is `text`, none is empty. `text` is well-formed UTF-8
  // and outlives the pieces. kInvalid when a match exceeds its bound.
  Result<void> split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  struct Expression;
  explicit Splitter(std::vector<std::unique_ptr<Expression>> expressions);
  std::vector<std::unique_ptr<Expression>> expressions_;
};

// The expression that GPT-2's byte-level tokenizer splits with.
std::string_view gpt2_split_pattern();

}  // namespace cairn
