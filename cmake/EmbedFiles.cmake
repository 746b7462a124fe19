# SPDX-License-Identifier: Apache-2.0
# hf_embed_files(hf_node FOLDER holdfast::node::console_files [STAMP FILE]): compiles every file of the
# folder into the target, bytes as they are, as
# `extern const std::span<const server::StaticFile> console_files;` of that namespace.
#
# The folder is read when the target is built, so that a build may make it: FILE is then what that
# build leaves behind when it is done. Without a STAMP the files are sources.
if(CMAKE_SCRIPT_MODE_FILE)  # called below, at build time
  cmake_minimum_required(VERSION 3.25)
  file(GLOB_RECURSE names LIST_DIRECTORIES false RELATIVE ${FOLDER} ${FOLDER}/*)
  list(SORT names)
  if(NOT "index.html" IN_LIST names)
    message(FATAL_ERROR "there is no index.html in ${FOLDER}")
  endif()
  set(arrays)
  set(rows)
  set(number 0)
  foreach(name IN LISTS names)
    file(READ ${FOLDER}/${name} bytes HEX)
    string(LENGTH "${bytes}" size)
    math(EXPR size "${size} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    # One byte more, since no array is empty.
    string(APPEND arrays "const unsigned char file_${number}[] = {${bytes}0};\n")
    string(APPEND rows
      "    {\"${name}\", {reinterpret_cast<const char*>(file_${number}), ${size}}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  string(REGEX MATCH "^(.+)::([a-z_]+)$" matched "${SYMBOL}")
  file(WRITE "${OUTPUT}" "// made from a folder of files
#include <span>
#include \"server/static_files.h\"
namespace ${CMAKE_MATCH_1} {
namespace {
${arrays}const server::StaticFile files[] = {
${rows}};
}  // namespace
extern const std::span<const server::StaticFile> ${CMAKE_MATCH_2};
const std::span<const server::StaticFile> ${CMAKE_MATCH_2}(files);
}  // namespace ${CMAKE_MATCH_1}
")
  return()
endif()

set(HF_EMBED_FILES_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(hf_embed_files target folder symbol)
  cmake_parse_arguments(ARG "" "STAMP" "" ${ARGN})
  string(REGEX REPLACE "^.*::" "" name ${symbol})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  set(made_from ${ARG_STAMP})
  if(NOT made_from)
    file(GLOB_RECURSE made_from CONFIGURE_DEPENDS ${folder}/*)
  endif()
  add_custom_command(OUTPUT ${output} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUTPUT=${output} -DSYMBOL=${symbol}
      -P ${HF_EMBED_FILES_SCRIPT}
    DEPENDS ${made_from} ${HF_EMBED_FILES_SCRIPT}
    COMMENT "Embedding ${name}")
  target_sources(${target} PRIVATE ${output})
endfunction()
