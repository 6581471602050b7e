#include "bench/qa_prompt.h"

#include <array>
#include <string_view>

#include "base/random.h"

namespace cairn {
namespace {

constexpr std::uint32_t kWarmUpWords = 100;
// Which text the seed's words are for; the system filler has no user.
constexpr std::uint64_t kHistoryText = 1, kAnswerText = 2;

// Short and frequent: one token each in the tokenizers at hand, with the space before it.
constexpr std::array<std::string_view, 128> kWords = {
    "time",  "year",  "people", "way",    "day",     "man",    "thing", "woman",  "life",  "child",  "world",  "school",
    "state", "group", "hand",   "part",   "place",   "case",   "week",  "work",   "fact",  "point",  "home",   "water",
    "room",  "area",  "money",  "story",  "month",   "lot",    "right", "study",  "book",  "eye",    "job",    "word",
    "issue", "side",  "kind",   "head",   "house",   "friend", "power", "hour",   "game",  "line",   "end",    "law",
    "car",   "city",  "name",   "team",   "idea",    "body",   "back",  "face",   "level", "door",   "health", "art",
    "war",   "party", "result", "change", "morning", "reason", "girl",  "guy",    "food",  "moment", "air",    "force",
    "foot",  "boy",   "age",    "policy", "music",   "mind",   "sense", "death",  "plan",  "need",   "bed",    "road",
    "form",  "field", "light",  "voice",  "price",   "table",  "model", "sound",  "news",  "paper",  "space",  "ground",
    "event", "land",  "wall",   "image",  "tree",    "source", "heart", "figure", "hair",  "class",  "river",  "sea",
    "sun",   "stone", "fire",   "green",  "blue",    "red",    "white", "black",  "small", "large",  "long",   "young",
    "old",   "high",  "new",    "good",   "great",   "first",  "last",  "next"};

std::uint64_t mixed(std::uint64_t seed, std::uint64_t more) { return Random(seed ^ Random(more).next()).next(); }

std::string filler(std::uint32_t words, FillerSeed seed, std::uint64_t text) {
  std::string out;
  Random random(seed ? mixed(*seed, text) : 0);
  for (std::uint32_t i = 0; i < words; ++i) {
    if (i > 0) out += ' ';
    out += seed ? kWords[random.below(kWords.size())] : std::string_view("hi");
  }
  return out;
}

std::uint64_t text_id(std::uint64_t kind, std::uint32_t user_id, std::uint32_t question) {
  return mixed(kind, (std::uint64_t{user_id} << 32) | question);
}

}  // namespace

std::string system_filler(std::uint32_t words, FillerSeed seed) { return filler(words, seed, 0); }

std::string history_filler(std::uint32_t words, FillerSeed seed, std::uint32_t user_id) {
  return filler(words, seed, text_id(kHistoryText, user_id, 0));
}

std::string answer_filler(std::uint32_t words, FillerSeed seed, std::uint32_t user_id, std::uint32_t question) {
  return filler(words, seed, text_id(kAnswerText, user_id, question));
}

std::string chat_opening(const std::string& system, std::uint32_t user_id, const std::string& history) {
  return "Hi, here's some system prompt: " + system + ".For user " + std::to_string(user_id) +
         ", here are some other context: " + history + ".";
}

std::string question_text(std::uint32_t question) {
  return "Here's question #" + std::to_string(question) + ": can you tell me a new long story with a happy ending?";
}

std::string warm_up_text(std::uint32_t chat) {
  return "WARMUP: this is chat " + std::to_string(chat) +
         ", and here is some text: " + filler(kWarmUpWords, std::nullopt, 0) + ".";
}

}  // namespace cairn
