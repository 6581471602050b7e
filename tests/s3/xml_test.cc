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

TEST(S3Xml, ListingsTellWhenAnObjectWasWritten) {
  const auto listing = parse_listing(
      "<ListBucketResult><Contents><Key>a</Key><LastModified>2026-11-22T02:00:00.500Z</LastModified><Size>1</Size>"
      "</Contents><Contents><Key>b</Key><LastModified>soon</LastModified><Size>1</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->objects[0].modified_us, 1'795'312'800'000'000);
  EXPECT_EQ(listing->objects[1].modified_us, 0);
}

TEST(S3Xml, UploadsThatDidNotEndAreListed) {
  const auto some = parse_uploads(
      "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
      "<NextUploadIdMarker>u2</NextUploadIdMarker><Upload><Key>p/k</Key><UploadId>u1</UploadId>"
      "<Initiated>2026-11-22T02:00:00Z</Initiated></Upload></ListMultipartUploadsResult>");
  ASSERT_TRUE(some);
  ASSERT_EQ(some->uploads.size(), 1u);
  EXPECT_EQ(some->uploads[0].key, "p/k");
  EXPECT_EQ(some->uploads[0].id, "u1");
  EXPECT_EQ(some->uploads[0].begun_us, 1'795'312'800'000'000);
  EXPECT_EQ(some->next_key, "k");
  EXPECT_EQ(some->next_id, "u2");
  for (const char* text :
       {"", "<ListBucketResult/>",
        "<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"}) {
    EXPECT_FALSE(parse_uploads(text)) << text;
  }
}

TEST(S3Xml, RemovalsOfManyNameKeysAndTellRefusals) {
  const std::vector<std::string> keys = {"a", "b<&>"};
  EXPECT_EQ(delete_body(keys),
            "<Delete><Object><Key>a</Key></Object><Object><Key>b&lt;&amp;&gt;</Key></Object></Delete>");
  const auto deleted = parse_deleted(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message>"
      "</Error></DeleteResult>");
  ASSERT_TRUE(deleted);
  EXPECT_EQ(deleted->gone, std::vector<std::string>{"a"});
  ASSERT_EQ(deleted->refused.size(), 1u);
  EXPECT_EQ(deleted->refused[0].code, "AccessDenied");
  for (const char* text : {"", "<html/>", "<Error><Code>MalformedXML</Code></Error>"})
    EXPECT_FALSE(parse_deleted(text));
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
