//! A product without std: views, errors and the fused multiply-add of `matmul-core`, and a kernel of `matmul-naive`, on an
//! allocator and a panic handler of the program's own. If anything here brought std in, there would be two panic handlers, and
//! it would not compile. Of the C library it takes what a kernel or a monitor would have in its place: two calls.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;

use matmul_core::{Element, Error, Kernel, MatMut, MatRef, Matrix};
use matmul_naive::Broadcast;

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(ptr: *mut c_void);
    fn write(file: c_int, data: *const c_void, len: usize) -> isize;
    fn abort() -> !;
}

struct Malloc;

// SAFETY: the C library's memory is aligned as asked for, and is freed by its own function.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let layout = layout.pad_to_align();
        // SAFETY: an alignment of Rust is a power of two; the size is a multiple of it.
        unsafe { aligned_alloc(layout.align().max(16), layout.size().next_multiple_of(16)).cast() }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        // SAFETY: it came from `alloc`.
        unsafe { free(ptr.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: Malloc = Malloc;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it may be called at any time.
    unsafe { abort() }
}

/// What the compiled core and alloc name, because they are compiled to unwind, and nobody calls where panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: it may be called at any time.
    unsafe { abort() }
}

fn print(text: &str) {
    // SAFETY: the text is readable.
    unsafe { write(1, text.as_ptr().cast(), text.len()) };
}

fn multiply() -> Result<(), Error> {
    let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let b = [7.0f32, 8.0, 9.0, 10.0, 11.0, 12.0];
    let (a, b) = (MatRef::from_row_major(&a, 2, 3)?, MatRef::from_row_major(&b, 3, 2)?);
    let mut c = Matrix::<f32>::zeros(2, 2);
    Broadcast.gemm(1.0, a, b, 0.0, c.as_mut())?;
    print(&format!("product: {:?}\n", c.as_slice()));

    // Rounded once, in software where the target has no instruction.
    let x = 1.0f64 + f64::EPSILON;
    print(&format!("fused: {:e}\n", x.fused(x, -1.0 - 2.0 * f64::EPSILON)));

    let error = Broadcast.gemm(1.0, a, a, 0.0, MatMut::from_row_major(&mut [0.0; 4], 2, 2)?);
    print(&format!("error: {}\n", error.expect_err("2 x 3 times 2 x 3")));
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const u8) -> c_int {
    match multiply() {
        Ok(()) => 0,
        Err(error) => {
            print(&format!("{error}\n"));
            1
        }
    }
}
