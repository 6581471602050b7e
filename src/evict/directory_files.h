// A directory as a store's files. Symbolic links are never followed beneath it.
#pragma once

#include <memory>
#include <string>

#include "evict/store_files.h"
#include "io/file_calls.h"

namespace cairn {

// kUnavailable: the directory cannot be opened.
Result<std::unique_ptr<StoreFiles>> open_directory_files(const std::string& path,
                                                         FileCalls& calls = system_file_calls());

}  // namespace cairn
