#include "route/probe.h"

namespace cairn {

struct RouteProbe::Series {
  struct Backend {
    std::string name;
    Gauge& up;
    Gauge& inflight;
    Histogram& head_seconds;
    Counter& broken;
    Counter& cancelled;
  };
  Metrics& metrics;
  std::vector<Backend> backends;
  Gauge& connections;
};

RouteProbe::RouteProbe(Metrics& metrics, const std::vector<std::string>& backends)
    : series_(new Series{metrics, {}, metrics.gauge("cairn_route_connections", "Open connections of clients")}) {
  static const std::vector<double> kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                               1,     2.5,    5,     10,   25,    50,   100, 250,  600};
  for (const std::string& name : backends) {
    const Labels labels = {{"backend", name}};
    series_->backends.push_back(
        {name, metrics.gauge("cairn_route_backend_up", "1 while the backend is asked, else 0", labels),
         metrics.gauge("cairn_route_inflight_requests", "Requests that the backend has not answered whole", labels),
         metrics.histogram("cairn_route_head_seconds", "From a request to the header of its answer", kBuckets, labels),
         metrics.counter("cairn_route_broken_answers", "Answers that ended in the middle", labels),
         metrics.counter("cairn_route_cancelled_requests", "Requests whose client left", labels)});
  }
}
RouteProbe::~RouteProbe() = default;

void RouteProbe::up(BackendId backend, bool is_up) { series_->backends[backend].up.set(is_up ? 1 : 0); }
void RouteProbe::inflight(BackendId backend, std::uint32_t requests) {
  series_->backends[backend].inflight.set(requests);
}
void RouteProbe::answered(BackendId backend, int status, std::int64_t head_us) {
  const Series::Backend& known = series_->backends[backend];
  known.head_seconds.observe(static_cast<double>(head_us) / 1e6);
  series_->metrics
      .counter("cairn_route_answers", "Answers of a backend by status",
               {{"backend", known.name}, {"status", std::to_string(status)}})
      .add();
}
void RouteProbe::retried(BackendId backend, const char* reason) {
  series_->metrics
      .counter("cairn_route_retries", "Requests that the backend did not answer and another one was asked for",
               {{"backend", series_->backends[backend].name}, {"reason", reason}})
      .add();
}
void RouteProbe::broken_off(BackendId backend) { series_->backends[backend].broken.add(); }
void RouteProbe::cancelled(BackendId backend) { series_->backends[backend].cancelled.add(); }
void RouteProbe::refused(const char* reason) {
  series_->metrics.counter("cairn_route_refused_requests", "Requests that the router refused", {{"reason", reason}})
      .add();
}
void RouteProbe::connections(std::size_t open) { series_->connections.set(static_cast<double>(open)); }

}  // namespace cairn
