cairn_test(NAME contract DEPENDS tier s3 kv io telemetry)
