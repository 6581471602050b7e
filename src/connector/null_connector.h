// No tiers: nothing is found, nothing is kept, and every computed token says that this was chosen.
#pragma once

#include "connector/connector.h"

namespace cairn {

class NullConnector final : public Connector {
 public:
  explicit NullConnector(std::uint32_t chunk_tokens = 256) : chunk_tokens_(chunk_tokens) {}
  Match match(const MatchRequest&) override { return {}; }
  void load(RequestId id, TokenRange tokens, std::span<const PageId> pages) override;
  bool save(RequestId, std::span<const TokenId>, std::span<const PageId>) override { return false; }
  TransferReport poll() override;
  void observe_prefill(std::size_t, std::int64_t) override {}
  RequestTally tally(RequestId id, std::uint64_t prompt_tokens, std::uint64_t device_tokens) override;
  void release(RequestId) override {}
  bool idle() const override { return report_.loaded.empty(); }
  std::uint32_t chunk_tokens() const override { return chunk_tokens_; }

 private:
  std::uint32_t chunk_tokens_;
  TransferReport report_;
};

}  // namespace cairn
