cairn_test(NAME bench DEPENDS bench tier kv io telemetry)
