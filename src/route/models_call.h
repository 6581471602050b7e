// GET /v1/models over all backends: one list, each model once. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/exchange.h"
#include "route/proxy_call.h"

namespace cairn {

// The lists of several servers as one: the first server's entry of each id. What is not a list of models adds nothing.
std::string merge_models(const std::vector<std::string>& bodies);

class ModelsCall {
 public:
  // As ProxyCall: `ended` is called once, as its last act, never from within the constructor.
  ModelsCall(ProxyShared& shared, std::shared_ptr<HttpExchange> exchange, std::function<void()> ended);
  ~ModelsCall();
  bool start();  // false: no backend can be asked

 private:
  struct Part;
  void part_ended();
  ProxyShared& shared_;
  const std::shared_ptr<HttpExchange> exchange_;
  const std::function<void()> ended_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::size_t waiting_ = 0;
};

}  // namespace cairn
