#include "apps/signals.h"

#include <unistd.h>

namespace cairn {

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
