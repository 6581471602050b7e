cairn_test(NAME tier DEPENDS tier kv io telemetry)
