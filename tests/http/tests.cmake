cairn_test(NAME http DEPENDS http)
