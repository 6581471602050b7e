#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutex.h"

namespace cairn {
namespace {

class CounterOf final : public Counter {
 public:
  explicit CounterOf(prometheus::Counter& inner) : inner_(inner) {}
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  prometheus::Counter& inner_;
};

class GaugeOf final : public Gauge {
 public:
  explicit GaugeOf(prometheus::Gauge& inner) : inner_(inner) {}
  void set(double value) override { inner_.Set(value); }
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  prometheus::Gauge& inner_;
};

class HistogramOf final : public Histogram {
 public:
  explicit HistogramOf(prometheus::Histogram& inner) : inner_(inner) {}
  void observe(double value) override { inner_.Observe(value); }

 private:
  prometheus::Histogram& inner_;
};

enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

struct Family {
  Kind kind = Kind::kCounter;
  void* inner = nullptr;  // prometheus::Family<of kind>, owned by the registry
  std::map<Labels, std::unique_ptr<Counter>> counters;
  std::map<Labels, std::unique_ptr<Gauge>> gauges;
  std::map<Labels, std::unique_ptr<Histogram>> histograms;
};

bool is_metric_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  });
}

// The serializer escapes label values but not help texts.
std::string escaped_help(std::string_view help) {
  std::string text;
  for (const char c : help) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

class Registry final : public Metrics {
 public:
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels) override {
    std::string full(name);
    if (!full.ends_with("_total")) full += "_total";
    MutexLock lock(mutex_);
    Family& family = family_of(full, help, Kind::kCounter);
    auto& slot = family.counters[labels];
    if (!slot) slot = std::make_unique<CounterOf>(inner_of<prometheus::Counter>(family).Add(labels));
    return *slot;
  }

  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels) override {
    MutexLock lock(mutex_);
    Family& family = family_of(std::string(name), help, Kind::kGauge);
    auto& slot = family.gauges[labels];
    if (!slot) slot = std::make_unique<GaugeOf>(inner_of<prometheus::Gauge>(family).Add(labels));
    return *slot;
  }

  Histogram& histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                       const Labels& labels) override {
    CAIRN_CHECK(std::is_sorted(buckets.begin(), buckets.end()), "histogram buckets rise");
    MutexLock lock(mutex_);
    Family& family = family_of(std::string(name), help, Kind::kHistogram);
    auto& slot = family.histograms[labels];
    if (!slot) slot = std::make_unique<HistogramOf>(inner_of<prometheus::Histogram>(family).Add(labels, buckets));
    return *slot;
  }

  void watch(const std::shared_ptr<MetricSource>& source) override {
    MutexLock lock(mutex_);
    std::erase_if(sources_, [](const std::weak_ptr<MetricSource>& known) { return known.expired(); });
    sources_.push_back(source);
  }

  std::string expose() const override {
    std::vector<std::weak_ptr<MetricSource>> sources;
    {
      MutexLock lock(mutex_);
      sources = sources_;
    }
    for (const auto& source : sources) {
      if (const std::shared_ptr<MetricSource> alive = source.lock()) alive->refresh();
    }
    // The registry collects in order of registration, so the text is stable between scrapes.
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  template <class T>
  static prometheus::Family<T>& inner_of(Family& family) {
    return *static_cast<prometheus::Family<T>*>(family.inner);
  }

  Family& family_of(const std::string& name, std::string_view help, Kind kind) CAIRN_REQUIRES(mutex_) {
    const auto [found, fresh] = families_.try_emplace(name);
    Family& family = found->second;
    if (!fresh) {
      CAIRN_CHECK(family.kind == kind, "one metric name, one kind");
      return family;
    }
    CAIRN_CHECK(is_metric_name(name), "metric name");
    family.kind = kind;
    const std::string text = escaped_help(help);
    if (kind == Kind::kCounter) {
      family.inner = &prometheus::BuildCounter().Name(name).Help(text).Register(registry_);
    } else if (kind == Kind::kGauge) {
      family.inner = &prometheus::BuildGauge().Name(name).Help(text).Register(registry_);
    } else {
      family.inner = &prometheus::BuildHistogram().Name(name).Help(text).Register(registry_);
    }
    return family;
  }

  mutable Mutex mutex_;
  prometheus::Registry registry_;
  std::map<std::string, Family> families_ CAIRN_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<MetricSource>> sources_ CAIRN_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Metrics> make_metrics() { return std::make_unique<Registry>(); }

}  // namespace cairn
