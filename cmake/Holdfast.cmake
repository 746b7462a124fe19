# SPDX-License-Identifier: Apache-2.0
# How our modules are built: one static library a folder, its tests in one
# binary beside it. A folder names the folders it uses; ARCHITECTURE.md has
# the order, tests/layers_test.py checks it against the includes.

add_library(hf_options INTERFACE)
target_include_directories(hf_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(hf_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wconversion -Wno-sign-conversion -Werror
  -fno-omit-frame-pointer
  -Wno-missing-field-initializers)
# Optimizing or instrumenting for threads, GCC 12 sees overlaps and overflows in
# std::string's own copies that are not there (GCC bugs 105329 and 105651). The
# debug preset keeps these warnings.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND
    (CMAKE_BUILD_TYPE STREQUAL "Release" OR HOLDFAST_SANITIZE STREQUAL "thread"))
  target_compile_options(hf_options INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
endif()
# No -march: the binary runs on every machine that Debian 12 runs on. What
# gains from newer instructions (checksums, RocksDB) asks the processor itself.
target_compile_options(hf_options INTERFACE $<$<CONFIG:Release>:-fno-plt>)
target_link_libraries(hf_options INTERFACE Threads::Threads)
if(HOLDFAST_SANITIZE STREQUAL "address")
  set(HF_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_compile_definitions(hf_options INTERFACE HOLDFAST_ADDRESS_SANITIZER)
elseif(HOLDFAST_SANITIZE STREQUAL "thread")
  # GCC warns that it cannot instrument fences; Asio's are conditional on it.
  # What else it warns of here only, its other presets would say if it were so:
  # the instrumentation hides from it what it knows of initialized values.
  set(HF_SANITIZE_FLAGS -fsanitize=thread -Wno-tsan -Wno-maybe-uninitialized)
  target_compile_definitions(hf_options INTERFACE HOLDFAST_THREAD_SANITIZER)
  target_link_options(hf_options INTERFACE -Wl,-u,__tsan_default_suppressions)
endif()
if(HF_SANITIZE_FLAGS)
  target_compile_options(hf_options INTERFACE ${HF_SANITIZE_FLAGS})
  target_link_options(hf_options INTERFACE ${HF_SANITIZE_FLAGS})
endif()
if(HOLDFAST_COVERAGE)
  # -pthread makes GCC count atomically; else threads lose one another's counts. The flag
  # that says so itself keeps ccache from caching. Counters hide from GCC, as above, what it
  # knows of initialized values.
  target_compile_options(hf_options INTERFACE --coverage -pthread -Wno-maybe-uninitialized)
  target_compile_definitions(hf_options INTERFACE HOLDFAST_COVERAGE)
  target_link_options(hf_options INTERFACE --coverage)
endif()
if(HOLDFAST_FUZZ)
  target_compile_options(hf_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(MOLD mold)
if(MOLD)
  target_link_options(hf_options INTERFACE -fuse-ld=mold)
endif()

# Precompiled headers, made twice for the whole tree (once for modules, once
# for tests) and shared: one a module took longer than it saved. ccache needs
# to see through them, hence -fpch-preprocess.
set(HF_PCH_HEADERS
  <algorithm> <array> <chrono> <cstdint> <deque> <functional> <map> <memory> <optional> <span>
  <string> <string_view> <unordered_map> <utility> <variant> <vector>
  <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h> <fmt/format.h>
  <tl/expected.hpp>)
set(HF_PCH_LIBS hf_options absl::flat_hash_map absl::btree absl::hash absl::function_ref
  absl::inlined_vector fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json tl::expected)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hf_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()

# hf_pch_library(NAME HEADER …): an empty library that owns a precompiled header.
function(hf_pch_library name)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch/${name}.cc
    CONTENT "// owns the precompiled header\n")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

hf_pch_library(hf_pch ${HF_PCH_HEADERS})
target_link_libraries(hf_pch PRIVATE ${HF_PCH_LIBS})
if(HOLDFAST_TESTS)
  hf_pch_library(hf_test_pch ${HF_PCH_HEADERS}
    <gtest/gtest.h> <gmock/gmock.h> <rapidcheck.h> <rapidcheck/gtest.h>)
  target_link_libraries(hf_test_pch PRIVATE ${HF_PCH_LIBS}
    GTest::gtest GTest::gmock rapidcheck rapidcheck_gtest)
endif()

# What ./dev test --preset P builds: the unit tests and what they run.
if(HOLDFAST_TESTS)
  add_custom_target(unit_tests)
endif()

# hf_module(log DEPS base value LIBS PkgConfig::ROCKSDB TEST_LIBS rapidcheck THREADS)
# THREADS: it or its tests start some. Of the others' tests ThreadSanitizer would see one thread.
function(hf_module name)
  cmake_parse_arguments(ARG "THREADS" "" "DEPS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND hf_)
  if(NOT sources)  # headers only
    add_library(hf_${name} INTERFACE)
    target_link_libraries(hf_${name} INTERFACE hf_options ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(hf_${name} STATIC ${sources})
    target_link_libraries(hf_${name} PUBLIC hf_options ${ARG_DEPS} ${ARG_LIBS})
    target_precompile_headers(hf_${name} REUSE_FROM hf_pch)
  endif()
  # What fuzz targets and benchmarks link, so that they need not name folders.
  set_property(GLOBAL APPEND PROPERTY HF_MODULES hf_${name})
  if(HOLDFAST_SANITIZE STREQUAL "thread" AND NOT ARG_THREADS)
    set(tests)
  endif()
  if(HOLDFAST_TESTS AND tests)
    add_executable(${name}_test ${tests})
    add_dependencies(unit_tests ${name}_test)
    target_link_libraries(${name}_test PRIVATE hf_${name} ${ARG_TEST_LIBS}
      GTest::gtest GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    # What is tested is optimized; to optimize the tests costs more time than it saves.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O1>
      $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>)  # it knows less then
    target_precompile_headers(${name}_test REUSE_FROM hf_test_pch)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()
