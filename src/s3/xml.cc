#include "s3/xml.h"

#include <charconv>
#include <ctime>
#include <pugixml.hpp>

namespace cairn {
namespace {

// No entities of its own, no DTD: pugixml expands none and ignores the other.
bool load(std::string_view body, pugi::xml_document& document) {
  return static_cast<bool>(document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8));
}

std::string_view local_name(const char* name) {
  const std::string_view text = name;
  return text.substr(text.rfind(':') + 1);  // npos + 1 is 0
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& each : node) {
    if (local_name(each.name()) == name) return each;
  }
  return {};
}

std::string text_of(const pugi::xml_node& node, std::string_view name) { return child(node, name).text().get(); }

// "2026-11-22T02:00:00.000Z"; 0: nothing like it.
std::int64_t time_us(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || !text.ends_with('Z')) return 0;
  return static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000;
}

std::string written(const pugi::xml_document& document) {
  struct Text final : pugi::xml_writer {
    std::string text;
    void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
  } out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return out.text;
}

}  // namespace

S3ErrorText parse_error(std::string_view body) {
  pugi::xml_document document;
  if (!load(body, document)) return {};
  const pugi::xml_node error = child(document, "Error");
  return {text_of(error, "Code"), text_of(error, "Message"), text_of(error, "Region")};
}

Result<S3Listing> parse_listing(std::string_view body) {
  pugi::xml_document document;
  if (!load(body, document)) return corrupt("a listing that is no XML");
  const pugi::xml_node root = child(document, "ListBucketResult");
  if (!root) return corrupt("a listing without ListBucketResult");
  S3Listing listing;
  for (const pugi::xml_node& node : root) {
    if (local_name(node.name()) == "Contents") {
      S3Listing::Object object;
      object.key = text_of(node, "Key");
      object.modified_us = time_us(text_of(node, "LastModified"));
      const std::string size = text_of(node, "Size");
      const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), object.bytes);
      if (object.key.empty() || error != std::errc() || end != size.data() + size.size()) {
        return corrupt("a listing with an object that has no key or no size");
      }
      listing.objects.push_back(std::move(object));
    } else if (local_name(node.name()) == "CommonPrefixes") {
      listing.prefixes.push_back(text_of(node, "Prefix"));
    }
  }
  if (text_of(root, "IsTruncated") == "true") {
    listing.next = text_of(root, "NextContinuationToken");
    if (listing.next.empty()) return corrupt("a listing that is cut and does not say how it goes on");
  }
  return listing;
}

Result<std::string> parse_upload_id(std::string_view body) {
  pugi::xml_document document;
  if (!load(body, document)) return corrupt("an upload that is no XML");
  std::string id = text_of(child(document, "InitiateMultipartUploadResult"), "UploadId");
  if (id.empty() || id.size() > 4096) return corrupt("an upload without an UploadId");
  return id;
}

bool says_completed(std::string_view body) {
  pugi::xml_document document;
  return load(body, document) && child(document, "CompleteMultipartUploadResult");
}

std::string complete_body(const std::vector<S3Part>& parts) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text().set(static_cast<unsigned>(i + 1));
    part.append_child("ETag").text().set(parts[i].etag.c_str());
    part.append_child("ChecksumCRC32C").text().set(parts[i].crc32c.c_str());
  }
  return written(document);
}

Result<S3Uploads> parse_uploads(std::string_view body) {
  pugi::xml_document document;
  if (!load(body, document)) return corrupt("a list of uploads that is no XML");
  const pugi::xml_node root = child(document, "ListMultipartUploadsResult");
  if (!root) return corrupt("a list of uploads without ListMultipartUploadsResult");
  S3Uploads found;
  for (const pugi::xml_node& node : root) {
    if (local_name(node.name()) != "Upload") continue;
    S3Uploads::Upload upload{text_of(node, "Key"), text_of(node, "UploadId"), time_us(text_of(node, "Initiated"))};
    if (upload.key.empty() || upload.id.empty()) return corrupt("a list with an upload that has no key or no id");
    found.uploads.push_back(std::move(upload));
  }
  if (text_of(root, "IsTruncated") == "true") {
    found.next_key = text_of(root, "NextKeyMarker");
    found.next_id = text_of(root, "NextUploadIdMarker");
    if (found.next_key.empty()) return corrupt("a list of uploads that is cut and does not say how it goes on");
  }
  return found;
}

std::string delete_body(std::span<const std::string> keys) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  for (const std::string& key : keys) root.append_child("Object").append_child("Key").text().set(key.c_str());
  return written(document);
}

Result<S3Deleted> parse_deleted(std::string_view body) {
  pugi::xml_document document;
  if (!load(body, document)) return corrupt("an answer to a removal that is no XML");
  const pugi::xml_node root = child(document, "DeleteResult");
  if (!root) return corrupt("an answer to a removal without DeleteResult");
  S3Deleted found;
  for (const pugi::xml_node& node : root) {
    if (local_name(node.name()) == "Deleted") found.gone.push_back(text_of(node, "Key"));
    if (local_name(node.name()) == "Error") {
      found.refused.push_back({text_of(node, "Key"), text_of(node, "Code"), text_of(node, "Message")});
    }
  }
  return found;
}

}  // namespace cairn
