#include "device/reservation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/fork.hpp"
#include "base/try.hpp"
#include "device/core_file.hpp"
#include "device/device_identity.hpp"

namespace polymetis::device {

namespace {

class FileLease final : public CoreLease {
 public:
  FileLease(std::unique_ptr<SharedFile> file, CoreRange cores) : file_(std::move(file)), cores_(cores) {}
  [[nodiscard]] CoreRange cores() const noexcept override { return cores_; }

 private:
  const std::unique_ptr<SharedFile> file_;  // closing it frees the cores
  const CoreRange cores_;
};

std::string number_list(std::span<const unsigned> cores) {
  return fmt::format("{} {}", cores.size() == 1 ? "core" : "cores", fmt::join(cores, ", "));
}

std::vector<unsigned> free_cores(std::span<const CoreHolder> holders) {
  std::vector<unsigned> free;
  for (unsigned core = 0; core < holders.size(); ++core) {
    if (holders[core].state == CoreHolder::State::free) free.push_back(core);
  }
  return free;
}

/// The first run of `count` free cores; of 0 cores where there is none.
CoreRange first_fit(std::span<const CoreHolder> holders, unsigned count) {
  unsigned run = 0;
  for (unsigned core = 0; core < holders.size(); ++core) {
    run = holders[core].state == CoreHolder::State::free ? run + 1 : 0;
    if (run == count) return {core + 1 - count, count};
  }
  return {};
}

/// A process cannot end itself to get its cores.
std::string how_to_free(std::span<const CoreHolder> holders) {
  const std::int64_t self = this_process().pid;
  const auto held = [&](auto of) {
    return std::any_of(holders.begin(), holders.end(),
                       [&](const CoreHolder& holder) { return holder.state == CoreHolder::State::held && of(holder); });
  };
  if (!held([&](const CoreHolder& holder) { return holder.pid == self; })) return "end a process that holds them";
  const bool others = held([&](const CoreHolder& holder) { return holder.pid != self; });
  return fmt::format("release those that this process, {}, holds (a run that is going on holds its cores until it ends){}", this_process_text(),
                     others ? ", or end another process that holds some" : "");
}

class FileReservations final : public Reservations {
 public:
  FileReservations(std::filesystem::path path, const DeviceDescription& device, std::string text)
      : path_(std::move(path)), name_(device.name), core_count_(device.core_count), text_(std::move(text)) {}

  Expected<std::unique_ptr<CoreLease>> reserve(unsigned count) override;
  [[nodiscard]] std::vector<CoreHolder> holders() const override;
  Expected<std::unique_ptr<CoreLease>> lock_configuration() override;

 private:
  [[nodiscard]] Status check_count(unsigned count) const;
  [[nodiscard]] Expected<std::unique_ptr<SharedFile>> open() const;
  [[nodiscard]] Status agree(const SharedFile& file) const;
  [[nodiscard]] Status claim(const SharedFile& file, CoreRange cores) const;
  [[nodiscard]] std::string why_not(unsigned count, std::span<const CoreHolder> holders) const;

  // Constant.
  const std::filesystem::path path_;
  const std::string name_;
  const unsigned core_count_;
  const std::string text_;  ///< the description
  const std::uint64_t generation_ = base::fork_generation();
};

Status FileReservations::check_count(unsigned count) const {
  if (count != 0 && count <= core_count_) return {};
  return {Code::invalid_argument,
          fmt::format("{} cores of {} were asked for, which has {}: ask for 1 to {}", count, name_, core_count_, core_count_)};
}

/// The gate is held until the file is told to let go of it.
Expected<std::unique_ptr<SharedFile>> FileReservations::open() const {
  if (base::fork_generation() != generation_) {
    return failure(Code::invalid_argument, fmt::format("The reservations of {} were made before fork: make a new context in the child", name_));
  }
  auto file = TRY(SharedFile::open(path_, core_file::gate));
  TRY(agree(*file));
  return file;
}

/// The file describes the device as we do, wherever its user read that, or nobody uses it and it does from now on.
Status FileReservations::agree(const SharedFile& file) const {
  const std::string there = TRY(core_file::read_text(file.fd(), path_));
  if (there == text_) return {};
  if (!locked_elsewhere(file.fd(), core_file::all_claims)) return core_file::write_text(file, text_, core_count_);
  if (without_origin(there) == without_origin(text_)) return {};
  std::string users = in_use_by(core_file::read_holders(file.fd(), core_file::most_cores));
  if (const CoreHolder holder = core_file::configuration_holder(file.fd()); holder.state == CoreHolder::State::held) {
    users += fmt::format("{}{}: configuration", users.empty() ? "" : "; ", process_text(holder.pid, holder.process_name));
  }
  return {Code::invalid_configuration,
          fmt::format("{} is in use ({}) under another description than the one of this process, {}: {}. Give both the same topology, "
                      "end the other process, or use another run directory (POLYMETIS_RUN_DIR)",
                      name_, users, this_process_text(), difference_of(there, text_))};
}

/// The slots are written before the lock: who sees the lock reads them.
Status FileReservations::claim(const SharedFile& file, CoreRange cores) const {
  const ProcessIdentity self = this_process();
  for (unsigned core = cores.first; core < cores.first + cores.count; ++core) TRY(file.write_value(core_file::core_slot(core), self));
  if (TRY(file.try_lock(core_file::cores(cores))) == LockAnswer::taken) return {};
  return {Code::device_in_use, fmt::format("A program that is not of Polymetis locks '{}': end it (`lslocks`)", path_.string())};
}

Expected<std::unique_ptr<CoreLease>> FileReservations::reserve(unsigned count) {
  TRY(check_count(count));
  auto file = TRY(open());
  const auto holders = core_file::read_holders(file->fd(), core_count_);
  const CoreRange cores = first_fit(holders, count);
  if (cores.count == 0) return failure(Code::device_in_use, why_not(count, holders));
  TRY(claim(*file, cores));
  file->unlock(core_file::gate);
  return std::make_unique<FileLease>(std::move(file), cores);
}

std::string FileReservations::why_not(unsigned count, std::span<const CoreHolder> holders) const {
  const auto free = free_cores(holders);
  const std::string wanted = count == 1 ? "A core" : fmt::format("{} cores next to one another", count);
  const std::string found = free.empty() ? "none is free" : fmt::format("{} {} free", number_list(free), free.size() == 1 ? "is" : "are");
  return fmt::format("{} of {} {} asked for, {} ({}). Ask for fewer, use another device, or {}", wanted, name_, count == 1 ? "was" : "were", found,
                     in_use_by(holders), how_to_free(holders));
}

std::vector<CoreHolder> FileReservations::holders() const {
  const auto file = open_for_reading(path_);
  if (file && !*file) return std::vector<CoreHolder>(core_count_);
  if (!file || !core_file::read_header(file->get(), path_)) return std::vector<CoreHolder>(core_count_, {CoreHolder::State::held, -1, ""});
  return core_file::read_holders(file->get(), core_count_);
}

Expected<std::unique_ptr<CoreLease>> FileReservations::lock_configuration() {
  auto file = TRY(open());
  const CoreHolder holder = core_file::configuration_holder(file->fd());
  if (holder.state == CoreHolder::State::held) {
    return failure(Code::device_in_use,
                   fmt::format("{} is being configured by {}: try again when it is done", name_, process_text(holder.pid, holder.process_name)));
  }
  TRY(file->write_value(core_file::configuration_slot, this_process()));
  if (TRY(file->try_lock(core_file::configuration)) == LockAnswer::busy) {
    return failure(Code::device_in_use, fmt::format("A program that is not of Polymetis locks '{}': end it (`lslocks`)", path_.string()));
  }
  file->unlock(core_file::gate);
  return std::make_unique<FileLease>(std::move(file), CoreRange{});
}

}  // namespace

std::string in_use_by(std::span<const CoreHolder> holders) {
  std::vector<std::pair<const CoreHolder*, std::vector<unsigned>>> users;
  for (unsigned core = 0; core < holders.size(); ++core) {
    if (holders[core].state == CoreHolder::State::free) continue;
    auto user = users.begin();
    while (user != users.end() && user->first->pid != holders[core].pid) ++user;
    if (user == users.end()) user = users.insert(user, {&holders[core], {}});
    user->second.push_back(core);
  }
  std::string text;
  for (const auto& [holder, cores] : users) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", process_text(holder->pid, holder->process_name), number_list(cores));
  }
  return text;
}

Expected<std::shared_ptr<Reservations>> reservations_of(const std::filesystem::path& run_directory, const DeviceDescription& device) {
  std::string text = description_text(device);
  if (device.core_count > core_file::most_cores || text.size() > core_file::most_text_bytes) {
    return failure(Code::invalid_configuration,
                   fmt::format("{} has {} cores and a description of {} bytes; at most {} cores and {} bytes can be shared "
                               "between processes: describe it with fewer",
                               device.name, device.core_count, text.size(), core_file::most_cores, core_file::most_text_bytes));
  }
  return std::make_shared<FileReservations>(device_file(run_directory, device.name, core_file::suffix), device, std::move(text));
}

}  // namespace polymetis::device
