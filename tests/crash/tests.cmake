cairn_test(NAME crash DEPENDS tier kv io telemetry)
