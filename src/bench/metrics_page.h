// Counters of Cairn on a /metrics page, as far as a load test compares them before and after.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace cairn {

// Prompt tokens so far by where they came from ("device", "ram", ..., "computed"). Empty: not a page of Cairn.
using TokensBySource = std::map<std::string, double>;
TokensBySource prompt_tokens_by_source(std::string_view page);

// What was counted between two pages; a server that started again in between counts from zero.
TokensBySource counted_between(const TokensBySource& before, const TokensBySource& after);

}  // namespace cairn
