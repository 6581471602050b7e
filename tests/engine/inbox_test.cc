// Property: the inbox never holds more than it may, hands each arrival and each cancel over once, and only of live
// requests.
#include "engine/inbox.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Inbox, CountsWaitingRequestsAgainstItsBound) {
  Inbox inbox(2);
  ASSERT_TRUE(inbox.post({}).has_value());
  EXPECT_EQ(inbox.take().arrivals.size(), 1u);
  ASSERT_TRUE(inbox.post({}).has_value());
  const auto third = inbox.post({});
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, ErrorCode::kExhausted);
  inbox.waiting(0);  // the first was admitted
  EXPECT_TRUE(inbox.post({}).has_value());
}

TEST(Inbox, CancelsEachLiveRequestOnce) {
  Inbox inbox(8);
  const RequestId id = *inbox.post({});
  inbox.cancel(id);
  inbox.cancel(id);
  inbox.cancel({99});
  EXPECT_EQ(inbox.take().cancels, std::vector<RequestId>{id});
  EXPECT_TRUE(inbox.take().cancels.empty());
  inbox.ended(id);
  inbox.cancel(id);
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(inbox.live(), 0u);
}

TEST(Inbox, ClosedAcceptsNothingButKeepsWhatItHas) {
  Inbox inbox(8);
  (void)inbox.post({});
  inbox.close();
  EXPECT_EQ(inbox.post({}).error().code, ErrorCode::kUnavailable);
  inbox.cancel_all();
  const Mail mail = inbox.take();
  EXPECT_EQ(mail.arrivals.size(), 1u);
  EXPECT_EQ(mail.cancels.size(), 1u);
}

}  // namespace
}  // namespace cairn
