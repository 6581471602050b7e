#include "bench/fleet.h"

#include <span>
#include <utility>

#include "base/random.h"
#include "bench/scenario_plan.h"

namespace cairn {

// Starts members one by one; what they have in common is said once.
class Fleet::Start {
 public:
  Start(const FleetPlan& plan, const Clock& clock, Deadline deadline, const std::atomic<bool>& stop, Fleet& fleet)
      : plan_(plan), clock_(clock), deadline_(deadline), stop_(stop), fleet_(fleet), environment_(plan.environment) {}

  Result<void> run() {
    std::vector<std::string> flags = plan_.serve_flags;
    if (!plan_.bucket_server.empty()) {
      CAIRN_TRY(const std::string url, start_bucket());
      for (std::string& flag : flags) flag = filled_in(std::move(flag), "{bucket}", url);
    }
    const std::size_t first = fleet_.members_.size();
    for (std::uint32_t i = 0; i < plan_.instances; ++i) {
      std::vector<std::string> words = {plan_.program, "serve", plan_.model};
      words.insert(words.end(), flags.begin(), flags.end());
      CAIRN_TRY_VOID(add("instance" + std::to_string(i), listening(std::move(words))));
    }
    std::vector<std::string> route = {plan_.program, "route", "--policy", plan_.policy};
    for (std::size_t i = 0; i < plan_.instances; ++i) {
      CAIRN_TRY(std::string url, wait(first + i));
      route.insert(route.end(), {"--backend", url});
      fleet_.instance_urls_.push_back(std::move(url));
    }
    CAIRN_TRY_VOID(add("router", listening(std::move(route))));
    CAIRN_TRY(fleet_.router_url_, wait(fleet_.members_.size() - 1));
    return {};
  }

 private:
  static std::vector<std::string> listening(std::vector<std::string> words) {
    words.insert(words.end(), {"--listen", "127.0.0.1:0"});
    return words;
  }

  std::filesystem::path ready_file(const std::string& member) const {
    return plan_.folder / (plan_.name + "." + member + ".ready");
  }

  Result<std::string> start_bucket() {
    std::erase_if(environment_, [](const std::string& variable) { return variable.starts_with("AWS_"); });
    environment_.push_back("AWS_ACCESS_KEY_ID=" + random_hex(8));
    environment_.push_back("AWS_SECRET_ACCESS_KEY=" + random_hex(16));
    environment_.emplace_back("AWS_EC2_METADATA_DISABLED=true");
    std::vector<std::string> words = plan_.bucket_server;
    words.insert(words.end(), {"--directory", plan_.bucket_directory.string()});
    CAIRN_TRY_VOID(add("bucket", std::move(words)));
    return wait(0);
  }

  Result<void> add(const std::string& name, std::vector<std::string> words) {
    std::error_code ignored;
    std::filesystem::remove(ready_file(name), ignored);
    ChildCommand command;
    command.argv = std::move(words);
    command.argv.insert(command.argv.end(), {"--ready-file", ready_file(name).string()});
    command.environment = environment_;
    command.log_file = plan_.folder / (plan_.name + "." + name + ".log");
    CAIRN_TRY(ChildProcess child, ChildProcess::start(command));
    fleet_.members_.push_back({name, std::move(child)});
    return {};
  }

  Result<std::string> wait(std::size_t member) {
    Member& awaited = fleet_.members_[member];
    Result<std::string> url = awaited.child.wait_ready(ready_file(awaited.name), clock_, deadline_, stop_);
    if (!url) return Error{url.error().code, awaited.name + " " + url.error().detail};
    return url;
  }

  const FleetPlan& plan_;
  const Clock& clock_;
  const Deadline deadline_;
  const std::atomic<bool>& stop_;
  Fleet& fleet_;
  std::vector<std::string> environment_;
};

Result<Fleet> Fleet::start(const FleetPlan& plan, const Clock& clock, Deadline deadline,
                           const std::atomic<bool>& stop) {
  Fleet fleet;
  CAIRN_TRY_VOID(Start(plan, clock, deadline, stop, fleet).run());
  return fleet;
}

std::vector<std::string> Fleet::metrics_urls() const {
  std::vector<std::string> urls;
  for (const std::string& url : instance_urls_) urls.push_back(url + "/metrics");
  return urls;
}

std::optional<std::string> Fleet::dead() {
  for (Member& member : members_) {
    if (const std::optional<int> status = member.child.status()) {
      return member.name + " " + describe_wait_status(*status) + ": " + log_tail(member.child.log_file());
    }
  }
  return std::nullopt;
}

void Fleet::stop(const Clock& clock, Deadline deadline) {
  if (members_.empty()) return;
  members_.back().child.stop(clock, deadline);
  const std::size_t first = members_.size() - 1 - instance_urls_.size();  // behind the bucket's server
  const std::span<Member> instances = std::span(members_).subspan(first);
  for (Member& member : instances) member.child.terminate();
  for (Member& member : instances) member.child.stop(clock, deadline);
  for (Member& member : members_) member.child.stop(clock, deadline);
  members_.clear();
}

std::string model_name_of(const std::string& model_dir) {
  const std::filesystem::path path = std::filesystem::absolute(model_dir).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace cairn
