cairn_test(NAME node DEPENDS node kv io telemetry)
