//! A CBLAS library of several families of names, for the tests of loading:
//! plain (32-bit integers), `scipy_…64_` (64-bit, an OpenBLAS with threads), `wide_` (64-bit, known by its
//! configuration only), `serial_` (an OpenBLAS without threads), `half_` (without dgemm).

#[path = "gemm.rs"]
mod gemm;

use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicI32, Ordering};

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};

macro_rules! export_gemm {
    ($module:ident, $symbol:literal, $t:ty, $int:ty) => {
        mod $module {
            use super::*;

            #[unsafe(export_name = $symbol)]
            extern "C" fn gemm(
                order: CBLAS_LAYOUT,
                ta: CBLAS_TRANSPOSE,
                tb: CBLAS_TRANSPOSE,
                m: $int,
                n: $int,
                k: $int,
                alpha: $t,
                a: *const $t,
                lda: $int,
                b: *const $t,
                ldb: $int,
                beta: $t,
                c: *mut $t,
                ldc: $int,
            ) {
                const MAX: usize = i32::MAX as usize;
                super::gemm::gemm::<_, _, MAX>(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
            }
        }
    };
}

export_gemm!(s_plain, "cblas_sgemm", f32, c_int);
export_gemm!(d_plain, "cblas_dgemm", f64, c_int);
export_gemm!(s_scipy, "scipy_cblas_sgemm64_", f32, i64);
export_gemm!(d_scipy, "scipy_cblas_dgemm64_", f64, i64);
export_gemm!(s_wide, "wide_cblas_sgemm", f32, i64);
export_gemm!(d_wide, "wide_cblas_dgemm", f64, i64);
export_gemm!(s_serial, "serial_cblas_sgemm", f32, c_int);
export_gemm!(d_serial, "serial_cblas_dgemm", f64, c_int);
export_gemm!(s_half, "half_cblas_sgemm", f32, c_int);

macro_rules! export_text {
    ($module:ident, $symbol:literal, $text:literal) => {
        mod $module {
            use super::*;

            #[unsafe(export_name = $symbol)]
            extern "C" fn text() -> *const c_char {
                const TEXT: &CStr = $text;
                TEXT.as_ptr()
            }
        }
    };
}

export_text!(config_scipy, "scipy_openblas_get_config64_", c"OpenBLAS 0.0.1 USE64BITINT");
export_text!(core_scipy, "scipy_openblas_get_corename64_", c"Fake");
export_text!(config_wide, "wide_openblas_get_config", c"OpenBLAS 0.0.2 USE64BITINT");
export_text!(config_serial, "serial_openblas_get_config", c"OpenBLAS 0.0.3 SINGLE_THREADED");

/// 7 until somebody sets it; at most 8, as an OpenBLAS has a largest count.
static THREADS: AtomicI32 = AtomicI32::new(7);

#[unsafe(export_name = "scipy_openblas_get_num_threads64_")]
extern "C" fn get_num_threads() -> c_int {
    THREADS.load(Ordering::SeqCst)
}

#[unsafe(export_name = "scipy_openblas_set_num_threads64_")]
extern "C" fn set_num_threads(count: c_int) {
    THREADS.store(count.min(8), Ordering::SeqCst);
}

#[unsafe(export_name = "scipy_openblas_get_parallel64_")]
extern "C" fn get_parallel() -> c_int {
    1
}

#[unsafe(export_name = "serial_openblas_get_parallel")]
extern "C" fn get_parallel_serial() -> c_int {
    0
}

/// As GCC's crtfastmath does it: flush-to-zero from the moment of loading.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod fast_math {
    use core::hint::black_box;
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    static FLUSHED: AtomicBool = AtomicBool::new(false);

    extern "C" fn set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: exceptions masked, FTZ and DAZ set.
        unsafe {
            core::arch::asm!("ldmxcsr [{}]", in(reg) &0x9fc0u32, options(nostack, readonly));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: the bit FZ.
        unsafe {
            core::arch::asm!("msr fpcr, {}", in(reg) 1u64 << 24, options(nomem, nostack));
        }
        let half = black_box(f32::MIN_POSITIVE) * black_box(0.5);
        FLUSHED.store(half.to_bits() == 0, Ordering::SeqCst);
    }

    #[used]
    #[unsafe(link_section = ".init_array")]
    static SET: extern "C" fn() = set;

    #[unsafe(export_name = "mode_openblas_get_config")]
    extern "C" fn config() -> *const c_char {
        match FLUSHED.load(Ordering::SeqCst) {
            true => c"OpenBLAS 0.0.4 flushed".as_ptr(),
            false => c"OpenBLAS 0.0.4".as_ptr(),
        }
    }
}

export_gemm!(s_mode, "mode_cblas_sgemm", f32, c_int);
export_gemm!(d_mode, "mode_cblas_dgemm", f64, c_int);
