// However the bytes of a stream are cut, the answer is the same; what is no whole answer is an error that says why.
#include "bench/chat_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string event(const std::string& json) { return "data: " + json + "\n\n"; }
std::string piece(const std::string& text) {
  return event(R"({"choices":[{"index":0,"delta":{"content":")" + text + R"("}}]})");
}
const std::string kRole = event(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})");
const std::string kEnd = event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":null})");
const std::string kUsage =
    event(R"({"choices":[],"usage":{"prompt_tokens":120,"completion_tokens":3,"total_tokens":123,)"
          R"("prompt_tokens_details":{"cached_tokens":96,"cached_tokens_by_tier":{"device":32,"ram":64}}}})");
const std::string kDone = "data: [DONE]\n\n";

Result<ChatAnswer> read(const std::string& bytes) {
  ChatStream stream;
  stream.feed(bytes, 1);
  return stream.finish();
}

std::string error_of(const std::string& bytes) {
  const Result<ChatAnswer> answer = read(bytes);
  return answer ? "no error" : answer.error().detail;
}

void expect_whole(const Result<ChatAnswer>& answer) {
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->text, "Once upon");
  EXPECT_EQ(answer->finish_reason, "length");
  ASSERT_TRUE(answer->usage);
  EXPECT_EQ(answer->usage->prompt_tokens, 120u);
  EXPECT_EQ(answer->usage->completion_tokens, 3u);
  EXPECT_EQ(answer->usage->cached_tokens, 96u);
  EXPECT_THAT(answer->usage->cached_by_tier, ElementsAre(std::pair<std::string, std::uint64_t>("device", 32),
                                                         std::pair<std::string, std::uint64_t>("ram", 64)));
}

TEST(ChatStream, PiecesCarryTheTimeAtWhichTheyCame) {
  ChatStream stream;
  stream.feed(kRole, 100);
  stream.feed(piece("Once"), 250);
  stream.feed(piece(" up") + piece("on"), 300);
  stream.feed(kEnd + kUsage + kDone, 310);
  const Result<ChatAnswer> answer = stream.finish();
  expect_whole(answer);
  EXPECT_THAT(answer->pieces_us, ElementsAre(250, 300, 300)) << "an empty piece is no first token";
}

TEST(ChatStream, CutsAtEveryByteAndAnyLineEndMakeNoDifference) {
  const std::string lf =
      kRole + ": a comment\n\nid: 7\nretry: 10\n" + piece("Once") + piece(" upon") + kEnd + kUsage + kDone;
  std::string crlf, cr;
  for (const char c : lf) {
    crlf += c == '\n' ? "\r\n" : std::string(1, c);
    cr += c == '\n' ? '\r' : c;
  }
  for (const std::string& bytes : {lf, crlf, cr}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      ChatStream stream;
      stream.feed(std::string_view(bytes).substr(0, cut), 1);
      stream.feed(std::string_view(bytes).substr(cut), 2);
      expect_whole(stream.finish());
      if (HasFailure()) FAIL() << "cut at " << cut;
    }
    ChatStream stream;
    for (const char& c : bytes) stream.feed(std::string_view(&c, 1), 1);
    expect_whole(stream.finish());
  }
}

TEST(ChatStream, AnEventMayHaveSeveralLinesOfData) {
  expect_whole(
      read("data: {\"choices\":[{\"delta\":\ndata:{\"content\":\"Once upon\"}}]}\n\n" + kEnd + kUsage + kDone));
}

TEST(ChatStream, ReasoningCountsAsText) {
  const Result<ChatAnswer> answer =
      read(event(R"({"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]})") + kUsage + kDone);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "hm");
}

TEST(ChatStream, AServerWithoutCacheDetailsGivesNone) {
  const Result<ChatAnswer> answer =
      read(piece("a") + event(R"({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}})") + kDone);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->usage->cached_tokens);
}

TEST(ChatStream, WhatIsNoWholeAnswerSaysWhy) {
  EXPECT_THAT(error_of(piece("a") + kUsage), HasSubstr("without [DONE]"));
  EXPECT_THAT(error_of(piece("a") + kUsage + "data: [DONE]"), HasSubstr("without [DONE]"));
  EXPECT_THAT(error_of(kRole + kUsage + kDone), HasSubstr("no text"));
  EXPECT_THAT(error_of(piece("a") + kDone), HasSubstr("no usage"));
  EXPECT_THAT(error_of(""), HasSubstr("without [DONE]"));
  EXPECT_THAT(error_of(piece("a") + event(R"({"error":{"message":"the engine is gone"}})") + kDone),
              HasSubstr("the server: the engine is gone"));
  EXPECT_THAT(error_of(piece("a") + "event: error\n" + event(R"({"message":"too long"})")), HasSubstr("too long"));
  EXPECT_THAT(error_of(event("{\"choices\"")), HasSubstr("no JSON"));
  EXPECT_THAT(error_of(event("[1]")), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of("<html>\n"), HasSubstr("no event stream"));
}

TEST(ChatStream, OddButWellFormedEventsDoNoHarm) {
  for (const char* json : {"{}", R"({"choices":{}})", R"({"choices":[7]})", R"({"choices":[{"delta":[]}]})",
                           R"({"choices":[{"delta":{"content":5}}]})", R"({"usage":{"prompt_tokens":-1}})",
                           R"({"usage":[],"choices":null})"}) {
    expect_whole(read(event(json) + piece("Once upon") + kEnd + kUsage + kDone));
  }
}

TEST(ChatStream, AnEventWithoutAnEndIsRefusedAtItsBound) {
  ChatStream stream;
  const std::string some(64 * 1024, 'x');
  stream.feed("data: ", 1);
  for (int i = 0; i < 17; ++i) stream.feed(some, 1);
  const Result<ChatAnswer> answer = stream.finish();
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().detail, HasSubstr("longer than 1 MiB"));
}

TEST(ChatStream, DamagedBytesAreAnAnswerOrAnErrorAndNeverMore) {
  const std::string whole = kRole + piece("Once") + piece(" upon") + kEnd + kUsage + kDone;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    std::string bytes = whole;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      const std::size_t at = random.below(bytes.size());
      random.chance(0.5) ? bytes.replace(at, 1, 1, static_cast<char>(random.below(256)))
                         : bytes.erase(at, random.below(20));
    }
    ChatStream stream;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random.below(60);
      stream.feed(std::string_view(bytes).substr(at, size), 1);
      at += size;
    }
    const Result<ChatAnswer> answer = stream.finish();
    if (answer) {
      EXPECT_FALSE(answer->pieces_us.empty());
      EXPECT_LE(answer->text.size(), bytes.size());
    } else {
      EXPECT_FALSE(answer.error().detail.empty());
      EXPECT_EQ(answer.error().detail.find('\n'), std::string::npos) << "one line";
    }
  }
}

TEST(ChatStream, NothingCountsAfterTheEnd) {
  expect_whole(read(piece("Once upon") + kEnd + kUsage + kDone + "garbage\n\n"));
}

TEST(ChatStream, ARefusalGivesTheServersWords) {
  EXPECT_EQ(refusal_text(429, R"({"error":{"message":"the queue\nis full","code":429}})"),
            "HTTP 429: the queue is full");
  EXPECT_EQ(refusal_text(400, R"({"error":"no"})"), "HTTP 400: no");
  EXPECT_EQ(refusal_text(502, "Bad gateway"), "HTTP 502: Bad gateway");
  EXPECT_EQ(refusal_text(503, ""), "HTTP 503");
}

}  // namespace
}  // namespace cairn
