#include "apps/verbs.h"
namespace cairn { int run_bench_tier(const VerbInput&) { return fail(invalid("not linked")); } }
