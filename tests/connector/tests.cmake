cairn_test(NAME connector DEPENDS connector)
