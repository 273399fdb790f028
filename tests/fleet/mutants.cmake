# Deliberate bugs, each of which chaos must catch: the proof that its checks can fail.

# polymetis_mutant(NAME name FILE file FIND text REPLACE text [THREADS]): a chaos program with one source file of src/fleet changed; configuring
# fails unless `text` is there exactly once. The test passes when a promise is found broken.
function(polymetis_mutant)
  cmake_parse_arguments(M "THREADS" "NAME;FILE;FIND;REPLACE" "" ${ARGN})
  set(original ${PROJECT_SOURCE_DIR}/src/fleet/${M_FILE})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
  file(READ ${original} text)
  string(FIND "${text}" "${M_FIND}" first)
  string(FIND "${text}" "${M_FIND}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "The mutant ${M_NAME} looks for a text that is not exactly once in src/fleet/${M_FILE}: ${M_FIND}")
  endif()
  string(REPLACE "${M_FIND}" "${M_REPLACE}" text "${text}")
  set(mutated ${PROJECT_BINARY_DIR}/generated/mutants/${M_NAME}.cpp)
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)
  # Its object comes before the library, whose object of the same file is then not taken.
  add_executable(mutant_${M_NAME} ${mutated} $<TARGET_OBJECTS:chaos>)
  target_compile_options(mutant_${M_NAME} PRIVATE -O0)
  target_link_libraries(mutant_${M_NAME} PRIVATE ${fleet_libs})
  set_target_properties(mutant_${M_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/mutants)
  if(M_THREADS)
    set(kind --threads --stall 3)
  endif()
  add_test(NAME fleet_system/mutant_${M_NAME} COMMAND mutant_${M_NAME} --expect-caught --seeds 0..100000 --seconds 60 ${kind})
endfunction()

polymetis_mutant(NAME lose_a_frame FILE plan_jobs.cpp FIND "  model.retries.push_back(id)\;\n" REPLACE "")
polymetis_mutant(NAME answer_twice FILE dispatcher_streams.cpp
  FIND "results.push_back(stream.ready.pop_front())\;"
  REPLACE "{ results.push_back(stream.ready.pop_front())\; if (results.back().number % 100 == 99) { Result twice\; twice.number = results.back().number\; results.push_back(std::move(twice))\; } }")
polymetis_mutant(NAME swap_two FILE plan.cpp
  FIND "    const FrameId head = stream.order.pop_front()\;\n"
  REPLACE "    if (stream.order.size() > 1 && frames_[stream.order[1]].ended && stream.head_number % 50 == 7) std::swap(stream.order[0], stream.order[1])\;\n    const FrameId head = stream.order.pop_front()\;\n")
polymetis_mutant(NAME reuse_a_leased_buffer FILE dispatcher.cpp FIND "    job.output->hold()\;\n" REPLACE "    if (win.frame.value % 20 != 3) job.output->hold()\;\n")
polymetis_mutant(NAME forget_to_readmit FILE plan_health.cpp
  FIND "    if (now_ < device.probe_at) return wake_at(device.probe_at)\;\n    return begin_probing(id)\;" REPLACE "    return\;")
polymetis_mutant(NAME blame_the_wrong_card FILE plan_jobs.cpp
  FIND "      strike(executor.device, attempt.hung, std::string(frame.cause.message()))\;"
  REPLACE "      strike(DeviceId((executor.device.value + 1) % devices_.size()), attempt.hung, std::string(frame.cause.message()))\;")
polymetis_mutant(NAME notify_without_the_lock FILE dispatcher.cpp THREADS
  FIND "  waiters.push_back(&latch)\;\n  mutex_.unlock()\;"
  REPLACE "  mutex_.unlock()\;\n  std::this_thread::yield()\;\n  mutex_.lock()\;\n  waiters.push_back(&latch)\;\n  mutex_.unlock()\;")
polymetis_mutant(NAME pair_with_the_wrong_frame FILE dispatcher.cpp
  FIND "    job.inputs = frames_[frames->value].input->buffers()\;"
  REPLACE "    job.inputs = frames_[frames->value % 40 == 11 && frames->value > 0 && frames_[frames->value - 1].input != nullptr ? frames->value - 1 : frames->value].input->buffers()\;")
