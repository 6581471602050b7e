#include "config/lmcache.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/bytes.h"
#include "base/text.h"
#include "config/lmcache_options.h"
#include "config/nearest.h"
#include "config/show.h"
#include "config/value.h"

namespace cairn {
namespace {

constexpr std::string_view kFileScheme = "file://";

// The bounds of S3Config.
constexpr std::uint64_t kConnectionsMax = 1024, kPartBytesMin = kMiB, kPartBytesMax = kGiB;

bool is_plain(const LmcacheValue& value) { return !value.is_list && !value.is_opaque; }

bool is_absent(const LmcacheValue& value) {
  return !value.is_opaque && (value.values.empty() || (is_plain(value) && value.values[0].empty()));
}

constexpr std::string_view kKept = "/:";  // for people: they need no escape in a store's URL

// A store's URL in the making: the query grows key by key.
struct StoreText {
  std::string url;
  std::string where;
  void add(std::string_view key, std::string_view value) {
    url += url.find('?') == std::string::npos ? "?" : "&";
    url += std::string(key) + "=" + percent_encode(value, kKept);
  }
};

struct S3Place {
  std::string bucket, endpoint, prefix;
};

class Translator {
 public:
  explicit Translator(const std::vector<LmcacheValue>& values) : values_(values) {}

  LmcacheTranslation run() {
    memory();
    stores();
    log_level();
    for (const LmcacheValue& value : values_) judge(value);
    return std::move(out_);
  }

 private:
  // Of one value that is not null; what nobody asks for is without effect.
  const LmcacheValue* given(std::string_view name) {
    for (const LmcacheValue& value : values_) {
      if (value.name != name) continue;
      read_.insert(value.name);
      if (is_absent(value)) return nullptr;
      if (is_plain(value)) return &value;
      refuse(value, "takes one value, not a list or a map");
    }
    return nullptr;
  }
  const LmcacheValue* given_extra(std::string_view name) {
    return given(std::string(kLmcacheExtra) + std::string(name));
  }

  void refuse(const LmcacheValue& value, const std::string& what) {
    out_.refusals.push_back(value.where + ": " + what);
  }
  void notice(const LmcacheValue& value, const std::string& why) {
    out_.notices.push_back(value.where + ": without effect: " + why);
  }
  void add(std::string section, std::string name, std::string text, const LmcacheValue& from) {
    out_.settings.push_back({std::move(section), std::move(name), {std::move(text)}, from.where});
  }

  // Options that no setting was made of.
  void judge(const LmcacheValue& value) {
    const LmcacheOption* option = find_lmcache_option(value.name);
    if (option == nullptr) return unknown(value);
    if (is_absent(value) || read_.contains(value.name)) return;
    if (is_plain(value) && asks_nothing(*option, value.values[0])) return;
    switch (option->use) {
      case LmcacheUse::kWorks:
        return notice(value, "the tier that it belongs to is not there");
      case LmcacheUse::kAccepted:
        return notice(value, std::string(option->text));
      case LmcacheUse::kRefused:
        return refuse(value, "refused: " + std::string(option->text));
    }
  }

  void unknown(const LmcacheValue& value) {
    if (value.name.starts_with(kLmcacheVariable)) return notice(value, "LMCache has no such variable");
    const bool is_extra = find_lmcache_option(std::string(kLmcacheExtra) + value.name) != nullptr;
    refuse(value, "LMCache has no such option" +
                      (is_extra ? "; it belongs below extra_config"
                                : did_you_mean(without_prefix(value.name), lmcache_names_like(value.name))));
  }

  std::optional<bool> as_switch(const LmcacheValue& value) {
    const Result<bool> read = parse_switch(lower(value.values[0]));
    if (read) return *read;
    refuse(value, read.error().detail);
    return std::nullopt;
  }
  bool is_on(const LmcacheValue* value) { return value != nullptr && as_switch(*value).value_or(false); }

  std::optional<std::uint64_t> as_whole(const LmcacheValue& value, OptionKind kind) {
    const Result<std::uint64_t> read = parse_unsigned(value.values[0], kind, ~std::uint64_t{0});
    if (read && *read > 0) return *read;
    refuse(value, read ? "must be at least 1" : read.error().detail);
    return std::nullopt;
  }

  // What no store takes becomes the nearest that one does.
  std::optional<std::uint64_t> as_clamped(const LmcacheValue& value, OptionKind kind, std::uint64_t least,
                                          std::uint64_t most) {
    const auto number = as_whole(value, kind);
    if (!number || (*number >= least && *number <= most)) return number;
    const std::uint64_t taken = std::clamp(*number, least, most);
    out_.notices.push_back(value.where + ": taken as " +
                           (kind == OptionKind::kBytes ? bytes_text(taken) : std::to_string(taken)) + ", the " +
                           (taken == most ? "most" : "least") + " of a store");
    return taken;
  }

  // LMCache counts GiB; a unit is understood too.
  std::optional<std::uint64_t> as_size(const LmcacheValue& value) {
    constexpr double kGibMax = 1 << 30;
    const std::string& text = value.values[0];
    if (const Result<double> number = parse_real(text)) {
      if (*number >= 0 && *number <= kGibMax)
        return static_cast<std::uint64_t>(std::llround(*number * static_cast<double>(kGiB)));
    } else if (const Result<std::uint64_t> bytes = parse_bytes(text)) {
      return *bytes;
    }
    refuse(value, "\"" + text + "\" is not a size: a number of GiB, such as 20, or with a unit, such as 20GiB");
    return std::nullopt;
  }

  void log_level() {
    static constexpr std::pair<std::string_view, std::string_view> kLevels[] = {
        {"debug", "debug"}, {"info", "info"},    {"warning", "warning"}, {"error", "error"}, {"notset", "debug"},
        {"trace", "debug"}, {"warn", "warning"}, {"critical", "error"},  {"fatal", "error"}};
    const LmcacheValue* level = given("LMCACHE_LOG_LEVEL");
    if (level == nullptr) return;
    const std::string name = lower(level->values[0]);
    const auto* found = std::ranges::find_if(kLevels, [&](const auto& known) { return known.first == name; });
    if (found == std::end(kLevels)) return notice(*level, "it is none of debug, info, warning, error, critical");
    add("", "log_level", std::string(found->second), *level);
  }

  void memory() {
    if (const LmcacheValue* tokens = given("chunk_size")) {
      if (const auto count = as_whole(*tokens, OptionKind::kWhole))
        add("", "chunk_tokens", std::to_string(*count), *tokens);
    }
    if (const LmcacheValue* decode = given("save_decode_cache")) {
      if (const auto on = as_switch(*decode)) add("engine", "save_decode_cache", *on ? "true" : "false", *decode);
    }
    if (const LmcacheValue* cpu = given("local_cpu"); cpu != nullptr && !as_switch(*cpu).value_or(true))
      return add("", "ram_bytes", "0", *cpu);
    if (const LmcacheValue* size = given("max_local_cpu_size")) {
      if (const auto bytes = as_size(*size)) add("", "ram_bytes", bytes_text(*bytes), *size);
    }
  }

  // Fastest first: the order in which LMCache asks its backends.
  void stores() {
    LmcacheSetting setting{"", "stores", {}, "", true};
    for (const std::optional<StoreText>& store : {disk(), gds("gds_path"), gds("weka_path"), remote()}) {
      if (!store) continue;
      setting.values.push_back(store->url);
      setting.where += (setting.where.empty() ? "" : ", ") + store->where;
    }
    if (!setting.values.empty()) out_.settings.push_back(std::move(setting));
  }

  // One absolute directory.
  std::optional<StoreText> directory(const LmcacheValue& value, std::string_view path, const std::string& example) {
    if (path.find(',') != std::string_view::npos) {
      refuse(value, "names several directories, which LMCache deals out to its GPUs; name one");
    } else if (!path.starts_with('/')) {
      refuse(value, "names no absolute directory, such as " + example);
    } else {
      return StoreText{std::string(kFileScheme) + percent_encode(path, kKept), value.where};
    }
    return std::nullopt;
  }

  std::optional<StoreText> disk() {
    const LmcacheValue* value = given("local_disk");
    if (value == nullptr) return std::nullopt;
    std::string_view path = value->values[0];
    if (path.starts_with(kFileScheme)) path.remove_prefix(kFileScheme.size());
    std::optional<StoreText> store = directory(*value, path, "file:///mnt/kv");
    if (!store) return std::nullopt;
    if (const LmcacheValue* size = given("max_local_disk_size")) {
      const auto bytes = as_size(*size);
      if (bytes == 0u) refuse(*size, "0 stores nothing on the disk: give it a size, or leave out local_disk");
      if (bytes) store->add("capacity_bytes", bytes_text(*bytes));
    } else {
      refuse(*value, "nothing is stored on the disk without a max_local_disk_size: write one, in GiB, such as 100");
    }
    if (is_on(given_extra("use_odirect"))) store->add("direct", "always");
    return store;
  }

  std::optional<StoreText> gds(std::string_view name) {
    const LmcacheValue* value = given(name);
    if (value == nullptr) return std::nullopt;
    std::optional<StoreText> store = directory(*value, value->values[0], "/mnt/gds");
    if (store) out_.notices.push_back(value->where + ": a file store through host memory, without GPUDirect");
    return store;
  }

  std::optional<StoreText> remote() {
    const LmcacheValue* value = given("remote_url");
    if (value == nullptr) return std::nullopt;
    const std::string& url = value->values[0];
    const auto end = url.find("://");
    const std::string scheme = end == std::string::npos ? "" : lower(url.substr(0, end));
    if (scheme == "s3") return s3(*value, url.substr(end + 3));
    if (scheme == "fs") return shared_directory(*value, url.substr(end + 3));
    const bool is_name = !scheme.empty() && scheme.size() <= 20 &&
                         scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-+.") == std::string::npos;
    refuse(*value, (is_name ? "there is no tier for " + scheme + "://" : "is no URL of a store") +
                       "; write s3://BUCKET.ENDPOINT or fs://ANY/PATH");
    return std::nullopt;
  }

  // LMCache ignores the host.
  std::optional<StoreText> shared_directory(const LmcacheValue& value, std::string_view rest) {
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
    std::optional<StoreText> store = directory(value, rest, "fs:///mnt/kv");
    if (store && is_on(given_extra("fs_connector_use_odirect"))) store->add("direct", "always");
    return store;
  }

  // "bucket.host:port/prefix"; with s3_bucket the bucket need not be in it.
  std::optional<S3Place> s3_place(const LmcacheValue& value, const std::string& rest) {
    const auto slash = std::min(rest.find('/'), rest.size());
    S3Place place{"", rest.substr(0, slash), rest.substr(slash)};
    if (const LmcacheValue* bucket = given_extra("s3_bucket")) {
      place.bucket = bucket->values[0];
      if (place.endpoint.starts_with(place.bucket + ".")) place.endpoint.erase(0, place.bucket.size() + 1);
    } else {
      const auto dot = place.endpoint.find('.');
      place.bucket = place.endpoint.substr(0, dot);
      place.endpoint = dot == std::string::npos ? "" : place.endpoint.substr(dot + 1);
    }
    if (const LmcacheValue* prefix = given_extra("s3_file_prefix")) place.prefix += "/" + prefix->values[0];
    const bool has_keys =
        (place.bucket + place.endpoint).find_first_of("@?") != std::string::npos;  // never to be shown
    if (!has_keys && !place.endpoint.empty()) return place;
    refuse(value, std::string(has_keys ? "holds an @ or a ?; keys stand below extra_config" : "names no endpoint") +
                      "; write s3://BUCKET.ENDPOINT, such as s3://kv1.s3.us-east-1.amazonaws.com");
    return std::nullopt;
  }

  std::optional<StoreText> s3(const LmcacheValue& value, const std::string& rest) {
    const std::optional<S3Place> place = s3_place(value, rest);
    if (!place) return std::nullopt;
    StoreText store{"s3://" + place->bucket, value.where};
    for (const std::string& part : split(place->prefix, '/')) store.url += "/" + percent_encode(part, kKept);
    store.add("endpoint", place->endpoint);
    if (const LmcacheValue* region = given_extra("s3_region")) store.add("region", region->values[0]);
    store.add("tls", is_on(given_extra("disable_tls")) ? "false" : "true");
    if (const auto path = path_style()) store.add("path_style", *path ? "true" : "false");
    if (const auto connections = connections_of_s3()) store.add("connections", std::to_string(*connections));
    if (const LmcacheValue* part = given_extra("s3_part_size")) {
      const auto bytes = as_clamped(*part, OptionKind::kBytes, kPartBytesMin, kPartBytesMax);
      if (bytes) store.add("part_bytes", bytes_text(*bytes));
    }
    if (const LmcacheValue* bundle = given_extra("s3_ca_bundle")) store.add("ca_file", bundle->values[0]);
    secret("aws_access_key_id", "s3_access_key_id");
    secret("aws_secret_access_key", "s3_secret_access_key");
    secret("aws_session_token", "s3_session_token");
    return store;
  }

  std::optional<bool> path_style() {
    const LmcacheValue* asked = given_extra("s3_use_path_style");
    if (const LmcacheValue* style = given_extra("s3_addressing_style")) {
      const std::string name = lower(style->values[0]);
      if (name == "path" || name == "virtual") return name == "path";
      refuse(*style, "\"" + style->values[0] + "\" is neither virtual nor path");
    }
    return asked == nullptr ? std::nullopt : as_switch(*asked);
  }

  std::optional<std::uint64_t> connections_of_s3() {
    std::optional<std::uint64_t> least;
    for (const std::string_view name : {"s3_num_io_threads", "s3_max_inflight_reqs"}) {
      const LmcacheValue* value = given_extra(name);
      const auto count = value == nullptr ? std::nullopt : as_clamped(*value, OptionKind::kWhole, 1, kConnectionsMax);
      if (count) least = std::min(least.value_or(*count), *count);
    }
    return least;
  }

  void secret(std::string_view theirs, std::string ours) {
    const LmcacheValue* value = given_extra(theirs);
    if (value == nullptr) return;
    add("", std::move(ours), value->values[0], *value);
    out_.settings.back().secret = true;
  }

  static std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    while (!text.empty()) {
      const auto end = std::min(text.find(at), text.size());
      if (end > 0) parts.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
  }

  const std::vector<LmcacheValue>& values_;
  std::set<std::string, std::less<>> read_;
  LmcacheTranslation out_;
};

std::string yaml_line(const LmcacheSetting& setting) {
  if (setting.secret)
    return "# " + setting.name + ": a secret, not copied from " + setting.where + "; put it into the variable CAIRN_" +
           upper(setting.name);
  std::string value = setting.is_list ? "[" : setting.values[0];
  for (const std::string& item : setting.values) {
    if (setting.is_list) value += (value.size() > 1 ? ", " : "") + yaml_quoted(item);
  }
  return setting.name + ": " + value + (setting.is_list ? "]" : "") + "  # " + setting.where;
}

}  // namespace

LmcacheTranslation translate_lmcache(const std::vector<LmcacheValue>& values) { return Translator(values).run(); }

std::string lmcache_as_yaml(const LmcacheTranslation& translation) {
  std::string top, sections;
  std::set<std::string> done;
  for (const LmcacheSetting& setting : translation.settings) {
    if (setting.section.empty()) {
      top += yaml_line(setting) + "\n";
    } else if (done.insert(setting.section).second) {
      sections += setting.section + ":\n";
      for (const LmcacheSetting& other : translation.settings) {
        if (other.section == setting.section) sections += "  " + yaml_line(other) + "\n";
      }
    }
  }
  for (const std::string& notice : translation.notices) sections += "# " + notice + "\n";
  return top + sections;
}

}  // namespace cairn
