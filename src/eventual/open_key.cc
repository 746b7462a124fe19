// SPDX-License-Identifier: Apache-2.0
#include "eventual/open_key.h"

#include <utility>

#include "base/assert.h"

namespace holdfast::eventual {

// The elements a key has one of; nullptr for the others.
Element** OpenKey::slot_of(ElementKind kind) {
  switch (kind) {
    case ElementKind::content:
      return &content;
    case ElementKind::string:
      return &string;
    case ElementKind::expiry:
      return &expiry;
    default:
      return nullptr;
  }
}

Element* OpenKey::find(ElementKind kind, std::string_view element_name) const {
  switch (kind) {
    case ElementKind::content:
      return content;
    case ElementKind::string:
      return string;
    case ElementKind::expiry:
      return expiry;
    default:
      break;
  }
  if (index_ != nullptr) {
    const auto it = index_->find(Named{kind, element_name});
    return it == index_->end() ? nullptr : *it;
  }
  for (const auto& element : elements_) {
    if (element->kind == kind && element->name.view() == element_name) return element.get();
  }
  return nullptr;
}

Element& OpenKey::make(ElementKind kind, std::string_view element_name) {
  auto made = std::make_unique<Element>();
  made->key = this;
  made->kind = kind;
  made->name = SpillingString(element_name);
  made->place = static_cast<std::uint32_t>(elements_.size());
  Element& element = *made;
  elements_.push_back(std::move(made));
  if (Element** slot = slot_of(kind)) *slot = &element;
  if (index_ != nullptr) {
    index_->insert(&element);
  } else if (elements_.size() > linear_max) {
    index_ = std::make_unique<Index>();
    for (const auto& each : elements_) index_->insert(each.get());
  }
  return element;
}

void OpenKey::erase(Element& element) {
  HF_ASSERT(element.items.empty() && element.refs == 0);
  if (Element** slot = slot_of(element.kind)) *slot = nullptr;
  if (index_ != nullptr) index_->erase(&element);
  const std::uint32_t place = element.place;
  std::swap(elements_[place], elements_.back());
  elements_[place]->place = place;
  elements_.pop_back();
}

}  // namespace holdfast::eventual
