cairn_test(NAME bench DEPENDS bench http tier kv io telemetry LIBS nlohmann_json::nlohmann_json)
