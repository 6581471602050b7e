#include "http/headers.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(HttpHeaders_, PassesOnWhatIsNotOfOneConnection) {
  const HttpHeaders headers = {{"Content-Type", "application/json"},
                               {"Connection", "keep-alive, X-Hop ,\tx-other"},
                               {"X-Hop", "1"},
                               {"X-OTHER", "2"},
                               {"Keep-Alive", "timeout=5"},
                               {"Transfer-Encoding", "chunked"},
                               {"Content-Length", "7"},
                               {"HOST", "a"},
                               {"Expect", "100-continue"},
                               {"TE", "trailers"},
                               {"Upgrade", "h2c"},
                               {"Set-Cookie", "a"},
                               {"Set-Cookie", "b"},
                               {"X-User-Id", "7"}};
  EXPECT_EQ(end_to_end(headers),
            (HttpHeaders{
                {"Content-Type", "application/json"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}, {"X-User-Id", "7"}}));
}

TEST(HttpHeaders_, FindsAFieldWhateverItsCase) {
  const HttpHeaders headers = {{"X-User-ID", "7"}, {"x-user-id", "8"}};
  EXPECT_EQ(header_of(headers, "x-user-id"), "7");
  EXPECT_EQ(header_of(headers, "x-user"), "");
}

}  // namespace
}  // namespace cairn
