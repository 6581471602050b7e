cairn_test(NAME sim DEPENDS connector cache tier s3 kv io telemetry)
