cairn_test(NAME config DEPENDS config)
