cairn_test(NAME io DEPENDS io telemetry)
