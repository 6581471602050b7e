cairn_test(NAME kv DEPENDS kv)
