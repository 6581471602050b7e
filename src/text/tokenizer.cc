#include "text/tokenizer.h"

#include <fstream>

#include "text/detokenizer.h"
#include "text/tokenizer_state.h"
#include "text/unicode.h"

namespace cairn {
namespace {

// Pieces repeat within a text; what a short one encodes to is kept for the rest of the call.
constexpr std::size_t kPieceCacheEntriesMax = 4096, kCachedPieceBytesMax = 64;

struct IdRange {
  std::size_t begin = 0, count = 0;
};

// Encodes the pieces of one text.
class PieceEncoder {
 public:
  PieceEncoder(const Bpe& bpe, std::vector<TokenId>& ids) : bpe_(bpe), ids_(ids) {}

  void encode(std::string_view piece) {
    const bool cached = piece.size() <= kCachedPieceBytesMax;
    if (cached) {
      if (const auto known = seen_.find(std::string(piece)); known != seen_.end()) {
        const IdRange range = known->second;
        for (std::size_t i = 0; i < range.count; ++i) {
          const TokenId id = ids_[range.begin + i];
          ids_.push_back(id);
        }
        return;
      }
    }
    const std::size_t begin = ids_.size();
    bpe_.encode(piece, scratch_, ids_);
    if (cached && seen_.size() < kPieceCacheEntriesMax) seen_.emplace(piece, IdRange{begin, ids_.size() - begin});
  }

 private:
  const Bpe& bpe_;
  std::vector<TokenId>& ids_;
  Bpe::Scratch scratch_;
  std::unordered_map<std::string, IdRange> seen_;
};

Result<std::string> read_optional(const std::filesystem::path& path) {
  std::error_code status;
  if (!std::filesystem::exists(path, status)) return std::string();
  if (!std::filesystem::is_regular_file(path, status)) return invalid(path.string() + " is not a regular file");
  const auto size = std::filesystem::file_size(path, status);
  if (status) return unavailable(path.string() + ": " + status.message());
  if (size > kTokenizerFileBytesMax) return invalid(path.string() + " is larger than any tokenizer file may be");
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) return unavailable(path.string() + " cannot be read");
  return text;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::filesystem::path& model_dir) {
  TokenizerFiles files;
  CAIRN_TRY(files.tokenizer_json, read_optional(model_dir / "tokenizer.json"));
  if (files.tokenizer_json.empty()) {
    return unavailable((model_dir / "tokenizer.json").string() + " does not exist or is empty");
  }
  CAIRN_TRY(files.tokenizer_config_json, read_optional(model_dir / "tokenizer_config.json"));
  CAIRN_TRY(files.generation_config_json, read_optional(model_dir / "generation_config.json"));
  CAIRN_TRY(files.chat_template_jinja, read_optional(model_dir / "chat_template.jinja"));
  auto tokenizer = parse(files);
  if (!tokenizer) return Error{tokenizer.error().code, model_dir.string() + ": " + tokenizer.error().detail};
  return tokenizer;
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::parse(const TokenizerFiles& files) {
  CAIRN_TRY(auto state, parse_tokenizer(files));
  return std::make_unique<Tokenizer>(std::move(state));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (text.size() > kEncodeBytesMax) {
    return invalid("text of " + std::to_string(text.size()) + " bytes exceeds " + std::to_string(kEncodeBytesMax));
  }
  CAIRN_TRY_VOID(check_utf8(text));
  std::vector<TokenId> ids;
  if (options.add_special_tokens) ids = state_->prefix;
  PieceEncoder encoder(state_->bpe, ids);
  std::vector<TextRun> runs, inner;
  std::vector<std::string_view> pieces;
  state_->raw.split(text, !options.parse_special, runs);
  for (const TextRun& run : runs) {
    if (run.token) {
      ids.push_back(*run.token);
      continue;
    }
    const std::string normal = state_->nfc ? to_nfc(run.text) : std::string();
    inner.clear();
    state_->normalized.split(state_->nfc ? std::string_view(normal) : run.text, !options.parse_special, inner);
    for (const TextRun& part : inner) {
      if (part.token) {
        ids.push_back(*part.token);
        continue;
      }
      pieces.clear();
      CAIRN_TRY_VOID(state_->splitter.split(part.text, pieces));
      for (const std::string_view piece : pieces) encoder.encode(piece);
    }
  }
  if (options.add_special_tokens) ids.insert(ids.end(), state_->suffix.begin(), state_->suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  Detokenizer detokenizer(*this, options);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  return id < state_->bytes.size() ? std::string_view(state_->bytes[id]) : std::string_view();
}

std::size_t Tokenizer::vocab_size() const { return state_->tokens.size(); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const std::string key(token);
  if (const auto added = state_->added_ids.find(key); added != state_->added_ids.end()) return added->second;
  const auto& vocabulary = state_->bpe.vocabulary();
  const auto found = vocabulary.find(key);
  return found == vocabulary.end() ? std::nullopt : std::optional<TokenId>(found->second);
}

std::optional<std::string_view> Tokenizer::id_to_token(TokenId id) const {
  if (id >= state_->tokens.size() || state_->tokens[id].empty()) return std::nullopt;
  return state_->tokens[id];
}

bool Tokenizer::is_special(TokenId id) const { return id < state_->special.size() && state_->special[id]; }

std::optional<TokenId> Tokenizer::bos_id() const { return state_->bos_id; }
std::span<const TokenId> Tokenizer::eos_ids() const { return state_->eos_ids; }
std::string_view Tokenizer::bos_token() const { return state_->bos_token; }
std::string_view Tokenizer::eos_token() const { return state_->eos_token; }
const std::string& Tokenizer::chat_template() const { return state_->chat_template; }

}  // namespace cairn
