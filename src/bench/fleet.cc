#include "bench/fleet.h"

#include <utility>

namespace cairn {
namespace {

std::filesystem::path ready_file(const FleetPlan& plan, const std::string& member) {
  return plan.folder / (plan.name + "." + member + ".ready");
}

}  // namespace

Result<void> Fleet::add(const FleetPlan& plan, const std::string& name, std::vector<std::string> words) {
  std::error_code ignored;
  std::filesystem::remove(ready_file(plan, name), ignored);
  ChildCommand command;
  command.argv = {plan.program};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  for (const std::string& word : {std::string("--listen"), std::string("127.0.0.1:0"), std::string("--ready-file"),
                                  ready_file(plan, name).string()}) {
    command.argv.push_back(word);
  }
  command.environment = plan.environment;
  command.log_file = plan.folder / (plan.name + "." + name + ".log");
  CAIRN_TRY(ChildProcess child, ChildProcess::start(command));
  members_.push_back({name, std::move(child)});
  return {};
}

Result<std::string> Fleet::wait(std::size_t member, const FleetPlan& plan, const Clock& clock, Deadline deadline,
                                const std::atomic<bool>& stop) {
  Member& awaited = members_[member];
  Result<std::string> url = awaited.child.wait_ready(ready_file(plan, awaited.name), clock, deadline, stop);
  if (!url) return Error{url.error().code, awaited.name + " " + url.error().detail};
  return url;
}

Result<Fleet> Fleet::start(const FleetPlan& plan, const Clock& clock, Deadline deadline,
                           const std::atomic<bool>& stop) {
  Fleet fleet;
  for (std::uint32_t i = 0; i < plan.instances; ++i) {
    std::vector<std::string> words = {"serve", plan.model};
    words.insert(words.end(), plan.serve_flags.begin(), plan.serve_flags.end());
    CAIRN_TRY_VOID(fleet.add(plan, "instance" + std::to_string(i), std::move(words)));
  }
  std::vector<std::string> route = {"route", "--policy", plan.policy};
  for (std::size_t i = 0; i < plan.instances; ++i) {
    CAIRN_TRY(std::string url, fleet.wait(i, plan, clock, deadline, stop));
    route.insert(route.end(), {"--backend", url});
    fleet.instance_urls_.push_back(std::move(url));
  }
  CAIRN_TRY_VOID(fleet.add(plan, "router", std::move(route)));
  CAIRN_TRY(fleet.router_url_, fleet.wait(plan.instances, plan, clock, deadline, stop));
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
  for (Member& member : members_) member.child.terminate();
  for (Member& member : members_) member.child.stop(clock, deadline);
  members_.clear();
}

std::string model_name_of(const std::string& model_dir) {
  const std::filesystem::path path = std::filesystem::absolute(model_dir).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace cairn
