// The real tier for buckets in the simulation's virtual time: a service that is slow, lies, breaks off and forgets.
#pragma once

#include <memory>
#include <string>

#include "cache/fake_tier.h"
#include "kv/header.h"
#include "kv/store_path.h"
#include "tier/s3_world.h"

namespace cairn::test {

class SimBucket {
 public:
  static constexpr std::uint64_t kBlockBytes = 4096;  // one page
  SimBucket(VirtualClock& clock, Metrics& metrics, std::uint64_t seed)
      : clock_(clock), metrics_(metrics), bucket_(std::make_shared<FakeBucket>(clock, 3000, seed)) {
    config_.attempt_ms = 3000;
    config_.part_bytes = 2048;
    config_.connections = 1 + static_cast<std::uint32_t>(seed % 8);
    identity_.layout.geometry.groups = {{.layers = 1, .planes = 2, .heads = 1, .dim = 4, .dtype = KvDtype::kBf16}};
    identity_.layout.page_tokens = identity_.layout.chunk_tokens = 256;
    identity_.rope.rotary_dim = 4;
  }

  std::unique_ptr<Tier> open() {
    OpenedBucket store;
    store.identity = identity_;
    store.client = client_of(bucket_, config_, clock_, metrics_);
    store.rights = {.list = true, .put = true, .erase = true, .publish_once = true};
    auto tier = S3Tier::open(std::move(store), {clock_, null_log(), &digests_});
    CAIRN_CHECK(tier.has_value(), "a bucket of the simulation opens");
    return std::move(*tier);
  }

  bool pump() { return bucket_->pump(); }
  std::int64_t next_us() { return bucket_->next_us(); }
  void clear_up() { bucket_->script({}); }

  void weather(Random& random) {
    using Fault = FakeBucket::Fault;
    const std::uint64_t kind = random.below(14);
    if (kind < 2) return clear_up();
    if (kind == 2) return forget_some(random);
    static constexpr std::array<std::pair<int, const char*>, 5> kStatus = {{{403, "AccessDenied"},
                                                                            {404, "NoSuchKey"},
                                                                            {412, "PreconditionFailed"},
                                                                            {500, "InternalError"},
                                                                            {503, "SlowDown"}}};
    const auto [status, code] = kStatus[random.below(kStatus.size())];
    const double share = random.chance(0.2) ? 1 : random.uniform() * 0.5;
    bucket_->script([=, own = Random(random.next())](const FakeBucket::Seen&) mutable {
      if (!own.chance(share)) return Fault{};
      switch (kind) {
        case 3:
          return Fault{.after = true};
        case 4:
          return Fault{.stall = true};
        case 5:
          return Fault{.break_half = true};
        case 6:
          return Fault{.ignore_range = true, .ignore_if_match = true};
        case 7:
          return Fault{.ignore_once = true, .extra_bytes = static_cast<std::int64_t>(own.below(5000)) - 2500};
        case 8:
        case 9:
          return Fault{.flip_byte = static_cast<std::int64_t>(own.below(2 * kBlockBytes))};
        case 10:
          return Fault{.etag = "\"" + std::to_string(own.below(3)) + "\""};
        default:
          return Fault{.status = status, .code = code};
      }
    });
  }

  bool ever_stored(const KvBlockId& id) const { return bucket_->ever_held(config_.prefix + "/" + path().block(id)); }
  bool holds_only_right_blocks() const {
    for (const auto& [key, object] : bucket_->objects()) {
      const auto bytes = std::as_bytes(std::span(object.data(), object.size()));
      BlockHeader header;
      if (bytes.size() != kHeaderBytes + kBlockBytes) return false;
      if (decode_header(HeaderBytes(bytes.data(), kHeaderBytes), header) != HeaderVerdict::kOk) return false;
      if (key != config_.prefix + "/" + path().block({header.chunk, 0})) return false;
      const auto right = bytes_of({header.chunk, 0}, kBlockBytes);
      if (!std::ranges::equal(bytes.subspan(kHeaderBytes), right)) return false;
    }
    return true;
  }

 private:
  StorePath path() const { return StorePath(identity_, BlockLayout::make(identity_.layout).value()); }
  // As if another instance had evicted them.
  void forget_some(Random& random) {
    for (const auto& [key, object] : bucket_->objects()) {
      if (random.chance(0.3)) bucket_->remove_object(key);
    }
  }

  VirtualClock& clock_;
  Metrics& metrics_;
  InlineExecutor digests_;
  S3Config config_ = bucket_config();
  StoreIdentity identity_ = small_store();
  const std::shared_ptr<FakeBucket> bucket_;
};

}  // namespace cairn::test
