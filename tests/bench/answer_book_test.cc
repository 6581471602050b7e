// Property: an answer that differs is named, and only questions that stood in the same chat are compared.
#include "bench/answer_book.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

RequestRecord answer(std::uint32_t user, std::uint32_t question, std::string digest) {
  RequestRecord record;
  record.user_id = user;
  record.question = question;
  record.answer_digest = std::move(digest);
  return record;
}

RequestRecord failed(std::uint32_t user, std::uint32_t question) {
  RequestRecord record = answer(user, question, "");
  record.end = RequestRecord::End::kFailed;
  return record;
}

using Records = std::vector<RequestRecord>;

TEST(AnswerBook, NothingSharedIsNoVerdict) {
  AnswerBook book;
  EXPECT_FALSE(book.equal());
  book.add("a", 400, Records{answer(1, 1, "x")});
  book.add("b", 800, Records{answer(1, 1, "y")});
  book.add("c", 400, Records{answer(2, 1, "y"), answer(1, 2, "y")});
  EXPECT_FALSE(book.equal());
  EXPECT_EQ(book.compared(), 0u);
}

TEST(AnswerBook, EqualAndDifferent) {
  AnswerBook book;
  book.add("device", 400, Records{answer(1, 1, "x"), answer(1, 2, "z")});
  book.add("ram", 400, Records{answer(1, 1, "x")});
  EXPECT_EQ(book.equal(), true);
  book.add("store", 400, Records{answer(1, 1, "x"), answer(1, 2, "w")});
  EXPECT_EQ(book.equal(), false);
  EXPECT_EQ(book.compared(), 3u);
  ASSERT_EQ(book.differing().size(), 1u);
  for (const char* part : {"400", "user 1", "question 2", "'store'", "'device'", "w", "z"}) {
    EXPECT_NE(book.differing()[0].find(part), std::string::npos) << part;
  }
}

TEST(AnswerBook, AfterAFailureTheChatIsAnother) {
  AnswerBook book;
  book.add("device", 400, Records{answer(1, 1, "a"), answer(1, 2, "b"), answer(1, 3, "c"), answer(2, 3, "d")});
  book.add("ram", 400, Records{answer(1, 1, "a"), failed(1, 2), answer(1, 3, "other"), answer(2, 3, "d")});
  EXPECT_EQ(book.equal(), true);
  EXPECT_EQ(book.compared(), 2u);
}

TEST(AnswerBook, TheListIsBoundedAndTheCountIsNot) {
  AnswerBook book;
  Records one, other;
  for (std::uint32_t i = 0; i < 50; ++i) {
    one.push_back(answer(i, 1, "x"));
    other.push_back(answer(i, 1, "y"));
  }
  book.add("a", 1, one);
  book.add("b", 1, other);
  EXPECT_EQ(book.differing().size(), AnswerBook::kDifferingMax);
  EXPECT_EQ(book.compared(), 50u);
  EXPECT_EQ(book.equal(), false);
}

}  // namespace
}  // namespace cairn
