cairn_test(NAME engine DEPENDS engine)
# Fixtures name the fields that matter; the others have defaults in place.
target_compile_options(engine_test PRIVATE -Wno-missing-field-initializers)
