#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "digest.hpp"
#include "script.hpp"
#include "source.hpp"

namespace polymetis::testing {

/// The first broken promise.
class FirstWrong {
 public:
  void note(std::string why) {
    if (text_.empty()) text_ = std::move(why);
  }
  [[nodiscard]] bool none() const { return text_.empty(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// All streams of a schedule in virtual time: what goes in and what comes out. Thread-bound.
class Feed {
 public:
  Feed(Fleet fleet, const Scene& scene, const std::vector<std::shared_ptr<const Model>>& models, Digest& digest, FirstWrong& wrong);

  void open(const StreamPlan& plan);
  void submit(unsigned stream, unsigned count);
  void submit_future(unsigned like);
  void cancel(unsigned stream);
  void close(unsigned stream);
  void take_all();
  /// No more frames come.
  void finish();
  /// After the fleet was closed.
  void check_all_answered();

  /// Whether each frame of an open stream and each future is answered.
  [[nodiscard]] bool answered() const;
  [[nodiscard]] const std::vector<std::unique_ptr<Source>>& sources() const noexcept { return sources_; }
  /// Frames that were accepted, those answered by futures as well.
  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  Source* find(unsigned stream);    // null: it found no core
  bool submit_one(Source& source);  // false: no more goes in
  void take(Source& source);
  [[nodiscard]] std::string card_of(const Result& result) const { return result.device < cards_.size() ? cards_[result.device] : ""; }

  Fleet fleet_;
  const Scene& scene_;
  const std::vector<std::shared_ptr<const Model>>& models_;
  Digest& digest_;
  FirstWrong& wrong_;
  std::vector<std::string> cards_;
  std::vector<std::unique_ptr<Source>> sources_;  // in the order of their numbers, without those that found no core
  std::unique_ptr<Source> future_source_;         // opened by the first future
  std::vector<std::future<Result>> futures_;
  std::uint64_t accepted_ = 0;
};

}  // namespace polymetis::testing
