#include "yardstick/raw_bucket.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "kv/sha256.h"
#include "s3/signer.h"

namespace cairn {
namespace {

struct Slot {
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::vector<std::byte> memory;
  std::uint64_t at = 0;
  ~Slot() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
  auto& slot = *static_cast<Slot*>(user);
  const std::size_t bytes = size * count;
  if (slot.at + bytes > slot.memory.size()) return CURL_WRITEFUNC_ERROR;
  std::memcpy(slot.memory.data() + slot.at, data, bytes);
  slot.at += bytes;
  return bytes;
}

std::size_t drop(char*, std::size_t size, std::size_t count, void*) { return size * count; }

std::size_t give(char* into, std::size_t size, std::size_t count, void* user) {
  auto& slot = *static_cast<Slot*>(user);
  const std::size_t bytes = std::min(size * count, slot.memory.size() - slot.at);
  std::memcpy(into, slot.memory.data() + slot.at, bytes);
  slot.at += bytes;
  return bytes;
}

class RawLoop {
 public:
  RawLoop(const RawBucket& bucket, HttpMethod method, std::uint64_t object_bytes, const Clock& clock)
      : bucket_(bucket), address_(bucket.config), method_(method), clock_(clock), multi_(curl_multi_init()) {
    for (std::uint32_t i = 0; i < bucket.connections; ++i) {
      slots_.push_back(std::make_unique<Slot>());
      slots_.back()->easy = curl_easy_init();
      slots_.back()->memory.resize(object_bytes);
    }
  }
  ~RawLoop() {
    slots_.clear();
    curl_multi_cleanup(multi_);
  }
  RawLoop(const RawLoop&) = delete;
  RawLoop& operator=(const RawLoop&) = delete;

  void fill(std::span<const std::byte> memory) {
    for (const auto& slot : slots_) std::ranges::copy(memory, slot->memory.begin());
  }

  LoadFigures run(const std::vector<std::string>& keys) {
    LoadFigures figures;
    const Consumption before;
    const std::int64_t begin_us = clock_.now_us();
    std::size_t next = 0, under_way = 0;
    const auto send = [&](Slot& slot) {
      start(slot, keys[next], next);
      ++next, ++under_way;
    };
    for (const auto& slot : slots_) {
      if (next < keys.size()) send(*slot);
    }
    while (under_way > 0) {
      int running = 0, left = 0;
      curl_multi_perform(multi_, &running);
      while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* easy = message->easy_handle;
        const bool moved = message->data.result == CURLE_OK;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(multi_, easy);
        --under_way;
        Slot& slot = **std::ranges::find(slots_, easy, [](const auto& each) { return each->easy; });
        figures.failed_rows += moved && status / 100 == 2 && slot.at == slot.memory.size() ? 0 : 1;
        figures.bytes += slot.memory.size();
        if (next < keys.size()) send(slot);
      }
      if (under_way > 0) curl_multi_poll(multi_, nullptr, 0, 100, nullptr);
    }
    figures.seconds = static_cast<double>(std::max<std::int64_t>(clock_.now_us() - begin_us, 1)) * 1e-6;
    before.add_to(figures);
    return figures;
  }

 private:
  void start(Slot& slot, const std::string& key, std::size_t number) {
    slot.at = 0;
    const bool put = method_ == HttpMethod::kPut;
    std::string payload(put ? kUnsignedPayload : kEmptyPayload);
    if (put) {
      std::memcpy(slot.memory.data(), &number, sizeof number);
      const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(slot.memory.data()),
                                                slot.memory.size());
      if (!bucket_.config.tls) payload = to_hex(sha256(bytes));
    }
    const std::string path = address_.path(address_.key(key));
    HttpHeaders headers;
    ToSign to_sign;
    to_sign.method = method_;
    to_sign.host = address_.host();
    to_sign.path_and_query = path;
    to_sign.payload = payload;
    to_sign.region = bucket_.config.region;
    to_sign.unix_us = clock_.unix_time_us();
    (void)sign(to_sign, bucket_.credentials, headers);  // what is not signed is refused, and counted
    curl_slist_free_all(slot.headers);
    slot.headers = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : headers) {
      if (name != "host" && name != "Host")
        slot.headers = curl_slist_append(slot.headers, (name + ": " + value).c_str());
    }
    curl_easy_reset(slot.easy);
    curl_easy_setopt(slot.easy, CURLOPT_URL, address_.url(path).c_str());
    curl_easy_setopt(slot.easy, CURLOPT_HTTPHEADER, slot.headers);
    curl_easy_setopt(slot.easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(slot.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(slot.easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(slot.easy, CURLOPT_BUFFERSIZE, 512L * 1024);
    if (!bucket_.config.ca_file.empty()) curl_easy_setopt(slot.easy, CURLOPT_CAINFO, bucket_.config.ca_file.c_str());
    if (put) {
      curl_easy_setopt(slot.easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(slot.easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(slot.memory.size()));
      curl_easy_setopt(slot.easy, CURLOPT_UPLOAD_BUFFERSIZE, 2L * 1024 * 1024);
      curl_easy_setopt(slot.easy, CURLOPT_READFUNCTION, &give);
      curl_easy_setopt(slot.easy, CURLOPT_READDATA, static_cast<void*>(&slot));
      curl_easy_setopt(slot.easy, CURLOPT_WRITEFUNCTION, &drop);
    } else {
      curl_easy_setopt(slot.easy, CURLOPT_WRITEFUNCTION, &take);
      curl_easy_setopt(slot.easy, CURLOPT_WRITEDATA, static_cast<void*>(&slot));
    }
    curl_multi_add_handle(multi_, slot.easy);
  }

  const RawBucket& bucket_;
  const S3Address address_;
  const HttpMethod method_;
  const Clock& clock_;
  CURLM* const multi_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace

LoadFigures raw_put(const RawBucket& bucket, const std::vector<std::string>& keys, std::span<const std::byte> memory,
                    const Clock& clock) {
  RawLoop loop(bucket, HttpMethod::kPut, memory.size(), clock);
  loop.fill(memory);
  return loop.run(keys);
}

LoadFigures raw_get(const RawBucket& bucket, const std::vector<std::string>& keys, std::uint64_t object_bytes,
                    const Clock& clock) {
  return RawLoop(bucket, HttpMethod::kGet, object_bytes, clock).run(keys);
}

}  // namespace cairn
