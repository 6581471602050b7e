// What the processes of a node and its cache daemon say to each other over a UNIX socket. A message is
//   u32 bytes of all that follows, u16 type, u16 zero, then its fields in the order in which they stand here;
// little-endian, no padding, texts and lists behind a u32 count. The pool's descriptors travel with Welcome.
// Values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "kv/checksum.h"
#include "kv/keys.h"
#include "kv/layout.h"

namespace cairn {

inline constexpr std::uint32_t kNodeVersion = 1;
inline constexpr std::size_t kMessageHeadBytes = 8;
inline constexpr std::size_t kMessageBytesMax = 8 << 20;  // behind the length
inline constexpr std::uint32_t kNoSlot = UINT32_MAX;

// From a client. `ticket` is its own number for what it asks; an answer carries it.

// First, once. The identity as manifest.json has it; an unset chunk size or grid (0) is the store's.
struct Hello {
  std::uint32_t version = kNodeVersion;
  std::uint64_t boot = 0;  // of the daemon that it knew before; 0: none
  std::string client, manifest;
  KvRange range;  // of layers and heads that it holds
  static void fields(auto& m, auto& codec) { codec(m.version, m.boot, m.client, m.manifest, m.range); }
};

// Looks the prefix up, brings it into the pool as far as that is worth it, and leases it: answered by Matched.
struct MatchPrefix {
  std::uint64_t ticket = 0;
  double prefill_tokens_per_s = 0;  // 0: not measured
  std::uint32_t first_chunk = 0;    // chunks before it are in the client's own cache: found, not brought
  std::vector<ChunkId> chunks;
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.prefill_tokens_per_s, m.first_chunk, m.chunks); }
};

// Slots to fill for whole chunks, all cells of the client's range each: answered by Reserved.
struct ReserveSlots {
  std::uint64_t ticket = 0;
  std::vector<ChunkId> chunks;
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.chunks); }
};

// Slots are filled: with the checksums of what was meant to be in them. Answered by Stored.
struct SealSlots {
  struct Row {
    std::uint32_t row = 0;  // of Reserved
    std::vector<Checksum128> digests;
    static void fields(auto& m, auto& codec) { codec(m.row, m.digests); }
  };
  std::uint64_t ticket = 0;
  std::vector<Row> rows;  // the others are given up
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.rows); }
};

// Ends a ticket, whatever it was for and wherever it is: a lease, a match under way, slots that were not filled.
struct ReleaseTicket {
  std::uint64_t ticket = 0;
  static void fields(auto& m, auto& codec) { codec(m.ticket); }
};

struct AskStats {
  std::uint64_t ticket = 0;
  static void fields(auto& m, auto& codec) { codec(m.ticket); }
};

using ClientMessage = std::variant<Hello, MatchPrefix, ReserveSlots, SealSlots, ReleaseTicket, AskStats>;

// From the daemon.

// With two descriptors: the pool (slots of slot_bytes) and its generations (a u64 a slot: even while its bytes stand,
// another number once they do not).
struct Welcome {
  std::uint64_t boot = 0;  // another one after each start
  std::uint64_t pool_bytes = 0, slot_bytes = 0;
  std::uint32_t slots = 0;
  std::string manifest;  // of the store, with what the client left open
  static void fields(auto& m, auto& codec) { codec(m.boot, m.pool_bytes, m.slot_bytes, m.slots, m.manifest); }
};

// The last word: the connection ends behind it.
struct Refusal {
  std::uint32_t code = 0;  // ErrorCode
  std::string detail;
  static void fields(auto& m, auto& codec) { codec(m.code, m.detail); }
};

// Where a block lies. The digests are those of kPoolSegmentBytes each.
struct BlockPlace {
  std::uint32_t slot = kNoSlot;
  std::uint64_t generation = 0;
  std::vector<Checksum128> digests;
  static void fields(auto& m, auto& codec) { codec(m.slot, m.generation, m.digests); }
};

struct Matched {
  std::uint64_t ticket = 0;
  std::uint32_t chunks = 0;        // leading chunks that lie in the pool, first_chunk and those before it counted
  std::vector<BlockPlace> blocks;  // from first_chunk on; chunk-major, all cells of the client's range
  std::vector<std::uint32_t> from_tier, missed;  // chunks, by the daemon's tiers and by MissReason
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.chunks, m.blocks, m.from_tier, m.missed); }
};

struct Reserved {
  struct Row {
    std::uint32_t slot = kNoSlot;  // kNoSlot: stored already, or there is no room; nothing to fill
    std::uint64_t generation = 0;
    static void fields(auto& m, auto& codec) { codec(m.slot, m.generation); }
  };
  std::uint64_t ticket = 0;
  std::vector<Row> rows;  // chunk-major, all cells of the client's range
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.rows); }
};

struct Stored {
  std::uint64_t ticket = 0;
  std::uint32_t blocks = 0;  // in the pool under their names from now on
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.blocks); }
};

struct Stats {
  std::uint64_t ticket = 0;
  std::string text;  // Prometheus's format
  static void fields(auto& m, auto& codec) { codec(m.ticket, m.text); }
};

using DaemonMessage = std::variant<Welcome, Refusal, Matched, Reserved, Stored, Stats>;

std::vector<std::byte> encode(const ClientMessage& message);
std::vector<std::byte> encode(const DaemonMessage& message);

// Bytes of the message that begins here, with its length; 0: the length is not whole yet. kInvalid: no message is
// that long.
Result<std::size_t> message_bytes(std::span<const std::byte> bytes);
// A whole message. kInvalid: an unknown type, a field cut short, a count that the bytes cannot hold, bytes left over.
Result<ClientMessage> decode_client_message(std::span<const std::byte> bytes);
Result<DaemonMessage> decode_daemon_message(std::span<const std::byte> bytes);

}  // namespace cairn
