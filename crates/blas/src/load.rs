//! BLAS libraries loaded at run time.

use core::ffi::c_void;

use crate::library::Library;
use crate::mode::Mode;

/// Why a library could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The system's loader refused the file.
    #[error("cannot load {path}: {source}")]
    Open {
        /// The file asked for.
        path: String,
        /// What the loader says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The library was loaded but is no CBLAS, or its names are decorated otherwise.
    #[error("{path} has no function {}", tried.join(" or "))]
    Symbol {
        /// The file asked for.
        path: String,
        /// The names that it was searched for.
        tried: Vec<String>,
    },
}

/// Splits `PATH[:prefix]`. A prefix is a C identifier, so a Windows path's colon does not begin one, with or without
/// a directory after the drive's letter.
pub(crate) fn parse(spec: &str) -> (&str, &str) {
    match spec.rsplit_once(':') {
        Some((path, prefix))
            if path.len() > 1 && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
        {
            (path, prefix)
        }
        _ => (spec, ""),
    }
}

/// A kernel name for a library's file: `/lib/libmkl_rt.so.2` is `mkl-rt`.
pub(crate) fn kernel_name(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let end = [".so", ".dylib", ".dll"].iter().filter_map(|extension| file.find(extension)).min();
    let stem = &file[..end.unwrap_or(file.len())];
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    if name.is_empty() { "blas".to_owned() } else { name }
}

/// Loads a library for the rest of the process and looks its functions up. The thread's floating-point mode stays as it
/// is.
///
/// # Safety
/// As for [`Blas::open`](crate::Blas::open).
pub(crate) unsafe fn load(path: &str, prefix: &str) -> Result<Library, LoadError> {
    // Set again at the end of this function, also where it fails.
    let _mode = Mode::now();
    // SAFETY: the caller vouches for what loading the file runs.
    let library = unsafe { dlopen(path) }
        .map_err(|source| LoadError::Open { path: path.to_owned(), source: source.into() })?;
    // Never unloaded: kernels hold its functions, and threads that it has started keep running its code.
    let library = Box::leak(Box::new(library));
    let symbol = |name: &str| {
        // SAFETY: only the address is taken.
        unsafe { library.get::<*const c_void>(name.as_bytes()) }.ok().map(|symbol| *symbol)
    };
    // SAFETY: the library stays loaded; the caller vouches for the prototypes.
    unsafe { Library::new(symbol, prefix) }
        .map_err(|tried| LoadError::Symbol { path: path.to_owned(), tried })
}

/// Opens a library whose names stay its own. A library's inner calls (cblas_sgemm to sgemm_) go through names, which
/// glibc looks up in the program first: without RTLD_DEEPBIND, a BLAS loaded beside a linked one would run the linked
/// one's code, and be measured for it.
#[cfg(unix)]
unsafe fn dlopen(path: &str) -> Result<libloading::os::unix::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_DEEPBIND;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let flags = RTLD_NOW | RTLD_LOCAL;
    // SAFETY: the caller vouches for what loading the file runs.
    unsafe { Library::open(Some(path), flags) }
}

/// Opens a library; on Windows names are looked up per library anyway.
#[cfg(not(unix))]
unsafe fn dlopen(path: &str) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: the caller vouches for what loading the file runs.
    unsafe { libloading::Library::new(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_a_path_and_perhaps_a_prefix() {
        for (spec, expected) in [
            ("libblas.so.3", ("libblas.so.3", "")),
            ("/a/libscipy.so:scipy_", ("/a/libscipy.so", "scipy_")),
            ("/a:b/libblas.so", ("/a:b/libblas.so", "")),
            ("/a:b/libblas.so:x", ("/a:b/libblas.so", "x")),
            (r"C:\blas\openblas.dll", (r"C:\blas\openblas.dll", "")),
            (r"C:\blas\openblas.dll:p_", (r"C:\blas\openblas.dll", "p_")),
            ("C:openblas", ("C:openblas", "")),
            ("libblas.so:", ("libblas.so", "")),
        ] {
            assert_eq!(parse(spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_kernel_is_named_after_its_file() {
        for (path, name) in [
            ("/opt/intel/libmkl_rt.so.2", "mkl-rt"),
            ("libopenblas.so", "openblas"),
            (r"C:\BLAS\OpenBLAS.dll", "openblas"),
            ("/x/libopenblasp-r0.3.21.so", "openblasp-r0-3-21"),
            ("libblis.4.dylib", "blis-4"),
            ("/x/lib.so", "blas"),
        ] {
            assert_eq!(kernel_name(path), name, "{path}");
        }
    }
}
