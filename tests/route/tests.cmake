cairn_test(NAME route DEPENDS route LIBS nlohmann_json::nlohmann_json)
