cairn_test(NAME contract DEPENDS tier kv io telemetry)
