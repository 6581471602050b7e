# Bytes of a block file, of a manifest and of names, as a hostile store gives them.
cairn_fuzzer(NAME header_fuzz SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_kv/header_fuzz.cc DEPENDS kv)
if(TARGET header_fuzz)
  target_include_directories(header_fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/kv)
endif()
