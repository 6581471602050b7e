cairn_test(NAME text DEPENDS text)

# Encodes, decodes and renders what tests/text/oracle_test.py asks for.
find_package(nlohmann_json 3.11 REQUIRED)
add_executable(text_oracle ${CMAKE_CURRENT_LIST_DIR}/text_oracle_main.cc)
target_link_libraries(text_oracle PRIVATE cairn_options cairn_text nlohmann_json::nlohmann_json)
