#pragma once

#include <deque>
#include <set>
#include <string>

#include "../fleet_bed.hpp"
#include "scene.hpp"

namespace polymetis::testing {

/// What a network of the chaos adds to each byte.
constexpr int adds[] = {1, 5};

/// A stream of frames whose answers are known, and everything that can be said of its results alone. Thread-bound: a submitter and a consumer may
/// use it at once, each its own part.
class Source {
 public:
  Source(Stream handle, StreamOptions asked, int add, const Scene& scene)
      : stream(std::move(handle)), options(std::move(asked)), add_(add), scene_(scene) {}

  /// The bytes of the next frame.
  [[nodiscard]] Row input() const;
  [[nodiscard]] bool is_poison(std::uint64_t number) const { return scene_.poison && number % 97 == 13; }
  /// "" or what is wrong with it, or with one that was kept before. `card` answered.
  std::string check(Result&& result, const std::string& card);
  /// As `check`, of one that came out of its turn.
  std::string check_content(const Result& result, const std::string& card) const;
  /// Looks at all results that are kept and lets them go.
  std::string let_go();

  Stream stream;
  const StreamOptions options;
  // the submitter's
  std::uint64_t accepted = 0;
  // the consumer's
  std::uint64_t answered = 0;
  std::uint64_t by_outcome[4] = {};
  bool closed = false;

 private:
  struct Kept {
    Result result;
    std::string card;
  };
  static constexpr std::size_t most_kept = 24;
  [[nodiscard]] std::string name(std::uint64_t number) const;

  const int add_;
  const Scene& scene_;
  std::deque<Kept> kept_;  // their memory is lent to us: nobody may write there
};

}  // namespace polymetis::testing
