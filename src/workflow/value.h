// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "workflow/json.h"

/// What a definition says of values that only a run has. A form is JSON that stands for itself, but
/// for objects of these names alone:
///
///     {"from": "/input/amount"}                what lies there (JSON Pointer, RFC 6901)
///     {"from": "/steps/quote", "else": 0}      or, where nothing does, this form
///     {"text": ["order ", {"from": "/run/id"}]}  the forms, one behind the other, as text
///     {"literal": {"from": "here"}}            the JSON as it stands
///
/// It may be anywhere in arrays and objects. A condition is an object of one name: `equal` or
/// `less` with two forms, `present` with a pointer, `not` with a condition, `all` or `any` with
/// several.
namespace holdfast::workflow {

/// What pointers lead into: {"input": …, "run": {"id": …}, "steps": {<name>: <result>, …}}. The
/// results of steps that have not ended are not in it.
using Document = Json;

/// kErr, its message beginning with `place`, where it is no form. `place` is a pointer into the
/// definition.
Status check_form(const Json& form, const std::string& place);
Status check_condition(const Json& condition, const std::string& place);

/// kErr: a pointer leads nowhere, or a text is made of what is none.
Result<Json> evaluate(const Json& form, const Document& document);
/// An absent condition (null) holds.
Result<bool> holds(const Json& condition, const Document& document);

/// A string as it is, a number as JSON writes it; other values are no text: kErr.
Result<std::string> text_of(const Json& value);

}  // namespace holdfast::workflow
