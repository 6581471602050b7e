cairn_test(NAME cache DEPENDS cache)
