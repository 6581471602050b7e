// Property: a head is one well-formed block with the framing it was asked for.
#include "http/exchange.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Http, FormatsHeads) {
  EXPECT_EQ(format_head({200, "text/plain", 5, false, false, false}, {{"A", "b"}}),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nA: b\r\n\r\n");
  EXPECT_EQ(format_head({200, "x", std::nullopt, true, true, false}, {}),
            "HTTP/1.1 200 OK\r\nContent-Type: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  for (const int status : {200, 400, 401, 404, 405, 408, 413, 415, 429, 431, 500, 503, 504})
    EXPECT_NE(reason_phrase(status), "Unknown");
}

}  // namespace
}  // namespace cairn
