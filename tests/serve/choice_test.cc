// Property: however often the news is taken, its texts sum to the whole, without a split code point or a stop string.
#include "serve/choice.h"

#include <gtest/gtest.h>

#include "text/small_model.h"

namespace cairn {
namespace {

struct Fed {
  std::string text, finish, stop;
  std::size_t logprobs = 0;
};

Fed feed(const CompletionRequest& request, const std::string& bytes, std::size_t take_every) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  Choice choice(*tokenizer, request, 3);
  Fed fed;
  const auto take = [&] {
    const ChoiceBody body = choice.take();
    EXPECT_EQ(body.index, 3u);
    fed.text += body.text;
    fed.finish += body.finish_reason;
    fed.stop += body.stop_reason;
    fed.logprobs += body.logprobs.size();
    EXPECT_EQ(code_points(body.text) == 0, body.text.empty());
    for (const char c : body.text.substr(0, 1)) EXPECT_NE(static_cast<unsigned char>(c) & 0xC0, 0x80);
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!choice.push({static_cast<unsigned char>(bytes[i]), -1, {}})) break;
    if ((i + 1) % take_every == 0) take();
  }
  choice.finish("length");
  take();
  EXPECT_TRUE(choice.finished());
  EXPECT_FALSE(choice.push({65, 0, {}}));
  return fed;
}

TEST(Choice, TextIsTheSameHoweverOftenItIsTaken) {
  const std::string bytes = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (const std::size_t every : {1, 2, 3, 100}) {
    const Fed fed = feed({}, bytes, every);
    EXPECT_EQ(fed.text, bytes);
    EXPECT_EQ(fed.finish, "length");
  }
  EXPECT_EQ(feed({}, "a\xe2\x82", 1).text, "a\xef\xbf\xbd");  // broken at the end, and only there
}

TEST(Choice, StopsAreCutOutAndNamed) {
  CompletionRequest request;
  request.stops = {"\xc3\xa9!"};
  request.sampling.logprobs = 0;
  const Fed fed = feed(request, "ab\xc3\xa9!cd", 1);
  EXPECT_EQ(fed.text, "ab");
  EXPECT_EQ(fed.finish, "stop");
  EXPECT_EQ(fed.stop, "\xc3\xa9!");
  EXPECT_EQ(fed.logprobs, 5u);
  EXPECT_EQ(feed(request, "ab\xc3\xa9", 1).text, "ab\xc3\xa9");  // a beginning that stayed one
}

}  // namespace
}  // namespace cairn
