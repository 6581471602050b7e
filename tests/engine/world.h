// An engine on fake device and cache, turned by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/fakes.h"

namespace cairn::testing {

struct WorldConfig {
  std::uint32_t pages = 64;
  EngineConfig engine = {};
  std::vector<TokenId> eos = {};
};

struct World {
  explicit World(const WorldConfig& config = {})
      : memory(config.pages),
        pages(config.pages, kPageTokens, [this](PageId page) { return held.contains(page.index); }),
        runner(memory),
        connector(memory),
        metrics(make_metrics()),
        engine(config.engine, {"fake", 4096, config.eos}, {pages, connector, runner, clock, *metrics, null_log()}) {}

  RequestId start(std::vector<TokenId> prompt, std::uint32_t output, FakeSink& sink, PrincipalTag tenant = {}) {
    Request request;
    request.prompt = std::move(prompt);
    request.output_tokens_max = output;
    request.tenant = tenant;
    request.sampling.temperature = 0;
    auto id = engine.start(std::move(request), sink);
    EXPECT_TRUE(id.has_value()) << (id ? "" : id.error().detail);
    return id ? *id : RequestId{};
  }
  // Until nothing is left to do; the bound is far above what any test needs.
  void finish(int turns_max = 20000) {
    engine.step();
    while (!engine.quiet() && turns_max-- > 0) engine.step();
    EXPECT_TRUE(engine.quiet()) << "the engine is stuck";
  }
  // Every page is free or only kept by the tree, and the connector holds nothing.
  void expect_no_leak() {
    std::uint32_t used = 0;
    for (std::uint32_t i = 0; i < pages.capacity(); ++i) {
      EXPECT_LE(pages.references({i}), 1u) << "page " << i;
      used += pages.references({i});
    }
    EXPECT_EQ(used + pages.free() + pages.held_back(), pages.capacity());
    EXPECT_EQ(connector.open_states(), 0u);
    EXPECT_NE(metrics->expose().find("vllm:num_requests_running{engine=\"0\",model_name=\"fake\"} 0"),
              std::string::npos);
  }

  FakeMemory memory;
  std::set<std::uint32_t> held;
  DevicePages pages;
  FakeRunner runner;
  FakeConnector connector;
  VirtualClock clock;
  std::unique_ptr<Metrics> metrics;
  Engine engine;
};

}  // namespace cairn::testing
