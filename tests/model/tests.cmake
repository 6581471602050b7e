cairn_test(NAME model DEPENDS model)
