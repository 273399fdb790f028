#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "fleet/plan.hpp"
#include "fleet/recording.hpp"

namespace polymetis::fleet {

/// Writes a plan's events, and a digest of its decisions, to a file (docs/recording.md). One that was never opened costs a comparison an event.
/// Thread-bound; the file is written on the host's thread for posts.
class Recorder {
 public:
  Recorder();
  ~Recorder();
  /// Errors: `runtime_error` the file cannot be made.
  Status open(const std::filesystem::path& path, const PlanOptions& options, std::shared_ptr<Host> host);
  [[nodiscard]] bool on() const noexcept { return file_ != nullptr; }

  template <class E>
  void event(TimePoint now, E event) {
    FieldWriter write(bytes_);
    write.number(kind_of<E>(static_cast<PlanEvent*>(nullptr)) + 1);
    write.folded((now - last_).count());
    last_ = now;
    event.members(write);
  }
  /// What the plan decided on the last event.
  void decided(const Actions& actions);
  /// Hands what is there to the file. `close` writes the last digest.
  void flush();
  /// What went wrong with the file so far.
  Status close();

 private:
  template <class E, class... All>
  static constexpr std::size_t kind_of(std::variant<All...>*) {
    std::size_t kind = 0;
    static_cast<void>(((std::is_same_v<E, All> ? true : (++kind, false)) || ...));
    return kind;
  }
  struct File;
  void write_digest();

  std::string bytes_;
  std::shared_ptr<File> file_;
  std::shared_ptr<Host> host_;
  TimePoint last_{};
  std::uint64_t digest_ = 0;
  std::uint32_t since_digest_ = 0;
};

/// The digest of a plan's decisions, event by event.
std::uint64_t mix_decisions(std::uint64_t digest, const Actions& actions) noexcept;

/// The first byte of a recording's entries that are no events; events are their place in `PlanEvent` plus one.
inline constexpr std::uint64_t digest_entry = 0;
inline constexpr std::string_view recording_magic = "polymetis recording 2\n";

}  // namespace polymetis::fleet
