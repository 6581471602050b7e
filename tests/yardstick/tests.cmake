cairn_test(NAME yardstick DEPENDS yardstick tier s3 kv io telemetry)
