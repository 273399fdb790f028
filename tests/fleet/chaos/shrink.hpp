#pragma once

#include <functional>

#include "script.hpp"

namespace polymetis::testing {

/// What can be taken out of a script, in the order in which it is tried.
enum class Part { fault, stream, happening, card, wait, frame };
inline constexpr Part all_parts[] = {Part::fault, Part::stream, Part::happening, Part::card, Part::wait, Part::frame};

[[nodiscard]] std::size_t count(const Script& script, Part part);
/// `script` without its parts `from` to `to` - 1 of that kind. Waits that come to stand side by side become one.
[[nodiscard]] Script without(Script script, Part part, std::size_t from, std::size_t to);
/// "2 of 5 faults, 1 of 3 streams, ...": what is left.
[[nodiscard]] std::string what_is_left(const Script& whole, const Script& left);

using Breaks = std::function<bool(const Script&)>;
using GoesOn = std::function<bool()>;

/// Takes parts out of `script` as long as it `breaks` a promise without them: all at once, then halves and so on down to one by one. It ends when
/// nothing more can go, or it no longer `goes_on`. At least a card, a stream and what is checked at the end stay.
[[nodiscard]] Script shrink(Script script, const Breaks& breaks, const GoesOn& goes_on);

}  // namespace polymetis::testing
