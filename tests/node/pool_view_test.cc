// What a client reads from the pool is what was meant to be there, or nothing.
#include "node/pool_view.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "base/random.h"
#include "node/segment_copy.h"

namespace cairn {
namespace {

constexpr std::uint64_t kSlotBytes = 3 * 512 * 1024;  // a segment and a half
constexpr std::uint32_t kSlots = 3;

class PoolViewTest : public ::testing::Test {
 protected:
  PoolViewTest()
      : pool_(std::move(*MemoryRegion::make({.bytes = kSlotBytes * kSlots, .huge_pages = false, .shareable = true}))),
        turns_(std::move(*MemoryRegion::make({.bytes = 4096, .huge_pages = false, .shareable = true}))),
        pages_(std::move(*MemoryRegion::make({.bytes = 2 * kSlotBytes, .huge_pages = false}))) {
    welcome_.pool_bytes = kSlotBytes * kSlots;
    welcome_.slot_bytes = kSlotBytes;
    welcome_.slots = kSlots;
  }
  Result<std::unique_ptr<PoolView>> map() {
    return PoolView::map(Descriptor(::dup(pool_->descriptor())), Descriptor(::dup(turns_->descriptor())), welcome_,
                         clock_);
  }
  // Pieces of odd sizes, one behind the other.
  std::vector<MemoryRef> pieces(std::uint64_t at) const {
    std::vector<MemoryRef> refs;
    Random random(at);
    for (std::uint64_t done = 0; done < kSlotBytes;) {
      const std::uint64_t size = std::min<std::uint64_t>(kSlotBytes - done, 1 + random.below(300'000));
      refs.push_back({pages_->data() + at + done, size, pages_.get(), MemoryKind::kHost, 0});
      done += size;
    }
    return refs;
  }
  void fill(std::uint64_t at, std::uint64_t seed) {
    Random random(seed);
    for (std::uint64_t i = 0; i < kSlotBytes; i += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(pages_->data() + at + i, &word, 8);
    }
  }
  std::uint64_t& turn(std::uint32_t slot) { return reinterpret_cast<std::uint64_t*>(turns_->data())[slot]; }

  const SystemClock clock_;
  const std::unique_ptr<MemoryRegion> pool_, turns_, pages_;
  Welcome welcome_;
};

TEST_F(PoolViewTest, WhatOneWritesAnotherReads) {
  const auto writer = map(), reader = map();
  ASSERT_TRUE(writer && reader);
  fill(0, 1);
  const BlockPlace place{1, turn(1) = 4, (*writer)->write(1, pieces(0))};
  EXPECT_EQ(place.digests.size(), 2u);
  EXPECT_TRUE((*reader)->read(place, pieces(kSlotBytes)));
  EXPECT_EQ(std::memcmp(pages_->data(), pages_->data() + kSlotBytes, kSlotBytes), 0);
}

TEST_F(PoolViewTest, AnyByteThatDiffersIsNoBlock) {
  const auto view = map();
  ASSERT_TRUE(view);
  fill(0, 2);
  const BlockPlace place{0, turn(0) = 2, (*view)->write(0, pieces(0))};
  Random random(3);
  for (int i = 0; i < 40; ++i) {
    std::byte& victim = pool_->data()[random.below(kSlotBytes)];
    victim ^= std::byte{1};
    EXPECT_FALSE((*view)->read(place, pieces(kSlotBytes)));
    victim ^= std::byte{1};
  }
  EXPECT_TRUE((*view)->read(place, pieces(kSlotBytes)));
}

TEST_F(PoolViewTest, ASlotThatIsFilledAnewIsNoBlock) {
  const auto view = map();
  ASSERT_TRUE(view);
  const BlockPlace place{0, turn(0) = 2, (*view)->write(0, pieces(0))};
  for (const std::uint64_t other : {3u, 4u, 0u}) {
    turn(0) = other;
    EXPECT_FALSE((*view)->read(place, pieces(kSlotBytes))) << "the same bytes, another filling";
  }
  turn(0) = 3;
  BlockPlace filling = place;
  filling.generation = 3;
  EXPECT_FALSE((*view)->read(filling, pieces(kSlotBytes))) << "somebody fills it";
}

TEST_F(PoolViewTest, PlacesThatAreNoneAreRefused) {
  const auto view = map();
  ASSERT_TRUE(view);
  const BlockPlace good{0, turn(0) = 2, (*view)->write(0, pieces(0))};
  for (const auto& spoil : std::vector<std::function<void(BlockPlace&)>>{
           [](BlockPlace& place) { place.slot = kSlots; }, [](BlockPlace& place) { place.slot = kNoSlot; },
           [](BlockPlace& place) { place.digests.pop_back(); }, [](BlockPlace& place) { place.digests.clear(); }}) {
    BlockPlace place = good;
    spoil(place);
    EXPECT_FALSE((*view)->read(place, pieces(kSlotBytes)));
  }
}

TEST_F(PoolViewTest, WhatIsNotThePoolIsNotMapped) {
  welcome_.slots = kSlots + 100;
  EXPECT_FALSE(map()) << "more slots than bytes";
  welcome_.slots = kSlots;
  welcome_.pool_bytes = pool_->size() + 4096;
  EXPECT_FALSE(map()) << "smaller than said";
  welcome_.pool_bytes = kSlotBytes * kSlots;
  const int open = ::memfd_create("shrinks", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(open, static_cast<off_t>(welcome_.pool_bytes)), 0);
  const auto view = PoolView::map(Descriptor(open), Descriptor(::dup(turns_->descriptor())), welcome_, clock_);
  ASSERT_FALSE(view);
  EXPECT_NE(view.error().detail.find("shrink"), std::string::npos);
  EXPECT_NE(::ftruncate(pool_->descriptor(), 4096), 0) << "ours cannot";
}

}  // namespace
}  // namespace cairn
