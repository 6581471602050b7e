// A task that is a function.
#pragma once

#include <functional>
#include <utility>

#include "io/executor.h"

namespace cairn::test {

class CallTask final : public Task {
 public:
  explicit CallTask(std::function<void()> act) : act_(std::move(act)) {}
  void run() noexcept override { act_(); }

 private:
  std::function<void()> act_;
};

}  // namespace cairn::test
