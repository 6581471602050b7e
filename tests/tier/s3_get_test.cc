// Property: whatever a service answers, a read yields the block's own bytes or a miss with its reason, and one sick
// answer does not cost the block.
#include <gtest/gtest.h>

#include "tier/s3_world.h"

namespace cairn::test {
namespace {

using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

class S3GetTest : public S3TierTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_EQ(put(), Outcome::kDone);
    key = s3.blocks().at(0);
  }
  // The n-th GET of the test has this fault, others none.
  void fault_of_get(std::size_t n, Fault fault) {
    const auto gets = std::make_shared<std::size_t>(0);
    s3.bucket->script([=](const Seen& seen) { return seen.method == "GET" && ++*gets == n ? fault : Fault{}; });
  }

  std::string key;
};

TEST_F(S3GetTest, RangesAfterTheFirstAskForItsVersion) {
  ASSERT_TRUE(served());
  std::vector<Seen> gets;
  for (const Seen& seen : s3.bucket->seen()) {
    if (seen.method == "GET" && seen.key == key) gets.push_back(seen);
  }
  ASSERT_EQ(gets.size(), 2u);
  const std::uint64_t first_end = kHeaderBytes + (1 << 20);
  EXPECT_EQ(gets[0].header("range"), "bytes=0-" + std::to_string(first_end - 1));
  EXPECT_EQ(gets[0].header("if-match"), "");
  EXPECT_EQ(gets[1].header("range").substr(0, 14), "bytes=" + std::to_string(first_end) + "-");
  EXPECT_FALSE(gets[1].header("if-match").empty());
}

TEST_F(S3GetTest, OneSickAnswerIsTriedAgain) {
  for (Fault fault : {Fault{.status = 500, .code = "InternalError"}, Fault{.status = 503, .code = "SlowDown"},
                      Fault{.after = true}, Fault{.break_half = true}}) {
    for (const std::size_t n : {1u, 2u}) {
      fault_of_get(n, fault);
      EXPECT_TRUE(served()) << fault.status << " at " << n;
    }
  }
  EXPECT_EQ(tier->report().second_reads, 0u) << "a new try is enough";
}

// The first range breaks off behind its head, and the object is another one when it is asked for again.
TEST_F(S3GetTest, ABlockReplacedBetweenTwoTriesIsNotMixed) {
  s3.world.fill(3, 9);
  std::string other = s3.bucket->objects().at(key);
  {
    BlockHeader header = make_header(store_root(s3.world.identity), s3.world.layout, s3.world.id(0));
    const ByteSpan payload(s3.world.data(3), s3.world.block_bytes);
    seal(header, ByteSpans(&payload, 1));
    std::array<std::byte, kHeaderBytes> head{};
    encode_header(header, head);
    other.assign(reinterpret_cast<const char*>(head.data()), kHeaderBytes);
    other.append(reinterpret_cast<const char*>(s3.world.data(3)), s3.world.block_bytes);
  }
  const auto gets = std::make_shared<int>(0);
  s3.bucket->script([=, bucket = s3.bucket.get()](const Seen& seen) {
    Fault fault;
    if (seen.method == "GET" && seen.header("if-match").empty()) {
      if (++*gets == 1) fault.break_half = true;
      if (*gets == 2) fault.swap = other;
    }
    return fault;
  });
  s3.world.wipe(1);
  ASSERT_EQ(run(*tier, Verb::kGet, s3.world.id(0), s3.world.pages(1)), Outcome::kDone);
  EXPECT_TRUE(s3.world.filled_with(1, 9)) << "all of the one, or all of the other";
}

// Answers that are whole as HTTP and wrong as S3: the block is read a second time, whole.
TEST_F(S3GetTest, OneWrongAnswerIsReadAgain) {
  for (Fault fault :
       {Fault{.ignore_range = true}, Fault{.extra_bytes = 5}, Fault{.extra_bytes = -5}, Fault{.flip_byte = 100},
        Fault{.flip_byte = 5000}, Fault{.flip_byte = 1'200'000}, Fault{.status = 412, .code = "PreconditionFailed"},
        Fault{.status = 416, .code = "InvalidRange"}}) {
    for (const std::size_t n : {1u, 2u}) {
      fault_of_get(n, fault);
      EXPECT_TRUE(served()) << "status " << fault.status << " extra " << fault.extra_bytes << " at " << n;
    }
  }
  EXPECT_EQ(tier->report().corrupt, 0u);
  EXPECT_EQ(s3.blocks().size(), 1u);
}

TEST_F(S3GetTest, ABlockReplacedBetweenTwoRangesIsReadWhole) {
  const std::string bytes = s3.bucket->objects().at(key);
  const auto gets = std::make_shared<int>(0);
  for (const bool ignores : {false, true}) {
    *gets = 0;
    s3.bucket->script([=](const Seen& seen) {
      Fault fault;
      fault.ignore_if_match = ignores;
      if (seen.method == "GET" && ++*gets == 2) fault.flip_byte = 1'200'000;  // another version, as ETag and bytes tell
      return fault;
    });
    EXPECT_TRUE(served()) << ignores;
  }
}

TEST_F(S3GetTest, DamageIsNeverServedAndMakesRoom) {
  std::string bytes = s3.bucket->objects().at(key);
  for (const std::size_t at : {std::size_t{3}, std::size_t{20}, std::size_t{40}, std::size_t{600}, std::size_t{4096},
                               std::size_t{1'100'000}, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[at] ^= 0x10;
    s3.bucket->set_object(key, damaged);
    const BlockSlot slot = get();
    EXPECT_TRUE(slot.outcome == Outcome::kCorrupt || slot.reason == MissReason::kForeign) << at;
    if (slot.outcome != Outcome::kCorrupt) continue;
    EXPECT_EQ(s3.blocks().size(), 0u) << "removed";
    EXPECT_EQ(put(), Outcome::kDone);
    EXPECT_TRUE(served());
  }
}

TEST_F(S3GetTest, AnotherLengthIsDamageAndAnotherVersionIsNot) {
  const std::string bytes = s3.bucket->objects().at(key);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{4096}, bytes.size() - 4096, bytes.size() + 1}) {
    std::string other = bytes;
    other.resize(size);
    s3.bucket->set_object(key, other);
    EXPECT_EQ(get().outcome, Outcome::kCorrupt) << size;
  }
  std::string newer = bytes;
  newer[8] = 9;  // format version
  s3.bucket->set_object(key, newer);
  const BlockSlot slot = get();
  EXPECT_EQ(slot.outcome, Outcome::kMiss);
  EXPECT_EQ(slot.reason, MissReason::kForeign);
  EXPECT_EQ(s3.blocks().size(), 1u) << "left alone";
}

TEST_F(S3GetTest, TooMuchDamageStaysAndIsSkipped) {
  const std::string bytes = s3.bucket->objects().at(key);
  for (int i = 0; i < 20; ++i) {
    std::string damaged = bytes;
    damaged[5000] ^= 1;
    s3.bucket->set_object(key, damaged);
    get();
  }
  EXPECT_EQ(tier->report().erased, 16u);
  EXPECT_EQ(s3.blocks().size(), 1u) << "it stays: the fault may be ours";
  const std::size_t before = s3.bucket->seen().size();
  EXPECT_EQ(get().reason, MissReason::kCorrupt);
  EXPECT_EQ(run(*tier, Verb::kContains, s3.world.id(0)), Outcome::kMiss);
  EXPECT_EQ(s3.bucket->seen().size(), before) << "nobody asks for it";
  EXPECT_EQ(put(), Outcome::kDone);
  EXPECT_TRUE(served()) << "written over";
}

TEST_F(S3GetTest, RefusalsAreMissesWithAReason) {
  const auto always = [&](Fault fault) {
    s3.bucket->script([=](const Seen& seen) { return seen.method == "GET" ? fault : Fault{}; });
  };
  always({.status = 403, .code = "AccessDenied"});
  EXPECT_EQ(get().reason, MissReason::kDenied);
  always({.status = 404, .code = "NoSuchKey"});
  EXPECT_EQ(get().reason, MissReason::kAbsent);
  always({.status = 500, .code = "InternalError"});
  EXPECT_EQ(get().outcome, Outcome::kFailed);
  always({.status = 301, .code = "PermanentRedirect"});
  EXPECT_EQ(get().outcome, Outcome::kFailed);
  always({});
  EXPECT_TRUE(served());
}

TEST_F(S3GetTest, ADeadlineFreesTheCallerWhileTheServiceIsSilent) {
  s3.bucket->script([](const Seen& seen) { return Fault{.stall = seen.method == "GET"}; });
  CompletionQueue queue;
  Work work(queue, Verb::kGet, s3.world.clock.after_us(50'000));
  work.add(s3.world.id(0), s3.world.pages(1));
  work.submit(*tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(s3.world.arena->held_bytes(), 0u) << "no late byte can arrive";
}

TEST_F(S3GetTest, ACancelFreesTheRequestToo) {
  s3.bucket->script([](const Seen& seen) { return Fault{.stall = seen.method == "GET"}; });
  CompletionQueue queue;
  Work work(queue, Verb::kGet);
  work.add(s3.world.id(0), s3.world.pages(1));
  work.submit(*tier);
  tier->cancel(work.batch);
  ASSERT_EQ(wait_for(queue), &work.batch);
  tier.reset();  // would wait for ever if the request was still under way
}

}  // namespace
}  // namespace cairn::test
