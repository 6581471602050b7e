// A bucket inside the test: a transport that answers as S3 does, strict about keys and ranges, with faults on request.
// One thread, where everything that it is told to do happens; or none and virtual time, pumped by the test.
#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "s3/crc32c.h"
#include "s3/transport.h"

namespace cairn::test {

class FakeBucket final : public Transport {
 public:
  struct Fault {
    int status = 0;           // answered instead of doing it
    std::string code;         // in the error's document
    bool after = false;       // done all the same, and then the connection breaks
    bool stall = false;       // no answer, for ever
    bool break_half = false;  // the body ends in the middle
    bool ignore_range = false, ignore_if_match = false, ignore_once = false;
    std::int64_t extra_bytes = 0;                           // more (or fewer) than the head says
    std::int64_t flip_byte = -1;                            // of the object: its lowest bit
    std::string etag;                                       // instead of the object's
    std::string swap;                                       // the object is this one from now on
    std::vector<std::pair<std::string, std::string>> head;  // "date" and such
  };
  struct Seen {
    std::string method, key, query;
    HttpHeaders headers;
    std::string header(std::string_view name) const {
      for (const auto& [each, value] : headers) {
        if (each == name) return value;
      }
      return "";
    }
  };
  using Script = std::function<Fault(const Seen&)>;

  explicit FakeBucket(std::string name = "bucket") : name_(std::move(name)) {
    thread_ = std::thread([this] { run(); });
  }
  // In virtual time an answer takes `latency_us`, more or less.
  FakeBucket(const VirtualClock& clock, std::int64_t latency_us, std::uint64_t seed)
      : name_("bucket"), clock_(clock), latency_us_(latency_us), random_(seed) {}
  ~FakeBucket() override {
    if (!thread_.joinable()) return;
    {
      MutexLock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void submit(std::shared_ptr<Exchange> exchange) override {
    Deadline at{0};
    if (latency_us_ > 0) {
      at = clock_.after_us(latency_us_ / 2 + static_cast<std::int64_t>(random_.below(latency_us_)));
      at.at_us = std::min(at.at_us, exchange->deadline.at_us);
      waiting_.push_back(exchange);
    }
    post(at, [this, exchange = std::move(exchange)] {
      if (latency_us_ > 0 && std::erase(waiting_, exchange) == 0) return;  // cancelled meanwhile
      carry(exchange);
    });
  }
  void cancel(const std::shared_ptr<Exchange>& exchange) override {
    post({0}, [this, exchange] {
      if (std::erase(stalled_, exchange) + std::erase(waiting_, exchange) == 0) return;
      exchange->on_end(Error{ErrorCode::kCancelled, "cancelled"});
    });
  }

  // In virtual time. Runs what is due; false: nothing was.
  bool pump() {
    bool moved = false;
    while (const auto work = due_work()) (*work)(), moved = true;
    return moved;
  }
  // When the next is due; the largest number: nothing waits.
  std::int64_t next_us() {
    MutexLock lock(mutex_);
    return work_.empty() ? Deadline::never().at_us : work_.begin()->first.first;
  }
  Timer post(Deadline at, std::function<void()> work) override {
    MutexLock lock(mutex_);
    const Timer timer = ++last_timer_;
    work_.emplace(std::pair(at.at_us, timer), std::move(work));
    changed_.notify_all();
    return timer;
  }
  void forget(Timer timer) override {
    MutexLock lock(mutex_);
    std::erase_if(work_, [timer](const auto& each) { return each.first.second == timer; });
  }
  std::size_t timers() {  // that wait for their time
    MutexLock lock(mutex_);
    return work_.size();
  }

  // From the test, at any time.
  void script(Script with) {
    MutexLock lock(state_mutex_);
    script_ = std::move(with);
  }
  std::map<std::string, std::string> objects() const {
    MutexLock lock(state_mutex_);
    return objects_;
  }
  void set_object(const std::string& key, std::string bytes) {
    MutexLock lock(state_mutex_);
    objects_[key] = std::move(bytes);
  }
  void remove_object(const std::string& key) {
    MutexLock lock(state_mutex_);
    objects_.erase(key);
  }
  std::vector<Seen> seen() const {
    MutexLock lock(state_mutex_);
    return seen_;
  }
  std::size_t count(const std::string& method) const {
    MutexLock lock(state_mutex_);
    return static_cast<std::size_t>(std::ranges::count(seen_, method, &Seen::method));
  }
  bool ever_held(const std::string& key) const {
    MutexLock lock(state_mutex_);
    return ever_.contains(key);
  }
  void forget_seen() {
    MutexLock lock(state_mutex_);
    seen_.clear();
  }
  std::size_t uploads() const {
    MutexLock lock(state_mutex_);
    return uploads_.size();
  }

 private:
  struct Answer {
    ResponseHead head;
    std::string body;
    bool has_body = true;  // HEAD has none, whatever its length says
  };

  void run() {
    while (const std::optional<std::function<void()>> work = next_work()) (*work)();
  }

  std::optional<std::function<void()>> due_work() {
    MutexLock lock(mutex_);
    return take_due();
  }
  std::optional<std::function<void()>> take_due() {
    if (work_.empty() || work_.begin()->first.first > clock_.now_us()) return std::nullopt;
    std::function<void()> work = std::move(work_.begin()->second);
    work_.erase(work_.begin());
    return work;
  }

  std::optional<std::function<void()>> next_work() {
    MutexLock lock(mutex_);
    for (;;) {
      if (auto work = take_due()) return work;
      if (stop_) return std::nullopt;
      changed_.wait_for_us(
          mutex_,
          work_.empty() ? 100'000 : std::clamp<std::int64_t>(work_.begin()->first.first - clock_.now_us(), 0, 100'000));
    }
  }

  static Answer answer(int status, std::string body = "") {
    Answer out;
    out.head.status = status;
    out.head.content_length = body.size();
    out.body = std::move(body);
    return out;
  }
  static Answer error(int status, const std::string& code) {
    return answer(status, "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>said</Message></Error>");
  }
  static std::string etag_of(const std::string& bytes) {
    return "\"" + std::to_string(std::hash<std::string>()(bytes)) + "\"";
  }

  static std::string decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size()) {
        unsigned value = 0;
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
        out += static_cast<char>(value);
        i += 2;
      } else {
        out += text[i];
      }
    }
    return out;
  }
  std::string argument(const Seen& seen, const std::string& name) const {
    std::string_view rest = seen.query;
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      if (pair.substr(0, pair.find('=')) == name) return decode(pair.substr(pair.find('=') + 1));
    }
    return "";
  }
  bool asks_for(const Seen& seen, const std::string& name) const {
    return seen.query.starts_with(name + "=") || seen.query.find("&" + name + "=") != std::string::npos;
  }

  Seen read_request(const Exchange& exchange) const {
    Seen seen;
    seen.method = to_string(exchange.method);
    seen.headers = exchange.headers;
    std::string rest = exchange.url.substr(exchange.url.find("://") + 3);
    rest.erase(0, rest.find('/'));
    const std::size_t question = rest.find('?');
    if (question != std::string::npos) seen.query = rest.substr(question + 1);
    const std::string path = decode(rest.substr(0, question));
    seen.key = path.size() > name_.size() + 2 ? path.substr(name_.size() + 2) : "";  // "/bucket/"
    return seen;
  }

  void carry(const std::shared_ptr<Exchange>& exchange) {
    if (clock_.passed(exchange->deadline)) {
      exchange->on_end(Error{ErrorCode::kTimeout, "no answer in time"});
      return;
    }
    std::string body;
    if (exchange->body) {
      body.resize(exchange->body->size());
      for (std::size_t at = 0; at < body.size();) {
        const std::size_t piece = std::min<std::size_t>(body.size() - at, 300'000);
        const std::size_t got = exchange->body->read(at, {reinterpret_cast<std::byte*>(body.data()) + at, piece});
        if (got == 0) {
          exchange->on_end(Error{ErrorCode::kCancelled, "given up"});
          return;
        }
        at += got;
      }
    }
    const Seen seen = read_request(*exchange);
    Fault fault;
    Answer out;
    {
      MutexLock lock(state_mutex_);
      seen_.push_back(seen);
      if (script_) fault = script_(seen);
      if (!fault.stall) out = fault.status != 0 ? error(fault.status, fault.code) : serve(seen, body, fault);
    }
    if (fault.stall) {
      stalled_.push_back(exchange);
      {
        const Deadline silent = clock_.after_us(exchange->idle_us);
        post({std::min(silent.at_us, exchange->deadline.at_us)}, [this, weak = std::weak_ptr<Exchange>(exchange)] {
          const std::shared_ptr<Exchange> late = weak.lock();
          const auto found = late ? std::ranges::find(stalled_, late) : stalled_.end();
          if (found == stalled_.end()) return;
          stalled_.erase(found);
          late->on_end(Error{ErrorCode::kTimeout, "no answer in time"});
        });
      }
      return;
    }
    if (fault.after) {
      exchange->on_end(unavailable("connection reset"));
      return;
    }
    if (seen.method == "HEAD") out.has_body = false;
    if (!fault.etag.empty()) out.head.etag = fault.etag;
    for (const auto& [name, value] : fault.head) (name == "date" ? out.head.date : out.head.retry_after) = value;
    deliver(*exchange, std::move(out), fault);
  }

  static void deliver(Exchange& exchange, Answer out, const Fault& fault) {
    if (!out.has_body) out.body.clear();
    if (fault.extra_bytes > 0) out.body.append(static_cast<std::size_t>(fault.extra_bytes), 'x');
    if (fault.extra_bytes < 0)
      out.body.resize(out.body.size() - std::min(out.body.size(), std::size_t(-fault.extra_bytes)));
    if (!exchange.sink().on_head(out.head)) {
      exchange.on_end(Error{ErrorCode::kCancelled, "given up"});
      return;
    }
    const std::size_t bytes = fault.break_half ? out.body.size() / 2 : out.body.size();
    for (std::size_t at = 0; at < bytes;) {
      const std::size_t piece = std::min<std::size_t>(bytes - at, 100'001);
      if (!exchange.sink().on_bytes({reinterpret_cast<const std::byte*>(out.body.data()) + at, piece})) {
        exchange.on_end(Error{ErrorCode::kCancelled, "given up"});
        return;
      }
      at += piece;
    }
    if (fault.break_half) return exchange.on_end(unavailable("connection reset"));
    exchange.on_end({});
  }

  Answer serve(const Seen& seen, const std::string& body, const Fault& fault) {
    if (seen.key.find("//") != std::string::npos) return error(400, "InvalidRequest");
    if (const std::string sum = seen.header("x-amz-checksum-crc32c"); !sum.empty() && sum != crc32c_of(body)) {
      return error(400, "BadDigest");
    }
    if (seen.method == "GET" && asks_for(seen, "list-type")) return list(seen, fault);
    if (asks_for(seen, "uploads") || asks_for(seen, "uploadId")) return upload(seen, body);
    if (seen.method == "PUT") return put(seen, body, fault);
    if (!fault.swap.empty()) objects_[seen.key] = fault.swap;
    const auto found = objects_.find(seen.key);
    if (seen.method == "DELETE") {
      objects_.erase(seen.key);
      return answer(204);
    }
    if (found == objects_.end()) {
      Answer missing = error(404, "NoSuchKey");
      missing.has_body = seen.method != "HEAD";
      return missing;
    }
    return get(seen, found->second, fault);
  }

  Answer put(const Seen& seen, const std::string& body, const Fault& fault) {
    if (seen.header("if-none-match") == "*" && objects_.contains(seen.key) && !fault.ignore_once) {
      return error(412, "PreconditionFailed");
    }
    for (const auto& [key, bytes] : objects_) {
      if (key.starts_with(seen.key + "/") || seen.key.starts_with(key + "/")) return error(409, "ObjectParentIsFile");
    }
    objects_[seen.key] = body;
    ever_.insert(seen.key);
    Answer out = answer(200);
    out.head.etag = etag_of(body);
    return out;
  }

  Answer get(const Seen& seen, std::string bytes, const Fault& fault) {
    if (fault.flip_byte >= 0 && static_cast<std::size_t>(fault.flip_byte) < bytes.size()) {
      bytes[static_cast<std::size_t>(fault.flip_byte)] ^= 1;
    }
    const std::string etag = etag_of(bytes);
    const std::string wanted = seen.header("if-match");
    if (!wanted.empty() && wanted != etag && !fault.ignore_if_match) return error(412, "PreconditionFailed");
    std::string range = seen.header("range");
    Answer out;
    if (range.empty() || fault.ignore_range) {
      out = answer(200, bytes);
    } else {
      range.erase(0, 6);
      const std::size_t dash = range.find('-');
      const std::size_t first = std::stoull(range.substr(0, dash));
      if (first >= bytes.size()) return error(416, "InvalidRange");
      const std::size_t last = std::min<std::size_t>(std::stoull(range.substr(dash + 1)), bytes.size() - 1);
      out = answer(206, bytes.substr(first, last - first + 1));
      out.head.content_range =
          "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(bytes.size());
    }
    out.head.etag = etag;
    out.has_body = seen.method != "HEAD";
    return out;
  }

  Answer list(const Seen& seen, const Fault& fault) const {
    const std::string prefix = argument(seen, "prefix"), delimiter = argument(seen, "delimiter");
    const std::string from = argument(seen, "continuation-token");
    std::string body = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", last;
    std::size_t named = 0;
    bool more = false;
    for (const auto& [key, bytes] : objects_) {
      if (!key.starts_with(prefix) || (!from.empty() && key <= from)) continue;
      if (named == list_max) {
        more = true;
        break;
      }
      const std::size_t end = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
      if (end != std::string::npos) {
        const std::string folder = key.substr(0, end + 1);
        if (folder == last) continue;
        last = folder;
        body += "<CommonPrefixes><Prefix>" + folder + "</Prefix></CommonPrefixes>";
        next_ = folder + "~";  // behind all that lies in it
      } else {
        body += "<Contents><Key>" + key + "</Key><Size>" + std::to_string(bytes.size()) + "</Size></Contents>";
        next_ = key;
      }
      ++named;
    }
    body += more ? "<IsTruncated>true</IsTruncated><NextContinuationToken>" + next_ + "</NextContinuationToken>"
                 : "<IsTruncated>false</IsTruncated>";
    body += "</ListBucketResult>";
    if (fault.flip_byte >= 0 && static_cast<std::size_t>(fault.flip_byte) < body.size()) {
      body[static_cast<std::size_t>(fault.flip_byte)] ^= 1;
    }
    return answer(200, body);
  }

  static std::string crc32c_of(const std::string& bytes) {
    Crc32c crc;
    crc.update(std::as_bytes(std::span(bytes.data(), bytes.size())));
    return crc.base64();
  }

  Answer upload(const Seen& seen, const std::string& body) {
    if (seen.method == "POST" && asks_for(seen, "uploads")) {
      const std::string id = "upload/" + std::to_string(++last_upload_);
      uploads_[id];
      return answer(200,
                    "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>");
    }
    const std::string id = argument(seen, "uploadId");
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return error(404, "NoSuchUpload");
    if (seen.method == "DELETE") {
      uploads_.erase(found);
      return answer(204);
    }
    if (seen.method == "PUT") {
      found->second[std::stoul(argument(seen, "partNumber"))] = body;
      Answer out = answer(200);
      out.head.etag = etag_of(body);
      return out;
    }
    std::string whole;
    for (const auto& [number, bytes] : found->second) {
      const std::string part = "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag_of(bytes) +
                               "</ETag><ChecksumCRC32C>" + crc32c_of(bytes) + "</ChecksumCRC32C></Part>";
      if (body.find(part) == std::string::npos) return error(400, "InvalidRequest");
      if (number != found->second.rbegin()->first && bytes.size() < part_bytes_min) return error(400, "EntityTooSmall");
      whole += bytes;
    }
    objects_[seen.key] = whole;
    ever_.insert(seen.key);
    uploads_.erase(found);
    return answer(200, "<CompleteMultipartUploadResult/>");
  }

 public:
  std::size_t list_max = 1000;
  std::size_t part_bytes_min = 5 << 20;

 private:
  const SystemClock system_clock_;
  const std::string name_;
  const Clock& clock_ = system_clock_;
  const std::int64_t latency_us_ = 0;
  Random random_{1};
  std::thread thread_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::pair<std::int64_t, Timer>, std::function<void()>> work_;
  Timer last_timer_ = 0;
  bool stop_ = false;
  std::list<std::shared_ptr<Exchange>> stalled_, waiting_;  // the thread's own

  mutable Mutex state_mutex_;
  Script script_;
  std::map<std::string, std::string> objects_;
  std::set<std::string> ever_;  // keys
  std::map<std::string, std::map<unsigned long, std::string>> uploads_;
  std::vector<Seen> seen_;
  mutable std::string next_;
  std::uint64_t last_upload_ = 0;
};

}  // namespace cairn::test
