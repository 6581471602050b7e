cairn_test(NAME base DEPENDS base)
