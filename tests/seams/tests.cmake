# What later issues build on: each seam compiles and works against a fake, before the rooms above exist.
find_package(OpenSSL REQUIRED)
cairn_test(NAME seams DEPENDS cache tier kv io telemetry LIBS OpenSSL::Crypto)
