// A bucket's prefix as a store's files.
#pragma once

#include <memory>

#include "evict/store_files.h"
#include "s3/client.h"

namespace cairn {

std::unique_ptr<StoreFiles> bucket_files(std::shared_ptr<S3Client> client, const Clock& clock);

}  // namespace cairn
