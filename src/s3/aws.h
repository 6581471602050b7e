// AWS's C libraries as this program uses them: signing and credentials, nothing else. One runtime for the process, made
// at first use and never taken down, since its threads may sit in a call. Only the .cc files of this room see their
// headers.
#pragma once

#include "base/result.h"

struct aws_allocator;
struct aws_client_bootstrap;

namespace cairn {

struct AwsRuntime {
  aws_allocator* allocator = nullptr;
  aws_client_bootstrap* bootstrap = nullptr;  // one event loop, for requests that fetch credentials
};

// Any thread. kExhausted: the system refused a thread or memory. Logs of the libraries stay at errors: from INFO on
// their signer prints session tokens.
Result<AwsRuntime> aws_runtime();

}  // namespace cairn
