#include "cache/lease.h"

#include <utility>

namespace cairn {

void ReturnBox::open_lease() {
  MutexLock lock(mutex_);
  ++leases_;
}

void ReturnBox::close_lease(std::vector<LentBlock> blocks) {
  MutexLock lock(mutex_);
  --leases_;
  if (blocks.empty()) return;
  blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
  if (wake_ != nullptr) wake_->wake();
}

std::vector<LentBlock> ReturnBox::take() {
  MutexLock lock(mutex_);
  return std::exchange(blocks_, {});
}

std::size_t ReturnBox::leases() const {
  MutexLock lock(mutex_);
  return leases_;
}

void ReturnBox::detach() {
  MutexLock lock(mutex_);
  wake_ = nullptr;
}

LeaseState::LeaseState(std::shared_ptr<ReturnBox> returns) : returns_(std::move(returns)) { returns_->open_lease(); }
LeaseState::~LeaseState() { returns_->close_lease(std::move(lent)); }

PrefixLease::PrefixLease(std::shared_ptr<LeaseState> state) : state_(std::move(state)) {}
PrefixLease::~PrefixLease() = default;
std::size_t PrefixLease::chunks() const { return state_ ? state_->chunks.size() : 0; }

}  // namespace cairn
