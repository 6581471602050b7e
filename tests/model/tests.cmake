cairn_test(NAME model DEPENDS model)
# UBSan alone makes two minutes of compilation of the emulation; ASan, which sees where the kernels read, five seconds.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/emulated_avx512.cc PROPERTIES COMPILE_OPTIONS
  "-O1;-fno-math-errno;-mavx2;-mfma;-fno-sanitize=undefined" SKIP_PRECOMPILE_HEADERS ON)

# Prints the forward's logits for the numpy reference (reference_test.py), which tools/run_tests calls with a Python
# that has numpy.
add_executable(model_logits ${CMAKE_CURRENT_LIST_DIR}/logits_main.cc)
target_link_libraries(model_logits PRIVATE cairn_options cairn_model)
