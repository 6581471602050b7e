cairn_test(NAME evict DEPENDS evict s3 tier kv io telemetry)
