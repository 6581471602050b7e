#include "s3/aws.h"

#include <aws/auth/auth.h>
#include <aws/common/error.h>
#include <aws/http/http.h>
#include <aws/io/channel_bootstrap.h>
#include <aws/io/event_loop.h>
#include <aws/io/host_resolver.h>

#include "base/mutex.h"

namespace cairn {
namespace {

Result<AwsRuntime> make_runtime() {
  AwsRuntime runtime;
  runtime.allocator = aws_default_allocator();
  aws_auth_library_init(runtime.allocator);  // with HTTP and I/O below; no logger is set, so nothing is printed
  aws_event_loop_group* loops = aws_event_loop_group_new_default(runtime.allocator, 1, nullptr);
  aws_host_resolver_default_options resolving{};
  resolving.max_entries = 8;
  resolving.el_group = loops;
  aws_host_resolver* resolver =
      loops == nullptr ? nullptr : aws_host_resolver_new_default(runtime.allocator, &resolving);
  aws_client_bootstrap_options options{};
  options.event_loop_group = loops;
  options.host_resolver = resolver;
  if (resolver != nullptr) runtime.bootstrap = aws_client_bootstrap_new(runtime.allocator, &options);
  if (runtime.bootstrap == nullptr) {
    return Error{ErrorCode::kExhausted, std::string("credentials: no event loop: ") + aws_error_str(aws_last_error())};
  }
  aws_host_resolver_release(resolver);
  aws_event_loop_group_release(loops);
  return runtime;
}

}  // namespace

Result<AwsRuntime> aws_runtime() {
  static Mutex mutex;
  static const Result<AwsRuntime>* made = nullptr;
  MutexLock lock(mutex);
  if (made == nullptr) made = new Result<AwsRuntime>(make_runtime());
  return *made;
}

}  // namespace cairn
