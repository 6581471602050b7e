// A hand-made byte-level tokenizer: 256 bytes, a few merges, control and added tokens.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "text/bpe.h"
#include "text/tokenizer.h"

namespace cairn {

// Ids 0..255 are the bytes in their order; then come the merges' results, then the added tokens from 300 on.
inline nlohmann::json small_tokenizer_json() {
  using Json = nlohmann::json;
  Json vocabulary = Json::object();
  for (int b = 0; b < 256; ++b) {
    vocabulary[byte_level_spelling(std::string(1, static_cast<char>(b)))] = b;
  }
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "b"}, {"b", "c"}, {"ab", "c"}, {"a", "a"}, {"aa", "aa"}, {byte_level_spelling(" "), "abc"}};
  Json list = Json::array();
  for (std::size_t i = 0; i < merges.size(); ++i) {
    vocabulary[merges[i].first + merges[i].second] = 256 + i;
    list.push_back(merges[i].first + " " + merges[i].second);
  }
  const auto added = [](int id, const char* content, bool special, bool left, bool right, bool word) {
    return Json{{"id", id},        {"content", content},  {"special", special}, {"lstrip", left},
                {"rstrip", right}, {"single_word", word}, {"normalized", false}};
  };
  Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}, {"trim_offsets", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens",
           {added(300, "<bos>", true, false, false, false), added(301, "<eos>", true, false, true, false),
            added(302, "<t>", false, true, false, false), added(303, "cat", false, false, false, true)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", list}}}};
}

inline std::unique_ptr<Tokenizer> make_tokenizer(const nlohmann::json& file) {
  auto tokenizer = Tokenizer::parse({.tokenizer_json = file.dump()});
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().detail);
  return tokenizer ? std::move(*tokenizer) : nullptr;
}

inline std::string refusal(const nlohmann::json& file) {
  const auto tokenizer = Tokenizer::parse({.tokenizer_json = file.dump()});
  return tokenizer ? "accepted" : tokenizer.error().detail;
}

}  // namespace cairn
