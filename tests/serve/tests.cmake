cairn_test(NAME serve DEPENDS serve LIBS nlohmann_json::nlohmann_json)
