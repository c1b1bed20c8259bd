//! The BLAS that a cargo feature links: its kernel name and its functions by name.

use core::ffi::c_void;

// Naming a crate is what links it.
#[cfg(all(feature = "blis-bundled", not(any(feature = "openblas-system", feature = "openblas-static"))))]
extern crate blis_src as _;
#[cfg(all(feature = "openblas-static", not(feature = "openblas-system")))]
extern crate openblas_src as _;

/// A declared C function that is only ever looked up by name; the prototypes live in `library`.
#[allow(unused_macros)] // unused if no provider is linked
macro_rules! symbols {
    ($($name:ident)*) => {{
        unsafe extern "C" {
            $(fn $name();)*
        }
        |name: &str| match name {
            "cblas_sgemm" => Some(cblas_sys::cblas_sgemm as *const c_void),
            "cblas_dgemm" => Some(cblas_sys::cblas_dgemm as *const c_void),
            $(stringify!($name) => Some($name as *const c_void),)*
            _ => None,
        }
    }};
}

/// The provider's kernel name and a function that finds its symbols.
pub(crate) type Provider = (&'static str, fn(&str) -> Option<*const c_void>);

#[cfg(any(feature = "openblas-system", feature = "openblas-static"))]
pub(crate) fn provider() -> Option<Provider> {
    Some((
        "openblas",
        symbols!(
            openblas_get_config
            openblas_get_corename
            openblas_get_parallel
            openblas_get_num_threads
            openblas_set_num_threads
        ),
    ))
}

#[cfg(all(feature = "blis-bundled", not(any(feature = "openblas-system", feature = "openblas-static"))))]
pub(crate) fn provider() -> Option<Provider> {
    Some((
        "blis",
        symbols!(
            bli_info_get_version_str
            bli_info_get_blas_int_type_size
            bli_thread_get_num_threads
            bli_thread_set_num_threads
        ),
    ))
}

#[cfg(not(any(feature = "openblas-system", feature = "openblas-static", feature = "blis-bundled")))]
pub(crate) fn provider() -> Option<Provider> {
    None
}
