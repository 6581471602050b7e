// Property: documents are read exactly; odd ones are errors, never a crash.
#include "s3/xml.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(S3Xml, ErrorsAndListingsAreRead) {
  const S3ErrorText error = parse_error(
      "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>m &amp; n</Message>"
      "<Region>eu-west-1</Region></Error>");
  EXPECT_EQ(error.code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(error.message, "m & n");
  EXPECT_EQ(error.region, "eu-west-1");
  const Result<S3Listing> listing = parse_listing(
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>t/1=</NextContinuationToken><Contents><Key>a&lt;b</Key><Size>12</Size></Contents>"
      "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>");
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->objects.size(), 1u);
  EXPECT_EQ(listing->objects[0].key, "a<b");
  EXPECT_EQ(listing->objects[0].bytes, 12u);
  EXPECT_EQ(listing->prefixes, std::vector<std::string>{"p/"});
  EXPECT_EQ(listing->next, "t/1=");
}

TEST(S3Xml, OddDocumentsAreErrors) {
  for (const char* text : {"", "x", "<", "<a", "<html></html>", "<ListBucketResult>", "\x00\x01",
                           "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>",
                           "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
                           "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
                           "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
    EXPECT_FALSE(parse_listing(text)) << text;
    EXPECT_FALSE(parse_upload_id(text)) << text;
    EXPECT_EQ(parse_error(text).code, "") << text;
  }
  const std::string bomb =
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><Error><Code>&b;</Code></Error>";
  EXPECT_LT(parse_error(bomb).code.size(), 10u) << "no entity of its own is expanded";
}

TEST(S3Xml, PartsAreNamedInOrder) {
  EXPECT_EQ(complete_body({{"\"a\"", "AAAAAA=="}, {"<b", "BBBBBB=="}}),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag>"
            "<ChecksumCRC32C>AAAAAA==</ChecksumCRC32C></Part><Part><PartNumber>2</PartNumber><ETag>&lt;b</ETag>"
            "<ChecksumCRC32C>BBBBBB==</ChecksumCRC32C></Part></CompleteMultipartUpload>");
  EXPECT_TRUE(says_completed(
      "<?xml version=\"1.0\"?><CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>"));
  for (const char* text : {"", "<html/>", "<Error><Code>InternalError</Code></Error>"})
    EXPECT_FALSE(says_completed(text));
}

}  // namespace
}  // namespace cairn
