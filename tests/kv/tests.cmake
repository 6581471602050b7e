cairn_test(NAME kv DEPENDS kv)

# Writes the stores that tests/kv/format_reader_test.py reads by docs/format.md alone.
add_executable(kv_write_block ${CMAKE_CURRENT_SOURCE_DIR}/kv/write_block_main.cc)
target_include_directories(kv_write_block PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/kv)
target_link_libraries(kv_write_block PRIVATE cairn_kv)
