//! Matrix multiplication: the best kernel for this machine.
