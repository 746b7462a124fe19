// SPDX-License-Identifier: Apache-2.0
#include "lab/page.h"

#include <string_view>

#include "base/assert.h"

namespace holdfast::lab {

extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view picture_js;
extern const std::string_view charts_js;
extern const std::string_view lab_js;

namespace {

void put(std::string& text, std::string_view mark, std::string_view what) {
  const std::size_t at = text.find(mark);
  HF_ASSERT(at != std::string::npos);
  text.replace(at, mark.size(), what);
}

}  // namespace

std::string page() {
  std::string text(page_html);
  put(text, "@STYLE@", page_css);
  std::string script(picture_js);
  script += charts_js;
  script += lab_js;
  put(text, "@SCRIPT@", script);
  return text;
}

}  // namespace holdfast::lab
