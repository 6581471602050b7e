// Property: each kind of fault on each kind of request, once or for ever: no wrong byte, no wait beyond the deadline,
// the outcome that it deserves, and all is well as soon as the service is. The bytes of a get are used as a load uses
// them.
#include <gtest/gtest.h>

#include <array>

#include "base/random.h"
#include "tier/s3_world.h"

namespace cairn::test {
namespace {

using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

constexpr int kTimes = CAIRN_SANITIZED ? 10 : 50;

struct Kind {
  std::string name;
  std::function<Fault(Random&, std::uint64_t object_bytes)> make;
};

const std::vector<Kind>& kinds() {
  const auto status = [](int code, std::string text) {
    return [=](Random&, std::uint64_t) { return Fault{.status = code, .code = text}; };
  };
  static const std::vector<Kind> all = {
      {"403", status(403, "AccessDenied")},
      {"404", status(404, "NoSuchKey")},
      {"412", status(412, "PreconditionFailed")},
      {"416", status(416, "InvalidRange")},
      {"429", status(429, "TooManyRequests")},
      {"500", status(500, "InternalError")},
      {"503", status(503, "SlowDown")},
      {"301", status(301, "PermanentRedirect")},
      {"lost", [](Random&, std::uint64_t) { return Fault{.after = true}; }},
      {"silent", [](Random&, std::uint64_t) { return Fault{.stall = true}; }},
      {"half", [](Random&, std::uint64_t) { return Fault{.break_half = true}; }},
      {"no range", [](Random&, std::uint64_t) { return Fault{.ignore_range = true}; }},
      {"long",
       [](Random& r, std::uint64_t) { return Fault{.extra_bytes = 1 + static_cast<std::int64_t>(r.below(9000))}; }},
      {"short",
       [](Random& r, std::uint64_t) { return Fault{.extra_bytes = -1 - static_cast<std::int64_t>(r.below(9000))}; }},
      {"flip", [](Random& r, std::uint64_t n) { return Fault{.flip_byte = static_cast<std::int64_t>(r.below(n))}; }},
      {"other version", [](Random&, std::uint64_t) { return Fault{.etag = "\"other\""}; }},
  };
  return all;
}

enum class Where : std::uint8_t { kPut, kGet, kRange, kHead, kDelete };
constexpr std::array kPlaces = {Where::kPut, Where::kGet, Where::kRange, Where::kHead, Where::kDelete};

class S3FaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    s3.config.erases_per_minute_max = 1'000'000;
    s3.config.tls = true;  // bodies are not hashed for signatures
    tier = *s3.open();
    s3.world.fill(0, 1);
    ASSERT_EQ(run(*tier, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
    key = s3.blocks().at(0);
    bytes = s3.bucket->objects().at(key);
  }

  static bool hits(Where where, const Seen& seen) {
    const bool later = !seen.header("range").empty() && !seen.header("range").starts_with("bytes=0-");
    switch (where) {
      case Where::kPut:
        return seen.method == "PUT";
      case Where::kGet:
        return seen.method == "GET" && !later;
      case Where::kRange:
        return seen.method == "GET" && later;
      case Where::kHead:
        return seen.method == "HEAD";
      case Where::kDelete:
        return seen.method == "DELETE";
    }
    return false;
  }

  // The verb whose requests the fault meets; on a fresh state each time.
  BlockSlot act(Where where) {
    CompletionQueue queue;
    const Verb verb = where == Where::kPut      ? Verb::kPut
                      : where == Where::kHead   ? Verb::kContains
                      : where == Where::kDelete ? Verb::kErase
                                                : Verb::kGet;
    const std::int64_t began_us = s3.world.clock.now_us();
    Work work(queue, verb, s3.world.clock.after_us(kTimeUs));
    s3.world.wipe(1);
    work.add(s3.world.id(0), verb == Verb::kGet   ? s3.world.pages(1)
                             : verb == Verb::kPut ? s3.world.pages(0)
                                                  : std::vector<MemoryRef>{});
    work.submit(*tier);
    CAIRN_CHECK(wait_for(queue) == &work.batch, "a batch did not come back");
    EXPECT_LT(s3.world.clock.now_us() - began_us, kTimeUs + 2'000'000);
    if (verb == Verb::kGet && work.slots[0].outcome == Outcome::kDone) {
      EXPECT_TRUE(s3.world.filled_with(1, 1)) << "WRONG BYTES";
    }
    return work.slots[0];
  }

  // As if nobody had seen the block before; it is there unless it is about to be put.
  void prepare(Where where) {
    s3.bucket->script({});
    tier.reset();
    s3.bucket->set_object(key, where == Where::kPut ? "" : bytes);
    if (where == Where::kPut) s3.bucket->remove_object(key);
    tier = S3Tier::open(reopened(), {s3.world.clock, null_log()}).value();
  }
  OpenedBucket reopened() {
    OpenedBucket store;
    store.identity = s3.world.identity;
    store.client = client_of(s3.bucket, s3.config, s3.world.clock, *s3.metrics);
    store.rights = {.list = true, .put = true, .erase = true, .publish_once = true};
    return store;
  }

  void meet(Where where, const Kind& kind, bool always, Random& random) {
    const Fault fault = kind.make(random, bytes.size());
    const auto met = std::make_shared<int>(0);
    s3.bucket->script([=](const Seen& seen) {
      if (!hits(where, seen) || (++*met > 1 && !always)) return Fault{};
      return fault;
    });
  }

  static constexpr std::int64_t kTimeUs = 60'000;
  S3World s3;
  std::unique_ptr<S3Tier> tier;
  std::string key, bytes;
};

bool one_of(Outcome outcome, std::initializer_list<Outcome> allowed) {
  return std::ranges::find(allowed, outcome) != allowed.end();
}

// What one fault may make of each verb.
bool deserved(Where where, const std::string& kind, const BlockSlot& slot) {
  using enum Outcome;
  const bool passing = kind == "429" || kind == "500" || kind == "503" || kind == "lost" || kind == "half";
  if (kind == "silent") return slot.outcome == kFailed && slot.reason == MissReason::kTimeout;
  if (passing) return one_of(slot.outcome, {kDone, kMiss}) && (slot.outcome == kDone || where == Where::kDelete);
  if (where == Where::kGet || where == Where::kRange) {
    if (kind == "403") return slot.reason == MissReason::kDenied;
    if (kind == "404") return slot.reason == MissReason::kAbsent;
    if (kind == "301") return slot.outcome == kFailed;
    return slot.outcome == kDone;  // read a second time
  }
  if (where == Where::kHead && kind == "404") return slot.outcome == kMiss;
  return one_of(slot.outcome, {kDone, kMiss, kRefused, kFailed});
}

TEST_F(S3FaultsTest, EachKindOnEachRequest) {
  const std::uint64_t seed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::size_t met = 0;
  for (const Where where : kPlaces) {
    for (const Kind& kind : kinds()) {
      const int times = kind.name == "silent" ? kTimes / 5 : kTimes;  // each waits for its whole deadline
      for (int i = 0; i < times; ++i) {
        if (i % 10 == 0 || where == Where::kPut || where == Where::kDelete) prepare(where);
        meet(where, kind, false, random);
        const BlockSlot slot = act(where);
        ASSERT_TRUE(deserved(where, kind.name, slot))
            << "on " << static_cast<int>(where) << ": " << kind.name << ", " << i << ": " << to_string(slot.outcome)
            << " " << to_string(slot.reason);
        ++met;
      }
    }
  }
  EXPECT_GT(met, 75u * kTimes);
  prepare(Where::kGet);
  EXPECT_EQ(act(Where::kGet).outcome, Outcome::kDone) << "no fault has stayed";
}

TEST_F(S3FaultsTest, AFaultThatStaysIsNeverServed) {
  Random random(7);
  for (const Where where : {Where::kGet, Where::kRange}) {
    for (const Kind& kind : kinds()) {
      prepare(where);
      meet(where, kind, true, random);
      const BlockSlot slot = act(where);
      if (slot.outcome == Outcome::kDone) continue;  // act compared the bytes
      EXPECT_NE(slot.reason, MissReason::kNone) << kind.name;
    }
  }
}

}  // namespace
}  // namespace cairn::test
