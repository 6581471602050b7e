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

constexpr int kTimes = CAIRN_SANITIZED ? 10 : 80;  // 10,240 faults in all

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

enum class Where : std::uint8_t { kPut, kGet, kRange, kPart, kComplete, kHead, kDelete };
constexpr std::array kPlaces = {Where::kPut,      Where::kGet,  Where::kRange, Where::kPart,
                                Where::kComplete, Where::kHead, Where::kDelete};

bool has_parts(Where where) { return where == Where::kPart || where == Where::kComplete; }
bool has_two_segments(Where where) { return has_parts(where) || where == Where::kRange; }

// On a block of one segment, and where parts are wanted on one of two. `always`: the fault stays.
class FaultyBucket {
 public:
  explicit FaultyBucket(Where where)
      : s3_(config_of(has_parts(where)), has_two_segments(where) ? small_store() : tiny_store()) {
    s3_.bucket->part_bytes_min = 0;
    s3_.world.fill(0, 1);
    s3_.open();
    CAIRN_CHECK(act(Where::kPut).outcome == Outcome::kDone, "a put without faults");
    for (const auto& [name, object] : s3_.bucket->objects()) key_ = name, bytes_ = object;
  }

  // As if nobody had seen the block before; it is there unless it is about to be put.
  void prepare(Where where) {
    const bool puts = where == Where::kPut || has_parts(where);
    s3_.bucket->script({});
    s3_.open();
    s3_.bucket->set_object(key_, puts ? "" : bytes_);
    if (puts) s3_.bucket->remove_object(key_);
    s3_.bucket->forget_seen();
  }

  // The verb whose requests the fault meets.
  BlockSlot act(Where where) {
    const Verb verb = where == Where::kPut || has_parts(where) ? Verb::kPut
                      : where == Where::kHead                  ? Verb::kContains
                      : where == Where::kDelete                ? Verb::kErase
                                                               : Verb::kGet;
    s3_.world.wipe(1);
    std::vector<MemoryRef> memory;
    if (verb == Verb::kGet) memory = s3_.world.pages(1);
    if (verb == Verb::kPut) memory = s3_.world.pages(0);
    const BlockSlot slot = s3_.act(verb, s3_.world.id(0), std::move(memory), kTimeUs);
    if (verb == Verb::kGet && slot.outcome == Outcome::kDone) {
      EXPECT_TRUE(s3_.world.filled_with(1, 1)) << "WRONG BYTES";
    }
    // What lies under the name is the block or nothing.
    const auto objects = s3_.bucket->objects();
    const bool there = verb == Verb::kPut && objects.contains(key_) && !bytes_.empty();
    EXPECT_TRUE(!there || objects.at(key_) == bytes_) << "WRONG OBJECT";
    return slot;
  }

  bool has_object() const { return s3_.bucket->objects().contains(key_); }

  void meet(Where where, const Kind& kind, bool always, Random& random) {
    const Fault fault = kind.make(random, std::max<std::size_t>(bytes_.size(), 1));
    const auto met = std::make_shared<int>(0);
    s3_.bucket->script([=](const Seen& seen) {
      if (!hits(where, seen) || (++*met > 1 && !always)) return Fault{};
      return fault;
    });
  }

 private:
  static constexpr std::int64_t kTimeUs = 60'000;

  static S3Config config_of(bool parts) {
    S3Config config = bucket_config();
    config.erases_per_minute_max = 1'000'000;
    config.tls = true;  // bodies are not hashed for signatures
    if (parts) config.multipart_bytes = 1 * kMiB;
    return config;
  }

  static bool hits(Where where, const Seen& seen) {
    const bool later = !seen.header("range").empty() && !seen.header("range").starts_with("bytes=0-");
    switch (where) {
      case Where::kPut:
      case Where::kPart:
        return seen.method == "PUT";
      case Where::kComplete:
        return seen.method == "POST" && seen.query.starts_with("uploadId=");
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

  S3VirtualWorld s3_;
  std::string key_, bytes_;
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

TEST(S3Faults, EachKindOnEachRequest) {
  const std::uint64_t seed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::size_t met = 0;
  for (const Where where : kPlaces) {
    FaultyBucket bucket(where);
    for (const Kind& kind : kinds()) {
      for (int i = 0; i < kTimes; ++i) {
        bucket.prepare(where);
        bucket.meet(where, kind, false, random);
        const BlockSlot slot = bucket.act(where);
        ASSERT_TRUE(deserved(where, kind.name, slot))
            << "on " << static_cast<int>(where) << ": " << kind.name << ", " << i << ": " << to_string(slot.outcome)
            << " " << to_string(slot.reason);
        // A service that says that another was first is believed.
        const bool stored = slot.outcome == Outcome::kDone && (where == Where::kPut || has_parts(where));
        ASSERT_TRUE(!stored || kind.name == "412" || bucket.has_object()) << kind.name;
        ++met;
      }
    }
    bucket.prepare(where);
    EXPECT_EQ(bucket.act(where).outcome, Outcome::kDone) << "no fault has stayed";
  }
  EXPECT_EQ(met, kPlaces.size() * kinds().size() * kTimes);
}

TEST(S3Faults, OneThatStaysIsNeverServed) {
  Random random(7);
  for (const Where where : {Where::kGet, Where::kRange, Where::kPart, Where::kComplete}) {
    FaultyBucket bucket(where);
    for (const Kind& kind : kinds()) {
      SCOPED_TRACE(kind.name + " on " + std::to_string(static_cast<int>(where)));
      bucket.prepare(where);
      bucket.meet(where, kind, true, random);
      const BlockSlot slot = bucket.act(where);  // compared the bytes
      EXPECT_TRUE(slot.outcome == Outcome::kDone || slot.reason != MissReason::kNone) << kind.name;
    }
  }
}

// A listing decides whose neighbours we are and how full the store is: whatever it says, the store opens or says why.
TEST_F(S3TierTest, AListingWithAnyFaultIsRightOrAnError) {
  open();
  ASSERT_EQ(put(), Outcome::kDone);
  const std::uint64_t whole = s3.bucket->objects().at(s3.blocks().at(0)).size();
  tier.reset();
  s3.config.capacity_bytes = 1ull << 40;  // so that it counts
  s3.config.attempt_ms = 5;
  Random random(11);
  for (const Kind& kind : kinds()) {
    for (int i = 0; i < kTimes; ++i) {
      const Fault fault = kind.make(random, 400);
      const auto nth = std::make_shared<std::uint64_t>(random.below(2));
      s3.bucket->script([=](const Seen& seen) {
        return seen.query.find("list-type") != std::string::npos && (*nth)-- == 0 ? fault : Fault{};
      });
      const auto opened = s3.open();
      if (opened && kind.name != "flip") {  // nothing protects a listing's bits but TLS
        EXPECT_EQ((*opened)->usage().used_bytes, whole) << kind.name;
      } else if (!opened) {
        EXPECT_FALSE(opened.error().detail.empty()) << kind.name;
      }
    }
  }
}

}  // namespace
}  // namespace cairn::test
