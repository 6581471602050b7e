// A tier with the bandwidth and latency of a slower one: for tests, for benchmarks whose page cache would hide the
// device, and for stores that must leave bandwidth to others. Never blocks the submitter; progress is paced too.
#pragma once

#include <deque>
#include <memory>

#include "tier/wrapper.h"

namespace cairn {

struct ThrottledConfig {
  std::uint64_t read_bytes_per_s = 0;   // 0: not limited
  std::uint64_t write_bytes_per_s = 0;  // 0: not limited
  std::uint64_t latency_us = 0;         // added to every get and put of a block and to every other batch

  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    v.field("read_bytes_per_s", &ThrottledConfig::read_bytes_per_s, "limit of reads; 0: none");
    v.field("write_bytes_per_s", &ThrottledConfig::write_bytes_per_s, "limit of writes; 0: none");
    v.field("latency_us", &ThrottledConfig::latency_us, "added to every operation");
  }
};

class ThrottledTier final : public Wrapper {
 public:
  ThrottledTier(std::unique_ptr<Tier> inner, const ThrottledConfig& config, const Clock& clock);
  ~ThrottledTier() override { close(); }

 private:
  struct Line {  // one direction: rows are served one after the other
    std::uint64_t bytes_per_s = 0;
    std::int64_t free_us = INT64_MIN / 2;
    std::deque<RowJob*> waiting;
  };
  Line& line_of(const RowJob& job) { return job.inner.verb == Verb::kGet ? read_ : write_; }
  std::int64_t serve(Line& line, std::int64_t now_us);
  std::int64_t duration_us(const Line& line, std::uint64_t bytes) const;
  void pace(RowJob& job);
  void on_row(RowJob& job) override;
  void on_inner(RowJob& job) override;
  void on_timer(RowJob& job) override;
  void on_stopped(RowJob& job) override;
  std::int64_t after_whole(Outer& outer) override;
  std::int64_t on_turn(std::int64_t now_us) override;

  ThrottledConfig config_;
  Line read_, write_;
};

}  // namespace cairn
