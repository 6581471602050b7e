#include "node/message.h"

#include <algorithm>
#include <concepts>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace cairn {
namespace {

template <class T>
concept Scalar = std::is_arithmetic_v<T>;

// Fields of values that other rooms define.
void fields_of(auto& m, auto& codec)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(m)>>, ChunkId>
{
  codec(m.key.digest, m.parent.digest, m.token_digest, m.index, m.tokens, m.tenant);
}
void fields_of(auto& m, auto& codec)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(m)>>, KvRange>
{
  codec(m.layer_begin, m.layer_end, m.head_begin, m.head_end);
}
void fields_of(auto& m, auto& codec)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(m)>>, Checksum128>
{
  codec(m.low, m.high);
}
void fields_of(auto& m, auto& codec)
  requires requires { m.fields(m, codec); }
{
  m.fields(m, codec);
}

class Encoder {
 public:
  Encoder() : bytes_(kMessageHeadBytes) {}

  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  std::vector<std::byte> finish(std::uint16_t type) && {
    CAIRN_CHECK(bytes_.size() <= kMessageBytesMax + sizeof(std::uint32_t), "a message beyond its bound");
    store_le(bytes_.data(), static_cast<std::uint32_t>(bytes_.size() - sizeof(std::uint32_t)));
    store_le(bytes_.data() + 4, type);
    store_le(bytes_.data() + 6, std::uint16_t{0});
    return std::move(bytes_);
  }

 private:
  void raw(const void* from, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }
  void put(const Scalar auto& value) { raw(&value, sizeof value); }
  void put(const Digest& digest) { raw(digest.bytes.data(), digest.bytes.size()); }
  void put(const PrincipalTag& tag) { raw(tag.bytes.data(), tag.bytes.size()); }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    raw(text.data(), text.size());
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& each : list) put(each);
  }
  void put(const auto& value) { fields_of(value, *this); }

  std::vector<std::byte> bytes_;
};

// Bytes that a value takes at least: what keeps a count from asking for memory that no message can fill.
class Sizer {
 public:
  template <class... Fields>
  void operator()(const Fields&... fields) {
    (add(fields), ...);
  }
  template <class T>
  static std::size_t of() {
    Sizer sizer;
    sizer.add(T{});
    return sizer.bytes_;
  }

 private:
  void add(const Scalar auto& value) { bytes_ += sizeof value; }
  void add(const Digest& digest) { bytes_ += digest.bytes.size(); }
  void add(const PrincipalTag& tag) { bytes_ += tag.bytes.size(); }
  void add(const std::string&) { bytes_ += sizeof(std::uint32_t); }
  template <class T>
  void add(const std::vector<T>&) {
    bytes_ += sizeof(std::uint32_t);
  }
  void add(const auto& value) { fields_of(value, *this); }

  std::size_t bytes_ = 0;
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  bool whole() const { return good_ && bytes_.empty(); }

 private:
  void raw(void* into, std::size_t size) {
    if (!good_ || bytes_.size() < size) {
      good_ = false;
      return;
    }
    std::memcpy(into, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  void get(Scalar auto& value) { raw(&value, sizeof value); }
  void get(Digest& digest) { raw(digest.bytes.data(), digest.bytes.size()); }
  void get(PrincipalTag& tag) { raw(tag.bytes.data(), tag.bytes.size()); }
  std::uint32_t count(std::size_t bytes_each) {
    std::uint32_t value = 0;
    get(value);
    if (value > bytes_.size() / bytes_each) good_ = false;
    return good_ ? value : 0;
  }
  void get(std::string& text) {
    text.resize(count(1));
    raw(text.data(), text.size());
  }
  template <class T>
  void get(std::vector<T>& list) {
    list.resize(count(Sizer::of<T>()));
    for (T& each : list) get(each);
  }
  void get(auto& value) { fields_of(value, *this); }

  std::span<const std::byte> bytes_;
  bool good_ = true;
};

// A type is its place in its variant; the daemon's begin at 101.
constexpr std::uint16_t kClientBase = 1, kDaemonBase = 101;

template <class Message>
std::vector<std::byte> encode_as(const Message& message, std::uint16_t base) {
  Encoder encoder;
  std::visit([&](const auto& each) { each.fields(each, encoder); }, message);
  return std::move(encoder).finish(static_cast<std::uint16_t>(base + message.index()));
}

template <class Message, std::size_t... Places>
Result<Message> decode_place(std::size_t place, std::span<const std::byte> fields, std::index_sequence<Places...>) {
  Result<Message> message = invalid("a message of no known type");
  const auto try_one = [&]<std::size_t Place>() {
    if (Place != place) return;
    std::variant_alternative_t<Place, Message> value;
    Decoder decoder(fields);
    value.fields(value, decoder);
    message = decoder.whole() ? Result<Message>(Message(std::move(value)))
                              : Result<Message>(invalid("a message whose fields do not fit its length"));
  };
  (try_one.template operator()<Places>(), ...);
  return message;
}

template <class Message>
Result<Message> decode_as(std::span<const std::byte> bytes, std::uint16_t base) {
  CAIRN_TRY(const std::size_t size, message_bytes(bytes));
  if (size != bytes.size() || size < kMessageHeadBytes) return invalid("a message that is not whole");
  const auto type = load_le<std::uint16_t>(bytes.data() + 4);
  if (load_le<std::uint16_t>(bytes.data() + 6) != 0 || type < base) return invalid("a message of no known type");
  return decode_place<Message>(std::size_t{type} - base, bytes.subspan(kMessageHeadBytes),
                               std::make_index_sequence<std::variant_size_v<Message>>());
}

}  // namespace

std::vector<std::byte> encode(const ClientMessage& message) { return encode_as(message, kClientBase); }
std::vector<std::byte> encode(const DaemonMessage& message) { return encode_as(message, kDaemonBase); }

Result<std::size_t> message_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) return std::size_t{0};
  const std::size_t size = load_le<std::uint32_t>(bytes.data());
  if (size < kMessageHeadBytes - sizeof(std::uint32_t) || size > kMessageBytesMax) {
    return invalid("a message of " + std::to_string(size) + " bytes");
  }
  return size + sizeof(std::uint32_t);
}

Result<ClientMessage> decode_client_message(std::span<const std::byte> bytes) {
  return decode_as<ClientMessage>(bytes, kClientBase);
}
Result<DaemonMessage> decode_daemon_message(std::span<const std::byte> bytes) {
  return decode_as<DaemonMessage>(bytes, kDaemonBase);
}

}  // namespace cairn
