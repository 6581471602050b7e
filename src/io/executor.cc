#include "io/executor.h"

#include <pthread.h>

#include <algorithm>
#include <list>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/mutex.h"

namespace cairn {
namespace {

// Shared with the threads: one that is stuck in a kernel call may outlive the pool.
struct PoolState {
  struct Worker {
    std::thread thread;
    Task* running = nullptr;
    bool abandoned = false, ended = false;
  };

  ThreadPoolConfig config;
  std::string name;
  Mutex mutex;
  CondVar work_arrived, stuck_came_back;
  Task* head CAIRN_GUARDED_BY(mutex) = nullptr;
  Task* tail CAIRN_GUARDED_BY(mutex) = nullptr;
  std::uint32_t queued CAIRN_GUARDED_BY(mutex) = 0;
  std::uint32_t idle CAIRN_GUARDED_BY(mutex) = 0;
  std::uint32_t active CAIRN_GUARDED_BY(mutex) = 0;  // threads that count against config.threads
  std::uint32_t stuck CAIRN_GUARDED_BY(mutex) = 0;
  bool closing CAIRN_GUARDED_BY(mutex) = false;
  std::list<Worker> workers CAIRN_GUARDED_BY(mutex);

  Task* pop() CAIRN_REQUIRES(mutex) {
    Task* task = head;
    if (task == nullptr) return nullptr;
    head = task->next;
    if (head == nullptr) tail = nullptr;
    --queued;
    return task;
  }
};

void work(const std::shared_ptr<PoolState>& state, PoolState::Worker& self) {
  state->mutex.lock();
  for (;;) {
    Task* task = state->pop();
    if (task == nullptr) {
      if (state->closing) break;
      ++state->idle;
      state->work_arrived.wait(state->mutex);
      --state->idle;
      continue;
    }
    self.running = task;
    state->mutex.unlock();
    task->run();  // may destroy the task
    state->mutex.lock();
    self.running = nullptr;
    if (self.abandoned) break;
  }
  if (self.abandoned)
    --state->stuck;
  else
    --state->active;
  self.ended = true;
  state->stuck_came_back.notify_all();
  state->mutex.unlock();
}

void start_thread(const std::shared_ptr<PoolState>& state) CAIRN_REQUIRES(state->mutex) {
  // Ended replacements are collected here, so that the list stays as long as the threads that live.
  for (auto it = state->workers.begin(); it != state->workers.end();) {
    if (it->ended) {
      it->thread.join();  // it has let go of the mutex, or is about to without asking for it again
      it = state->workers.erase(it);
    } else {
      ++it;
    }
  }
  PoolState::Worker& worker = state->workers.emplace_back();
  ++state->active;
  worker.thread = std::thread([state, &worker] { work(state, worker); });
  pthread_setname_np(worker.thread.native_handle(), state->name.substr(0, 15).c_str());
}

class ThreadPool final : public Executor {
 public:
  ThreadPool(const ThreadPoolConfig& config, const char* name) : state_(std::make_shared<PoolState>()) {
    CAIRN_CHECK(config.threads > 0 && config.queue_max > 0, "a thread pool needs a thread and a queue");
    state_->config = config;
    state_->name = name;
  }

  ~ThreadPool() override {
    {
      MutexLock lock(state_->mutex);
      state_->closing = true;
      state_->work_arrived.notify_all();
      while (state_->stuck > 0 &&
             state_->stuck_came_back.wait_for_us(state_->mutex, state_->config.stuck_patience_us)) {
      }
    }
    close_threads();
    for (;;) {  // what no thread was left to run; its batch is over, so this is quick
      Task* task = nullptr;
      {
        MutexLock lock(state_->mutex);
        task = state_->pop();
      }
      if (task == nullptr) break;
      task->run();
    }
  }

  bool submit(Task& task) override {
    MutexLock lock(state_->mutex);
    if (state_->closing || state_->queued >= state_->config.queue_max) return false;
    task.next = nullptr;
    if (state_->tail != nullptr)
      state_->tail->next = &task;
    else
      state_->head = &task;
    state_->tail = &task;
    ++state_->queued;
    if (state_->idle < state_->queued && state_->active < state_->config.threads)
      start_thread(state_);
    else
      state_->work_arrived.notify_one();
    return true;
  }

  std::uint32_t queued() const override {
    MutexLock lock(state_->mutex);
    return state_->queued;
  }
  std::uint32_t stuck() const override {
    MutexLock lock(state_->mutex);
    return state_->stuck;
  }

  bool abandon_thread_of(Task& task) override {
    MutexLock lock(state_->mutex);
    for (PoolState::Worker& worker : state_->workers) {
      if (worker.running != &task || worker.abandoned) continue;
      if (state_->stuck >= state_->config.stuck_threads_max) return false;
      worker.abandoned = true;
      ++state_->stuck;
      --state_->active;
      if (state_->queued > state_->idle && !state_->closing) start_thread(state_);
      return true;
    }
    return true;  // it came back meanwhile
  }

 private:
  void close_threads() {
    for (;;) {
      std::thread thread;
      bool left_behind = false;
      {
        MutexLock lock(state_->mutex);
        if (state_->workers.empty()) return;
        auto it = std::find_if(state_->workers.begin(), state_->workers.end(),
                               [](const PoolState::Worker& worker) { return worker.thread.joinable(); });
        if (it == state_->workers.end()) return;
        thread = std::move(it->thread);
        left_behind = it->abandoned && !it->ended;
      }
      if (left_behind)
        thread.detach();  // it keeps the state alive
      else
        thread.join();
    }
  }

  std::shared_ptr<PoolState> state_;
};

}  // namespace

std::unique_ptr<Executor> make_thread_pool(const ThreadPoolConfig& config, const char* name) {
  return std::make_unique<ThreadPool>(config, name);
}

}  // namespace cairn
