# Bytes of a connection as a hostile server sends them.
cairn_fuzzer(NAME answer_fuzz SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_http/answer_fuzz.cc DEPENDS http)
