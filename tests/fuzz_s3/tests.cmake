# What a bucket's service says in XML.
cairn_fuzzer(NAME s3_xml_fuzz SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_s3/s3_xml_fuzz.cc DEPENDS s3)
