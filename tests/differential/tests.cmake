cairn_test(NAME differential DEPENDS engine)
target_compile_options(differential_test PRIVATE -Wno-missing-field-initializers)
