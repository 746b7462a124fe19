// SPDX-License-Identifier: Apache-2.0
#include "workflow/value.h"

#include <fmt/format.h>

#include <optional>

namespace holdfast::workflow {
namespace {

tl::unexpected<Error> wrong(const std::string& place, std::string_view what) {
  return fail(Code::err, fmt::format("{}: {}", place.empty() ? "/" : place, what));
}

// The part of a form that its kind is known by, or nothing: it stands for itself.
enum class Kind { itself, from, text, literal };
Kind kind_of(const Json& form) {
  if (!form.is_object()) return Kind::itself;
  if (form.contains("from") && (form.size() == 1 || (form.size() == 2 && form.contains("else"))))
    return Kind::from;
  if (form.size() != 1) return Kind::itself;
  if (form.contains("text")) return Kind::text;
  if (form.contains("literal")) return Kind::literal;
  return Kind::itself;
}

std::optional<Json::json_pointer> pointer_of(const Json& text) {
  if (!text.is_string()) return std::nullopt;
  try {
    return Json::json_pointer(text.get<std::string>());
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

// A pointer goes into what a run has, and into nothing else.
Status check_pointer(const Json& text, const std::string& place) {
  const auto pointer = pointer_of(text);
  if (!pointer) return wrong(place, "a JSON Pointer is wanted, as \"/input/amount\"");
  const std::string first = [&] {
    Json::json_pointer at = *pointer;
    while (!at.empty() && !at.parent_pointer().empty()) at.pop_back();
    return at.empty() ? std::string() : at.back();
  }();
  if (first != "input" && first != "steps" && first != "run")
    return wrong(place, "it leads into none of /input, /steps and /run");
  return {};
}

// What lies there; null: nothing does.
const Json* find(const Json& text, const Document& document) {
  const auto pointer = pointer_of(text);
  if (!pointer) return nullptr;
  try {
    return document.contains(*pointer) ? &document.at(*pointer) : nullptr;
  } catch (const Json::exception&) {  // an array's place that is no number
    return nullptr;
  }
}

Status check_two(const Json& forms, const std::string& place) {
  if (!forms.is_array() || forms.size() != 2) return wrong(place, "two values are wanted");
  for (std::size_t i = 0; i < 2; ++i) {
    if (Status s = check_form(forms[i], fmt::format("{}/{}", place, i)); !s) return s;
  }
  return {};
}

Result<bool> compare(std::string_view name, const Json& forms, const Document& document) {
  const auto left = evaluate(forms[0], document);
  if (!left) return tl::unexpected(left.error());
  const auto right = evaluate(forms[1], document);
  if (!right) return tl::unexpected(right.error());
  if (name == "equal") return *left == *right;
  const bool numbers = left->is_number() && right->is_number();
  const bool strings = left->is_string() && right->is_string();
  if (!numbers && !strings) return fail(Code::err, "less is of two numbers or of two strings");
  return *left < *right;
}

}  // namespace

Status check_form(const Json& form, const std::string& place) {
  switch (kind_of(form)) {
    case Kind::from:
      if (Status s = check_pointer(form["from"], place + "/from"); !s) return s;
      return form.contains("else") ? check_form(form["else"], place + "/else") : Status{};
    case Kind::text:
      if (!form["text"].is_array()) return wrong(place + "/text", "a list of parts is wanted");
      return check_form(form["text"], place + "/text");
    case Kind::literal:
      return {};
    case Kind::itself:
      break;
  }
  if (!form.is_structured()) return {};
  for (const auto& [name, part] : form.items()) {
    if (Status s = check_form(part, fmt::format("{}/{}", place, name)); !s) return s;
  }
  return {};
}

Status check_condition(const Json& condition, const std::string& place) {
  if (!condition.is_object() || condition.size() != 1)
    return wrong(place,
                 "a condition is an object of one name: equal, less, present, not, all, any");
  const std::string name = condition.begin().key();
  const Json& what = condition.begin().value();
  const std::string inside = fmt::format("{}/{}", place, name);
  if (name == "equal" || name == "less") return check_two(what, inside);
  if (name == "present") return check_pointer(what, inside);
  if (name == "not") return check_condition(what, inside);
  if (name != "all" && name != "any")
    return wrong(inside, "no condition is called so: equal, less, present, not, all, any");
  if (!what.is_array()) return wrong(inside, "a list of conditions is wanted");
  for (std::size_t i = 0; i < what.size(); ++i) {
    if (Status s = check_condition(what[i], fmt::format("{}/{}", inside, i)); !s) return s;
  }
  return {};
}

Result<Json> evaluate(const Json& form, const Document& document) {
  switch (kind_of(form)) {
    case Kind::from: {
      if (const Json* const found = find(form["from"], document)) return *found;
      if (form.contains("else")) return evaluate(form["else"], document);
      return fail(Code::err,
                  fmt::format("there is nothing at {}", form["from"].get<std::string>()));
    }
    case Kind::text: {
      std::string whole;
      for (const Json& part : form["text"]) {
        auto value = evaluate(part, document);
        if (!value) return value;
        const auto text = text_of(*value);
        if (!text) return tl::unexpected(text.error());
        whole += *text;
      }
      return Json(std::move(whole));
    }
    case Kind::literal:
      return form["literal"];
    case Kind::itself:
      break;
  }
  if (!form.is_structured()) return form;
  Json whole = form;
  for (Json& part : whole) {
    auto value = evaluate(part, document);
    if (!value) return value;
    part = std::move(*value);
  }
  return whole;
}

Result<bool> holds(const Json& condition, const Document& document) {
  if (condition.is_null()) return true;
  const std::string name = condition.begin().key();
  const Json& what = condition.begin().value();
  if (name == "equal" || name == "less") return compare(name, what, document);
  if (name == "present") return find(what, document) != nullptr;
  if (name == "not") {
    const auto inside = holds(what, document);
    return inside ? Result<bool>(!*inside) : inside;
  }
  const bool all = name == "all";
  for (const Json& each : what) {
    auto one = holds(each, document);
    if (!one) return one;
    if (*one != all) return !all;
  }
  return all;
}

Result<std::string> text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return write_json(value);
  return fail(Code::err, fmt::format("{} is no text", value.type_name()));
}

}  // namespace holdfast::workflow
