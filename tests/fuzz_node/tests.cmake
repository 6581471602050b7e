# What processes of a node say to each other.
cairn_fuzzer(NAME node_message_fuzz SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_node/node_message_fuzz.cc DEPENDS node)
