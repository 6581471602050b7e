cairn_test(NAME telemetry DEPENDS telemetry)
