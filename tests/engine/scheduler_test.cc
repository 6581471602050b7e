// Property: under any arrivals, aborts, slow or failing transfers and any pool, no page is leaked, a page that another
// sequence or the tree shares is never written, everything ends, and the same inputs give the same plans.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "engine/fakes.h"

namespace cairn::testing {
namespace {

struct Outcome {
  std::string plans;
  std::size_t finished = 0, aborted = 0, preempted = 0, loads = 0;
};

// A random history. Transfers are scripted by the seed: delays, short loads, held pages.
class History {
 public:
  explicit History(std::uint64_t seed)
      : random_(seed),
        pages_count_(static_cast<std::uint32_t>(6 + random_.below(20))),
        pages_(pages_count_, kPageTokens, [this](PageId page) { return held_.contains(page.index); }),
        scheduler_({.page_tokens = kPageTokens,
                    .chunk_tokens = 32,
                    .step_tokens_max = static_cast<std::uint32_t>(4 + random_.below(60)),
                    .mixed_step_tokens = static_cast<std::uint32_t>(1 + random_.below(60)),
                    .sequences_max = static_cast<std::uint32_t>(1 + random_.below(4)),
                    .save_decode_cache = random_.chance(0.5)},
                   pages_) {}

  Outcome run() {
    std::uint64_t next = 1;
    for (int turn = 0; turn < 4000; ++turn) {
      if (next <= 14 && random_.chance(0.3)) add(RequestId{next++});
      if (!alive_.empty() && random_.chance(0.02)) abort();
      if (random_.chance(0.2)) held_.clear();
      step();
      if (next > 14 && scheduler_.idle() && loads_.empty() && saves_.empty()) break;
    }
    EXPECT_TRUE(scheduler_.idle()) << "stuck after:\n"
                                   << out_.plans.substr(out_.plans.size() > 2000 ? out_.plans.size() - 2000 : 0);
    held_.clear();
    pages_.refresh();
    EXPECT_EQ(pages_.free() + scheduler_.tree().evictable(), pages_.capacity());
    EXPECT_EQ(scheduler_.tree().evictable(), scheduler_.tree().size());
    return out_;
  }

 private:
  struct Transfer {
    RequestId id;
    TokenRange tokens;
    std::vector<PageId> pages;
    std::uint64_t left;
  };

  void add(RequestId id) {
    const std::uint32_t room = pages_count_ * kPageTokens;
    const auto prompt = static_cast<std::uint32_t>(1 + random_.below(room - 1));
    const auto output = static_cast<std::uint32_t>(1 + random_.below(std::min(room - prompt, 40u)));
    // Few different beginnings, so that prefixes are shared.
    std::vector<TokenId> tokens = random_tokens(random_.below(3), prompt);
    if (random_.chance(0.5)) tokens.back() = 1 + static_cast<TokenId>(random_.below(5));
    scheduler_.add(id, {tokens, output, {3}, {}});
    alive_.insert(id);
  }

  void abort() {
    auto victim = alive_.begin();
    std::advance(victim, static_cast<std::ptrdiff_t>(random_.below(alive_.size())));
    scheduler_.abort(*victim);
    alive_.erase(victim);
    ++out_.aborted;
  }

  TransferReport poll() {
    TransferReport report;
    std::set<RequestId> open;
    std::erase_if(loads_, [&](Transfer& t) {
      if (t.left-- > 0) return false;
      const std::size_t good = random_.chance(0.5) ? t.tokens.size() : random_.below(t.tokens.size() + 1);
      if (good < t.tokens.size() && random_.chance(0.3)) held_.insert(t.pages.back().index);
      report.loaded.push_back({t.id, good});
      for (const PageId page : t.pages) writing_.erase(page.index);
      return true;
    });
    std::vector<RequestId> over;
    std::erase_if(saves_, [&](Transfer& t) {
      if (t.left-- > 0) return open.insert(t.id), false;
      over.push_back(t.id);
      for (const PageId page : t.pages) {
        EXPECT_GT(pages_.references(page), 0u) << "a page was given away while it was saved";
      }
      return true;
    });
    for (const RequestId id : over) {
      if (!open.contains(id)) report.saved.push_back(id);
    }
    return report;
  }

  void step() {
    scheduler_.transferred(poll());
    for (const RequestId id : scheduler_.take_released()) out_.plans += "release " + std::to_string(id.number) + "\n";
    for (const Unmatched& u : scheduler_.unmatched()) {
      if (random_.chance(0.7)) scheduler_.matched(u.id, random_.chance(0.5) ? 0 : random_.below(u.tokens.size() + 40));
    }
    const Step step = scheduler_.plan();
    out_.plans += to_string(step) + "\n";
    out_.preempted += step.preempted.size();
    out_.loads += step.load.size();
    check(step);
    for (const Slice& s : step.load) {
      loads_.push_back({s.id, s.tokens, s.pages, random_.below(6)});
      for (const PageId page : s.pages) writing_.insert(page.index);
    }
    for (const Slice& s : step.save) {
      if (random_.chance(0.8)) {
        saves_.push_back({s.id, s.tokens, s.pages, random_.below(8)});
        scheduler_.saving(s.id);
      }
    }
    std::vector<TokenId> sampled;
    for (const Slice& s : step.run) {
      if (s.sample) sampled.push_back(static_cast<TokenId>(random_.below(20)));
    }
    for (const Ended& it : scheduler_.commit(step, sampled)) {
      alive_.erase(it.id);
      ++out_.finished;
    }
  }

  // What a slice writes, nobody else may see: no other slice, no load, no save, no hold, no ready node.
  void check(const Step& step) {
    std::map<std::uint32_t, RequestId> written;
    const auto write = [&](const Slice& s, PageId page) {
      EXPECT_TRUE(written.emplace(page.index, s.id).second) << "written twice: " << to_string(step);
      EXPECT_FALSE(held_.contains(page.index)) << "a held page is used: " << to_string(step);
      EXPECT_FALSE(writing_.contains(page.index)) << "a load writes there: " << to_string(step);
      EXPECT_LE(pages_.references(page), 2u) << "shared with another sequence: " << to_string(step);
    };
    std::uint32_t tokens = 0;
    std::set<RequestId> seen;
    for (const Slice& s : step.run) {
      EXPECT_TRUE(seen.insert(s.id).second);
      tokens += s.tokens.size();
      for (std::uint32_t p = s.tokens.begin / kPageTokens; p <= (s.tokens.end - 1) / kPageTokens; ++p)
        write(s, s.pages.at(p));
    }
    EXPECT_LE(tokens, 64u);
    for (const Slice& s : step.load) {
      EXPECT_EQ(s.pages.size() * kPageTokens, s.tokens.size());
      for (const PageId page : s.pages) write(s, page);
    }
    for (const Slice& s : step.run) {  // and what a slice reads, nobody writes
      for (std::uint32_t p = 0; p < s.tokens.begin / kPageTokens; ++p) EXPECT_FALSE(written.contains(s.pages[p].index));
    }
  }

  Random random_;
  std::uint32_t pages_count_;
  std::set<std::uint32_t> held_, writing_;
  DevicePages pages_;
  Scheduler scheduler_;
  std::deque<Transfer> loads_, saves_;
  std::set<RequestId> alive_;
  Outcome out_;
};

TEST(Scheduler, KeepsItsPromisesInRandomHistories) {
  Outcome all;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    const Outcome one = History(seed).run();
    EXPECT_EQ(one.finished + one.aborted, 14u);
    all.finished += one.finished, all.aborted += one.aborted, all.preempted += one.preempted, all.loads += one.loads;
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(all.preempted, 50u);
  EXPECT_GT(all.aborted, 50u);
  EXPECT_GT(all.loads, 500u);
}

TEST(Scheduler, SameInputsGiveTheSamePlans) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(History(seed).run().plans, History(seed).run().plans);
}

}  // namespace
}  // namespace cairn::testing
