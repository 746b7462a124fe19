# SPDX-License-Identifier: Apache-2.0
# How our modules are built: one static library a folder, its tests in one
# binary beside it. A folder names the folders it uses; ARCHITECTURE.md has
# the order, tests/layers checks it against the includes.

add_library(hf_options INTERFACE)
target_include_directories(hf_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(hf_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wconversion -Wno-sign-conversion -Werror
  -fno-omit-frame-pointer
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>)
target_link_libraries(hf_options INTERFACE Threads::Threads)
if(HOLDFAST_SANITIZE STREQUAL "address")
  set(HF_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(HOLDFAST_SANITIZE STREQUAL "thread")
  # GCC warns that it cannot instrument fences; Asio's are conditional on it.
  set(HF_SANITIZE_FLAGS -fsanitize=thread -Wno-tsan)
endif()
if(HF_SANITIZE_FLAGS)
  target_compile_options(hf_options INTERFACE ${HF_SANITIZE_FLAGS})
  target_link_options(hf_options INTERFACE ${HF_SANITIZE_FLAGS})
endif()
if(HOLDFAST_FUZZ)
  target_compile_options(hf_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(hf_options INTERFACE -fsanitize=address,undefined)
endif()
find_program(MOLD mold)
if(MOLD)
  target_link_options(hf_options INTERFACE -fuse-ld=mold)
endif()

add_library(hf_pch INTERFACE)
target_precompile_headers(hf_pch INTERFACE
  <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <span>
  <string> <string_view> <unordered_map> <utility> <variant> <vector>)

# hf_module(log DEPS base value LIBS PkgConfig::ROCKSDB TEST_LIBS rapidcheck)
function(hf_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TEST_LIBS" ${ARGN})
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
    target_link_libraries(hf_${name} PUBLIC hf_options ${ARG_DEPS} ${ARG_LIBS} PRIVATE hf_pch)
  endif()
  if(HOLDFAST_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE hf_${name} hf_pch ${ARG_TEST_LIBS}
      GTest::gtest GTest::gmock GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()
