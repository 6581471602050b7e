// Property: a request reads the same however its bytes are cut, and no bytes get past a limit.
#include "http/request_parser.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace cairn {
namespace {

using State = HttpRequestParser::State;

const std::string kPost =
    "POST /v1/completions?x=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    "X-Request-Id: r1\r\nContent-Length: 11\r\n\r\nhello world";

TEST(HttpRequestParser, ReadsTheSameAtEveryCut) {
  for (std::size_t cut = 0; cut <= kPost.size(); ++cut) {
    HttpRequestParser parser({});
    parser.feed(kPost.substr(0, cut));
    EXPECT_EQ(parser.feed(kPost.substr(cut) + "GET / next"), State::kDone) << cut;
    const HttpRequest& request = parser.request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/completions");
    EXPECT_EQ(request.query, "x=1");
    EXPECT_EQ(request.authorization, "Bearer k");
    EXPECT_EQ(request.content_type, "application/json");
    EXPECT_EQ(request.request_id, "r1");
    EXPECT_EQ(request.body, "hello world");
    EXPECT_TRUE(request.keep_alive);
    EXPECT_EQ(parser.take_rest(), "GET / next");
  }
}

TEST(HttpRequestParser, TheAbsoluteFormOfATargetMeansItsPath) {
  const auto path_of = [](const std::string& target) {
    HttpRequestParser parser({});
    EXPECT_EQ(parser.feed("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"), State::kDone) << target;
    return parser.request().path + "|" + parser.request().query;
  };
  EXPECT_EQ(path_of("http://host/v1/models"), "/v1/models|");
  EXPECT_EQ(path_of("HTTPS://host:8000/v1/models?a=1"), "/v1/models|a=1");
  EXPECT_EQ(path_of("http://host"), "/|");
  EXPECT_EQ(path_of("http://host?a=/b"), "/|a=/b");
  EXPECT_EQ(path_of("/http://host/x"), "/http://host/x|");
  EXPECT_EQ(path_of("ftp://host/x"), "ftp://host/x|");
}

TEST(HttpRequestParser, ReadsChunksAtEveryCut) {
  const std::string text =
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    HttpRequestParser parser({});
    parser.feed(text.substr(0, cut));
    parser.feed(text.substr(cut));
    ASSERT_EQ(parser.state(), State::kDone) << cut;
    EXPECT_EQ(parser.request().body, "hello world");
  }
}

TEST(HttpRequestParser, SmugglingFormsAreRefused) {
  for (const char* text :
       {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n"}) {
    HttpRequestParser parser({});
    EXPECT_EQ(parser.feed(text), State::kBroken) << text;
    EXPECT_EQ(parser.refusal(), HttpRefusal::kMalformed);
    EXPECT_FALSE(parser.detail().empty());
  }
}

TEST(HttpRequestParser, LimitsHoldBeforeMemoryIsTaken) {
  HttpRequestParser header({1024, 1024});
  std::uint64_t fed = 0;
  while (header.feed(fed == 0 ? "GET / HTTP/1.1\r\nX: " : std::string(100, 'a')) == State::kHeader && fed < 10'000)
    fed += 100;
  EXPECT_EQ(header.state(), State::kBroken);
  EXPECT_EQ(header.refusal(), HttpRefusal::kHeaderTooLarge);
  EXPECT_LE(fed, 1200u);

  HttpRequestParser declared({1024, 1024});
  EXPECT_EQ(declared.feed("POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n"), State::kBroken);
  EXPECT_EQ(declared.refusal(), HttpRefusal::kBodyTooLarge);

  HttpRequestParser chunked({1024, 1024});
  chunked.feed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20 && chunked.state() == State::kBody; ++i)
    chunked.feed("64\r\n" + std::string(100, 'x') + "\r\n");
  EXPECT_EQ(chunked.state(), State::kBroken);
  EXPECT_EQ(chunked.refusal(), HttpRefusal::kBodyTooLarge);
}

TEST(HttpRequestParser, MutatedRequestsNeverCrash) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = kPost;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    HttpRequestParser parser({2048, 2048});
    const std::size_t cut = random.below(text.size());
    parser.feed(text.substr(0, cut));
    parser.feed(text.substr(cut));
    EXPECT_LE(parser.buffered_bytes(), 8192u);
  }
}

}  // namespace
}  // namespace cairn
