// Metric registry with Prometheus text exposition. Components keep references to counters they made at start, so an
// event costs one relaxed add. Names: cairn_<room>_<noun>_<unit>. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

class Counter {  // only rises
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;
  virtual double value() const = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

// Keeps gauges that are cheaper to ask for than to keep: told just before each exposition, on the thread that asked.
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  virtual void refresh() = 0;  // must not block for long
};

using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  virtual ~Metrics() = default;
  // The same name and labels give the same object. References live as long as the registry. A counter's name ends in
  // _total; where the caller left that out it is added. One name of two kinds, or a broken name, is a bug (checked).
  virtual Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {}) = 0;
  virtual Histogram& histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                               const Labels& labels = {}) = 0;
  virtual void watch(const std::shared_ptr<MetricSource>& source) = 0;  // for as long as it lives
  virtual std::string expose() const = 0;                               // Prometheus text format 0.0.4
};

inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";  // of expose()
std::unique_ptr<Metrics> make_metrics();

}  // namespace cairn
