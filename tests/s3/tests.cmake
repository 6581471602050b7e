cairn_test(NAME s3 DEPENDS s3 telemetry)
