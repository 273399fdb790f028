#include "source.hpp"

namespace polymetis::testing {

namespace {

constexpr unsigned most_attempts = 12;

}  // namespace

Row Source::input() const {
  Row bytes = FleetBed::row(accepted);
  if (is_poison(accepted)) bytes[0] = static_cast<std::byte>(Scene::poison_byte);
  return bytes;
}

std::string Source::name(std::uint64_t number) const { return fmt::format("{}: frame {}", stream.name(), number); }

std::string Source::check_content(const Result& result, const std::string& card) const {
  if (!result.ok()) {
    return result.outcome == Outcome::failed && result.status.ok() ? name(result.number) + " failed without a cause" : "";
  }
  // A card that another fault strikes at that moment may answer it.
  if (is_poison(result.number)) return scene_.struck.count(card) == 0 ? name(result.number) + " hurts every card and has outputs" : "";
  // What a card computes wrongly while the fault strikes is its own: only a known answer can tell, at the next probe.
  if (!FleetBed::is_answer(result, result.number, add_) && !scene_.may_corrupt(card, result.times.started, result.times.ended))
    return name(result.number) + " has another frame's answer, or its memory was written while it was lent";
  return "";
}

std::string Source::check(Result&& result, const std::string& card) {
  if (result.number != answered) return fmt::format("{} was answered when {} was due", name(result.number), answered);
  ++answered;
  ++by_outcome[static_cast<int>(result.outcome)];
  if (std::string wrong = check_content(result, card); !wrong.empty()) return wrong;
  if (result.attempts > most_attempts) return fmt::format("{} had {} runs", name(result.number), result.attempts);
  if (result.ok() && options.deadline.count() > 0 && result.times.ended - result.times.captured > options.deadline)
    return name(result.number) + " has outputs after its deadline";
  kept_.push_back({std::move(result), card});
  if (kept_.size() <= most_kept) return "";
  const Kept oldest = std::move(kept_.front());
  kept_.pop_front();
  return check_content(oldest.result, oldest.card);
}

std::string Source::let_go() {
  for (; !kept_.empty(); kept_.pop_front())
    if (std::string wrong = check_content(kept_.front().result, kept_.front().card); !wrong.empty()) return wrong;
  return "";
}

}  // namespace polymetis::testing
