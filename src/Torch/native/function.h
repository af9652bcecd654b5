#pragma once
#include <exception>

#include "common.h"

namespace ct {

// What a function of C# threw in a backward pass, on its way to C#: a GCHandle, freed there.
struct ManagedError final : std::exception {
  explicit ManagedError(void* exception) : exception(exception) {}
  const char* what() const noexcept override { return "a function of the graph failed in C#"; }
  void* exception;
};

}  // namespace ct
