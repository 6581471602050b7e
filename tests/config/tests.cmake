cairn_test(NAME config DEPENDS config tier s3)
