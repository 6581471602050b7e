cairn_test(NAME sim DEPENDS connector)
