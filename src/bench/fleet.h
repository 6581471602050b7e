// Instances of `cairn serve`, the `cairn route` before them and the bucket behind them, as children on ports that the
// kernel picks.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bench/child_process.h"

namespace cairn {

struct FleetPlan {
  std::string program;  // cairn
  std::vector<std::string> environment;
  std::string model;                     // directory
  std::vector<std::string> serve_flags;  // of each instance, besides address and ready file; {bucket} is the bucket's
  // A program with its words, and the directory that it serves as a bucket: started with --ready-file and --directory,
  // it writes the bucket's store URL; keys are drawn for it and for the instances. Empty: there is none.
  std::vector<std::string> bucket_server;
  std::filesystem::path bucket_directory;
  std::uint32_t instances = 1;
  std::string policy = "round-robin";
  std::filesystem::path folder;  // for logs and ready files; exists
  std::string name;              // what its logs are called
};

// One thread. Members stop with the object.
class Fleet {
 public:
  // Blocks until all accept requests; instances start side by side. Errors name the member, how it ended, and the end
  // of its log. kCancelled: `stop` was set.
  static Result<Fleet> start(const FleetPlan& plan, const Clock& clock, Deadline deadline,
                             const std::atomic<bool>& stop);
  Fleet(Fleet&&) = default;
  ~Fleet() = default;

  std::string base_url() const { return router_url_ + "/v1"; }
  std::vector<std::string> instance_urls() const { return instance_urls_; }
  std::vector<std::string> metrics_urls() const;

  // A line about a member that does not run any more; unset: all do.
  std::optional<std::string> dead();
  // The router first, so that instances finish what they have; the bucket's server last. Whoever is not done by the
  // deadline is killed.
  void stop(const Clock& clock, Deadline deadline);

 private:
  class Start;
  struct Member {
    std::string name;
    ChildProcess child;
  };
  Fleet() = default;
  std::vector<Member> members_;  // the bucket's server first, the router last
  std::vector<std::string> instance_urls_;
  std::string router_url_;
};

// As `cairn serve` calls it: the directory's name.
std::string model_name_of(const std::string& model_dir);

}  // namespace cairn
