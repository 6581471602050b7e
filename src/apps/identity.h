// The store identity of a model as our engine computes it: every fact that makes KV bytes differ.
#pragma once

#include <string>

#include "kv/identity.h"
#include "model/spec.h"

namespace cairn {

StoreIdentity identity_of(const ModelSpec& spec, const Digest& fingerprint, const LayoutSpec& layout,
                          std::string numerics_class);

}  // namespace cairn
