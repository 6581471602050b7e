// Is a block there, and its removal.
#include "tier/s3_state.h"

namespace cairn {

void s3_contains(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row) {
  const KvBlockId& id = run->id(row);
  if (!state->knows(id)) {
    run->finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  if (state->damaged.has(id)) {
    run->finish(row, Outcome::kMiss, MissReason::kCorrupt);
    return;
  }
  if (state->present.has(id, state->clock.now_us(), S3State::kFreshUs)) {
    run->report_started(row);
    run->finish(row, Outcome::kDone);
    return;
  }
  S3Request request = state->request(S3Op::kHead, id);
  request.done = [state, run, row](const S3Answer& answer) {
    if (!run->open(row)) return;
    switch (answer.verdict) {
      case S3Verdict::kDone:
        // What is no whole block under this name will be replaced by the next put.
        if (answer.head.content_length != state->header_of(run->id(row)).file_bytes()) {
          run->finish(row, Outcome::kMiss, MissReason::kCorrupt);
          return;
        }
        state->present.add(run->id(row), state->clock.now_us());
        run->finish(row, Outcome::kDone);
        return;
      case S3Verdict::kMissing:
        run->finish(row, Outcome::kMiss, MissReason::kAbsent);
        return;
      case S3Verdict::kDenied:
        if (state->rights.list) state->say_denied(answer);
        run->finish(row, Outcome::kMiss, state->reason_of_denial());
        return;
      default:
        state->fail(*run, row, answer);
        return;
    }
  };
  state->submit(run, row, std::move(request));
}

void s3_erase(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row) {
  const KvBlockId& id = run->id(row);
  if (!state->knows(id)) {
    run->finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  if (!state->rights.erase) {
    run->finish(row, Outcome::kRefused, MissReason::kDenied);
    return;
  }
  state->present.remove(id);
  const auto erase = [state, run, row](std::uint64_t bytes) {
    S3Request request = state->request(S3Op::kDelete, run->id(row));
    request.done = [state, run, row, bytes](const S3Answer& answer) {
      if (answer.verdict == S3Verdict::kDone) {
        state->damaged.remove(run->id(row));
        state->forget_bytes(bytes);
        run->finish(row, Outcome::kDone);
      } else if (answer.verdict == S3Verdict::kMissing) {
        run->finish(row, Outcome::kMiss, MissReason::kAbsent);
      } else if (answer.verdict == S3Verdict::kDenied) {
        state->say_denied(answer);
        run->finish(row, Outcome::kRefused, MissReason::kDenied);
      } else {
        state->fail(*run, row, answer);
      }
    };
    state->submit(run, row, std::move(request));
  };
  S3Request look = state->request(S3Op::kHead, id);  // a removal says done for what was never there
  look.done = [run, row, erase](const S3Answer& answer) {
    if (!run->open(row)) return;
    if (answer.verdict == S3Verdict::kMissing) {
      run->finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    }
    erase(answer.head.content_length.value_or(0));
  };
  state->submit(run, row, std::move(look));
}

}  // namespace cairn
