#include "s3/curl_transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace cairn {
namespace {

constexpr long kReceiveBytes = 512 * 1024, kSendBytes = 2 * 1024 * 1024;  // one system call each
constexpr std::int64_t kPollUsMax = 1'000'000;

bool equals(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

// One exchange on its easy handle.
struct Flight {
  std::shared_ptr<Exchange> exchange;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  ResponseHead head;
  std::uint64_t body_at = 0;
  bool told_head = false, given_up = false, late = false, cancelled = false;
  bool moved = true;  // a byte either way since the last look
  Transport::Timer deadline = 0, idle = 0;
  char error[CURL_ERROR_SIZE] = {};

  bool tell_head() {
    if (!told_head) {
      told_head = true;
      given_up = !exchange->sink().on_head(head);
    }
    return !given_up;
  }
};

void take_status(Flight& flight, std::string_view line) {
  flight.head = {};  // of a response behind a 100 Continue
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return;
  const std::string_view digits = line.substr(space + 1, 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), flight.head.status);
}

void take_header(Flight& flight, std::string_view name, std::string_view value) {
  ResponseHead& head = flight.head;
  if (equals(name, "content-length")) {
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    if (error == std::errc() && end == value.data() + value.size()) head.content_length = bytes;
  } else if (equals(name, "etag")) {
    head.etag = value;
  } else if (equals(name, "content-range")) {
    head.content_range = value;
  } else if (equals(name, "retry-after")) {
    head.retry_after = value;
  } else if (equals(name, "date")) {
    head.date = value;
  } else if (equals(name, "x-amz-bucket-region")) {
    head.region = value;
  }
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& flight = *static_cast<Flight*>(user);
  flight.moved = true;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    take_status(flight, line);
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    take_header(flight, line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& flight = *static_cast<Flight*>(user);
  const std::size_t bytes = size * count;
  flight.moved = true;
  if (!flight.tell_head()) return CURL_WRITEFUNC_ERROR;
  if (flight.exchange->sink().on_bytes({reinterpret_cast<const std::byte*>(data), bytes})) return bytes;
  flight.given_up = true;
  return CURL_WRITEFUNC_ERROR;
}

std::size_t on_read(char* into, std::size_t size, std::size_t count, void* user) {
  auto& flight = *static_cast<Flight*>(user);
  if (!flight.exchange->body) return 0;
  BodySource& body = *flight.exchange->body;
  if (flight.body_at == body.size()) return 0;
  const std::size_t got = body.read(flight.body_at, {reinterpret_cast<std::byte*>(into), size * count});
  if (got == 0) {
    flight.given_up = true;
    return CURL_READFUNC_ABORT;
  }
  flight.body_at += got;
  flight.moved = true;
  return got;
}

int on_seek(void* user, curl_off_t offset, int origin) {  // a kept connection was gone: libcurl sends once more
  auto& flight = *static_cast<Flight*>(user);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  flight.body_at = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

// Sets options one after the other; the first that libcurl refuses spoils all.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}
  template <class T>
  void set(CURLoption option, T value) {
    good_ = good_ && curl_easy_setopt(easy_, option, value) == CURLE_OK;
  }
  void refuse_unless(bool condition) { good_ = good_ && condition; }
  bool good() const { return good_; }

 private:
  CURL* const easy_;
  bool good_ = true;
};

void set_connection(Options& options, const CurlConfig& config) {
  options.set(CURLOPT_NOSIGNAL, 1L);
  options.set(CURLOPT_QUICK_EXIT, 1L);  // a name that does not resolve is left behind: others need this thread
  options.set(CURLOPT_PROTOCOLS_STR, config.tls ? "https" : "http");
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_PATH_AS_IS, 1L);
  options.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, config.connect_us / 1000)));
  options.set(CURLOPT_BUFFERSIZE, kReceiveBytes);
  options.set(CURLOPT_TCP_KEEPALIVE, 1L);
  options.set(CURLOPT_NOPROXY, config.proxy.empty() ? "*" : "");
  options.set(CURLOPT_PROXY, config.proxy.c_str());
  if (!config.tls) return;
  options.set(CURLOPT_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, 2L);
  options.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (config.ca_file.empty()) return;
  options.set(CURLOPT_CAINFO, config.ca_file.c_str());
  options.set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
}

void set_method(Options& options, Flight& flight) {
  const Exchange& exchange = *flight.exchange;
  if (exchange.method == HttpMethod::kGet) return options.set(CURLOPT_HTTPGET, 1L);
  if (exchange.method == HttpMethod::kHead) return options.set(CURLOPT_NOBODY, 1L);
  options.set(CURLOPT_UPLOAD, exchange.method == HttpMethod::kDelete ? 0L : 1L);
  options.set(CURLOPT_CUSTOMREQUEST, std::string(to_string(exchange.method)).c_str());
  options.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.body ? exchange.body->size() : 0));
  options.set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBytes);
  options.set(CURLOPT_READFUNCTION, &on_read);
  options.set(CURLOPT_READDATA, static_cast<void*>(&flight));
  options.set(CURLOPT_SEEKFUNCTION, &on_seek);
  options.set(CURLOPT_SEEKDATA, static_cast<void*>(&flight));
}

void set_headers(Options& options, Flight& flight) {
  const auto add = [&](const std::string& line) {
    curl_slist* more = curl_slist_append(flight.headers, line.c_str());
    options.refuse_unless(more != nullptr);
    if (more != nullptr) flight.headers = more;
  };
  for (const auto& [name, value] : flight.exchange->headers) {
    if (!equals(name, "host")) add(value.empty() ? name + ";" : name + ": " + value);
  }
  add("Expect:");
  add("Accept:");
  options.set(CURLOPT_HTTPHEADER, flight.headers);
  options.set(CURLOPT_HEADERFUNCTION, &on_header);
  options.set(CURLOPT_HEADERDATA, static_cast<void*>(&flight));
}

bool prepare(Flight& flight, const CurlConfig& config) {
  curl_easy_reset(flight.easy);
  Options options(flight.easy);
  options.set(CURLOPT_URL, flight.exchange->url.c_str());
  options.set(CURLOPT_PRIVATE, static_cast<void*>(&flight));
  options.set(CURLOPT_ERRORBUFFER, static_cast<char*>(flight.error));
  options.set(CURLOPT_WRITEFUNCTION, &on_body);
  options.set(CURLOPT_WRITEDATA, static_cast<void*>(&flight));
  set_connection(options, config);
  set_method(options, flight);
  set_headers(options, flight);
  return options.good();
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(const CurlConfig& config, const Clock& clock) : config_(config), clock_(clock) {}
  Result<void> open();
  ~CurlTransport() override;

  void submit(std::shared_ptr<Exchange> exchange) override {
    post({0}, [this, exchange = std::move(exchange)] { begin(exchange); });
  }
  void cancel(const std::shared_ptr<Exchange>& exchange) override {
    post({0}, [this, exchange] { stop(*exchange, &Flight::cancelled); });
  }
  Timer post(Deadline at, std::function<void()> work) override {
    Timer timer = 0;
    {
      MutexLock lock(mutex_);
      timer = ++last_timer_;
      work_.emplace(std::pair(at.at_us, timer), std::move(work));
      if (at.at_us > 0) due_.emplace(timer, at.at_us);
    }
    curl_multi_wakeup(multi_);
    return timer;
  }
  void forget(Timer timer) override {
    std::function<void()> forgotten;  // destroyed after the lock
    MutexLock lock(mutex_);
    const auto due = due_.find(timer);
    if (due == due_.end()) return;
    const auto found = work_.find({due->second, timer});
    if (found != work_.end()) {
      forgotten = std::move(found->second);
      work_.erase(found);
    }
    due_.erase(due);
  }

 private:
  void run();
  void begin(const std::shared_ptr<Exchange>& exchange);
  void watch_idle(Flight& flight);
  void stop(const Exchange& exchange, bool Flight::* why);
  void end(CURL* easy, CURLcode code);
  void collect();
  std::int64_t work_until_us();  // does what is due; when the next is

  const CurlConfig config_;
  const Clock& clock_;
  CURLM* multi_ = nullptr;
  std::thread thread_;

  Mutex mutex_;
  std::map<std::pair<std::int64_t, Timer>, std::function<void()>> work_ CAIRN_GUARDED_BY(mutex_);  // by time
  std::unordered_map<Timer, std::int64_t> due_ CAIRN_GUARDED_BY(mutex_);                           // those with a time
  Timer last_timer_ CAIRN_GUARDED_BY(mutex_) = 0;
  bool stop_ CAIRN_GUARDED_BY(mutex_) = false;

  // The thread only.
  std::unordered_map<const Exchange*, std::unique_ptr<Flight>> flights_;
  std::vector<CURL*> idle_;
};

Result<void> CurlTransport::open() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi_ = curl_multi_init();
  if (multi_ == nullptr) return unavailable("libcurl cannot start");
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(config_.connections_max));
  thread_ = std::thread([this] { run(); });
  return {};
}

CurlTransport::~CurlTransport() {
  if (multi_ == nullptr) return;
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  CAIRN_CHECK(flights_.empty(), "a transport was destroyed with exchanges under way");
  for (CURL* easy : idle_) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi_);
}

void CurlTransport::run() {
  for (;;) {
    const std::int64_t next_us = work_until_us();
    {
      MutexLock lock(mutex_);
      if (stop_) return;
    }
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect();
    const std::int64_t wait_us = std::clamp<std::int64_t>(next_us - clock_.now_us(), 0, kPollUsMax);
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>((wait_us + 999) / 1000), nullptr);
  }
}

std::int64_t CurlTransport::work_until_us() {
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      if (work_.empty()) return clock_.now_us() + kPollUsMax;
      const auto first = work_.begin();
      if (first->first.first > clock_.now_us()) return first->first.first;
      work = std::move(first->second);
      due_.erase(first->first.second);
      work_.erase(first);
    }
    work();
  }
}

void CurlTransport::begin(const std::shared_ptr<Exchange>& exchange) {
  auto flight = std::make_unique<Flight>();
  flight->exchange = exchange;
  if (idle_.empty()) {
    flight->easy = curl_easy_init();
  } else {
    flight->easy = idle_.back();
    idle_.pop_back();
  }
  Flight& here = *flight;
  flights_.emplace(exchange.get(), std::move(flight));
  if (here.easy == nullptr || !prepare(here, config_) || curl_multi_add_handle(multi_, here.easy) != CURLM_OK) {
    std::snprintf(here.error, sizeof here.error, "libcurl refuses the request");
    std::unique_ptr<Flight> failed = std::move(flights_.extract(exchange.get()).mapped());
    curl_slist_free_all(failed->headers);
    if (failed->easy != nullptr) curl_easy_cleanup(failed->easy);
    exchange->on_end(unavailable(failed->error));
    return;
  }
  watch_idle(here);
  if (exchange->deadline.at_us == Deadline::never().at_us) return;
  here.deadline = post(exchange->deadline, [this, which = exchange.get()] { stop(*which, &Flight::late); });
}

// Looks each time the patience is over whether anything moved: a silent server is found within twice that. `end`
// forgets both timers.
void CurlTransport::watch_idle(Flight& flight) {
  flight.moved = false;
  const Exchange* which = flight.exchange.get();
  flight.idle = post(clock_.after_us(std::max<std::int64_t>(1, flight.exchange->idle_us)), [this, which] {
    const auto found = flights_.find(which);
    if (found == flights_.end()) return;
    if (found->second->moved) return watch_idle(*found->second);
    stop(*which, &Flight::late);
  });
}

void CurlTransport::stop(const Exchange& exchange, bool Flight::* why) {
  const auto found = flights_.find(&exchange);
  if (found == flights_.end()) return;
  (*found->second).*why = true;
  end(found->second->easy, CURLE_ABORTED_BY_CALLBACK);
}

void CurlTransport::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) end(message->easy_handle, message->data.result);
  }
}

void CurlTransport::end(CURL* easy, CURLcode code) {
  void* user = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &user);
  const auto found = flights_.find(static_cast<Flight*>(user)->exchange.get());
  CAIRN_CHECK(found != flights_.end(), "libcurl ends what it does not have");
  const std::unique_ptr<Flight> flight = std::move(flights_.extract(found).mapped());
  forget(flight->deadline);
  forget(flight->idle);
  curl_multi_remove_handle(multi_, easy);  // one under way: closes its connection
  curl_slist_free_all(flight->headers);
  idle_.push_back(easy);
  if (code == CURLE_OK) flight->tell_head();  // there was no body
  Result<void> result;
  if (flight->late) {
    result = Error{ErrorCode::kTimeout, "no answer in time"};
  } else if (flight->cancelled || flight->given_up) {
    result = Error{ErrorCode::kCancelled, "broken off by us"};
  } else if (code != CURLE_OK) {
    result = unavailable(flight->error[0] != '\0' ? flight->error : curl_easy_strerror(code));
  }
  flight->exchange->on_end(std::move(result));
}

}  // namespace

std::string_view to_string(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kHead:
      return "HEAD";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kPost:
      return "POST";
    case HttpMethod::kDelete:
      return "DELETE";
  }
  return "";
}

Result<std::shared_ptr<Transport>> make_curl_transport(const CurlConfig& config, const Clock& clock) {
  auto transport = std::make_shared<CurlTransport>(config, clock);
  CAIRN_TRY_VOID(transport->open());
  return std::shared_ptr<Transport>(std::move(transport));
}

}  // namespace cairn
