//! MNIST: fetch, verify, convert to .npy, load.
