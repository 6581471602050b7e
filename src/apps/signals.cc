#include "apps/signals.h"

#include <unistd.h>

namespace cairn {
namespace {

std::atomic<bool> g_stop{false};
std::atomic<int> g_status{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

}  // namespace

const std::atomic<bool>& stop_at_signal() {
  struct sigaction action = {};
  action.sa_handler = [](int number) {
    g_status.store(128 + number);
    g_stop.store(true);
  };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return g_stop;
}

int stopped_status() { return g_status.load(); }

SignalThread::SignalThread() {
  ::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, number);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { run(); });
}

SignalThread::~SignalThread() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void SignalThread::run() {
  for (int number = 0; sigwait(&signals_, &number) == 0 && number != SIGUSR1;) {
    status_ = 128 + number;
    if (!stop_.request_stop()) _exit(128 + number);
  }
}

}  // namespace cairn
