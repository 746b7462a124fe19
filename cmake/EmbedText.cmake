# SPDX-License-Identifier: Apache-2.0
# hf_embed_text(hf_verify report.html holdfast::verify::report_html): compiles a text file of the
# folder into the target, as `extern const std::string_view report_html;` of that namespace.
if(CMAKE_SCRIPT_MODE_FILE)  # called below, at build time
  file(READ "${SOURCE}" text)
  string(REGEX MATCH "^(.+)::([a-z_]+)$" matched "${SYMBOL}")
  file(WRITE "${OUTPUT}" "// made from ${NAME}
#include <string_view>
namespace ${CMAKE_MATCH_1} {
extern const std::string_view ${CMAKE_MATCH_2};
const std::string_view ${CMAKE_MATCH_2} = R\"hf_embed(${text})hf_embed\";
}  // namespace ${CMAKE_MATCH_1}
")
  return()
endif()

set(HF_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(hf_embed_text target name symbol)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  add_custom_command(OUTPUT ${output} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DOUTPUT=${output} -DNAME=${name} -DSYMBOL=${symbol}
      -P ${HF_EMBED_SCRIPT}
    DEPENDS ${source} ${HF_EMBED_SCRIPT}
    COMMENT "Embedding ${name}")
  target_sources(${target} PRIVATE ${output})
endfunction()
