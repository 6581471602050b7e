// Property: however an answer's bytes are cut, the same head and body come out, and it ends where its framing says.
#include "http/response_parser.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

using State = HttpResponseParser::State;
using AskedFor = HttpResponseParser::AskedFor;

struct Parsed {
  State state = State::kHead;
  HttpAnswerHead head;
  std::string body, detail;
  bool keep_alive = false;
};

Parsed parse(const std::string& bytes, std::size_t piece, bool ended = false, AskedFor asked = AskedFor::kBody) {
  HttpResponseParser parser(asked, 4096);
  Parsed parsed;
  for (std::size_t at = 0; at < bytes.size() && parser.state() != State::kBroken; at += piece) {
    parser.feed(std::string_view(bytes).substr(at, piece), [&](std::string_view part) { parsed.body += part; });
  }
  if (ended) parser.end();
  parsed.state = parser.state();
  parsed.detail = parser.detail();
  if (parsed.state != State::kHead) parsed.head = parser.head();
  if (parsed.state == State::kDone) parsed.keep_alive = parser.keep_alive();
  return parsed;
}

TEST(HttpResponseParser, EveryCutGivesTheSameAnswer) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\nhello,\r\n7;x=y\r\n world!\r\n0\r\n\r\n";
  const std::string counted = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-A: b\r\n\r\nwrong";
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + counted;
  for (std::size_t piece = 1; piece <= interim.size(); ++piece) {
    const Parsed first = parse(chunked, piece);
    EXPECT_EQ(first.state, State::kDone) << piece << first.detail;
    EXPECT_EQ(first.body, "hello, world!") << piece;
    EXPECT_EQ(first.head.status, 200);
    EXPECT_EQ(first.head.body_bytes, std::nullopt);
    EXPECT_TRUE(first.keep_alive);
    for (const Parsed& second : {parse(counted, piece), parse(interim, piece)}) {
      EXPECT_EQ(second.state, State::kDone) << piece << second.detail;
      EXPECT_EQ(second.body, "wrong");
      EXPECT_EQ(second.head.status, 404);
      EXPECT_EQ(second.head.body_bytes, 5u);
      EXPECT_EQ(second.head.headers, (HttpHeaders{{"Content-Length", "5"}, {"X-A", "b"}}));
    }
  }
}

TEST(HttpResponseParser, AnAnswerWithoutFramingLastsUntilTheConnectionEnds) {
  const std::string bytes = "HTTP/1.0 200 OK\r\n\r\nall of it";
  EXPECT_EQ(parse(bytes, 3).state, State::kBody);
  const Parsed parsed = parse(bytes, 3, true);
  EXPECT_EQ(parsed.state, State::kDone);
  EXPECT_EQ(parsed.body, "all of it");
  EXPECT_FALSE(parsed.keep_alive);
}

TEST(HttpResponseParser, AnAnswerCutShortIsBroken) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour", "HTTP/1.1 200 OK\r\nContent-Le", "",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n"}) {
    EXPECT_EQ(parse(bytes, 7, true).state, State::kBroken) << bytes;
  }
}

TEST(HttpResponseParser, WhatIsNotAnAnswerIsBroken) {
  for (const char* bytes : {
           "hello\r\n\r\n",
           "HTTP/1.1 20x OK\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nwrong",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nfour",
           "HTTP/1.1 204 No Content\r\n\r\nfour",
       }) {
    EXPECT_EQ(parse(bytes, 1000).state, State::kBroken) << bytes;
  }
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\n\r\n", 100).state, State::kBroken);
}

TEST(HttpResponseParser, AHeadIsAnsweredWithoutItsBody) {
  const Parsed parsed = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 9, false, AskedFor::kHeadOnly);
  EXPECT_EQ(parsed.state, State::kDone) << parsed.detail;
  EXPECT_EQ(parsed.head.body_bytes, 5u);
  EXPECT_EQ(parsed.body, "");
  for (const char* bytes : {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    EXPECT_EQ(parse(bytes, 9).state, State::kDone) << bytes;
  }
}

TEST(HttpResponseParser, ATrailerIsNoHeader) {
  const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: t\r\n\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Parsed parsed = parse(bytes, piece);
    EXPECT_EQ(parsed.state, State::kDone) << piece;
    EXPECT_EQ(parsed.head.headers.size(), 1u) << piece;
  }
}

TEST(HttpResponseParser, AConnectionThatWillCloseIsNotKept) {
  EXPECT_FALSE(parse("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 50).keep_alive);
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 50).keep_alive);
}

}  // namespace
}  // namespace cairn
