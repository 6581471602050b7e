# Bytes of a connection, of a body and of a key, as a hostile client sends them.
if(CAIRN_FUZZ)
  find_package(nlohmann_json 3.11 REQUIRED)
  cairn_fuzzer(NAME http_fuzz SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_serve/http_fuzz.cc DEPENDS serve text)
  target_include_directories(http_fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(http_fuzz PRIVATE nlohmann_json::nlohmann_json GTest::gtest)
endif()
