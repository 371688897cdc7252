"""Programs as machine code, made by LLVM through llvmlite (the extra `native`)."""
