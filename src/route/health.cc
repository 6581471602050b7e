#include "route/health.h"

namespace cairn {

void BackendHealth::check_succeeded() {
  failures_ = 0;
  if (!up_ && ++successes_ >= rule_.successes_min) up_ = true;
}

void BackendHealth::check_failed() {
  successes_ = 0;
  if (up_ && ++failures_ >= rule_.failures_max) up_ = false;
}

void BackendHealth::request_not_taken() {
  successes_ = failures_ = 0;
  up_ = false;
}

}  // namespace cairn
