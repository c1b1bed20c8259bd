//! Memory for packed blocks: one reusable buffer per thread and purpose, so that a warm call allocates nothing.
//!
//! A buffer is *taken out* of its thread's slot and put back when the lease ends. It is never borrowed across a
//! join: a stealing thread may start another product in the middle of this one, finds the slot empty, and
//! allocates a buffer of its own.

use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::alloc::{alloc, dealloc, handle_alloc_error};

/// What a buffer is for: one product packs a block of B and, while it is in use, panels of A.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    A,
    B,
}

const SLOTS: usize = 2;

/// Whole cache lines, so that a packed row of one vector never straddles two.
const LINE: usize = 64;
/// From this size on a buffer is aligned to, and asked for as, huge pages: with 4 KiB pages a 4 MiB block needs
/// 1024 TLB entries.
const HUGE: usize = 2 << 20;

thread_local! {
    static FREE: [Cell<Option<Buffer>>; SLOTS] = const { [const { Cell::new(None) }; SLOTS] };
}

pub(crate) struct Buffer {
    ptr: NonNull<u8>,
    layout: Layout,
}

impl Buffer {
    /// Of at least so many bytes, if there is memory for them.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let layout = Self::layout(bytes)?;
        // SAFETY: its size is at least 4096.
        let ptr = NonNull::new(unsafe { alloc(layout) })?;
        #[cfg(all(target_os = "linux", not(miri)))]
        if layout.align() == HUGE {
            // SAFETY: the range is ours and freshly allocated; the call is a hint, its failure changes nothing.
            unsafe { libc::madvise(ptr.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
        }
        Some(Self { ptr, layout })
    }

    /// Whole pages, so that buffers of slightly different products are reusable for each other.
    fn layout(bytes: usize) -> Option<Layout> {
        let align = if bytes >= HUGE { HUGE } else { LINE };
        Layout::from_size_align(bytes.max(1).checked_next_multiple_of(4096)?, align).ok()
    }

    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in Buffer::new, the only constructor.
        unsafe { dealloc(self.ptr.as_ptr(), self.layout) }
    }
}

/// A new buffer, where a product cannot go on without one: as `Vec` has it, whoever has no memory for a few MiB ends.
fn buffer(bytes: usize) -> Buffer {
    Buffer::new(bytes).unwrap_or_else(|| {
        handle_alloc_error(Buffer::layout(bytes).expect("a block is bounded by the cache sizes"))
    })
}

/// A buffer for `len` elements, uninitialised, 64-byte aligned, returned to its thread when dropped.
pub(crate) struct Lease<T> {
    buffer: Option<Buffer>,
    slot: Slot,
    _elements: PhantomData<*mut T>,
}

impl<T> Lease<T> {
    pub(crate) fn take(slot: Slot, len: usize) -> Self {
        let bytes = len * size_of::<T>();
        let buffer = FREE
            .try_with(|free| free[slot as usize].take())
            .ok()
            .flatten()
            .filter(|buffer| buffer.layout.size() >= bytes)
            .unwrap_or_else(|| buffer(bytes));
        Self { buffer: Some(buffer), slot, _elements: PhantomData }
    }

    /// The first element. The memory lives as long as the lease.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.buffer.as_ref().map_or(core::ptr::null_mut(), |buffer| buffer.as_ptr().cast())
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        let buffer = self.buffer.take();
        // While the thread ends its slots are gone; the buffer is then simply freed.
        let _ = FREE.try_with(|free| free[self.slot as usize].set(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_reused_and_a_nested_lease_gets_its_own() {
        let mut first = Lease::<f32>::take(Slot::A, 1000);
        let mut nested = Lease::<f32>::take(Slot::A, 1000);
        assert_ne!(first.as_mut_ptr(), nested.as_mut_ptr());
        let address = first.as_mut_ptr();
        drop(nested);
        drop(first);
        assert_eq!(Lease::<f32>::take(Slot::A, 900).as_mut_ptr(), address);
        assert_eq!(address as usize % LINE, 0);
    }

    #[test]
    fn large_buffers_are_huge_page_aligned() {
        let mut lease = Lease::<f64>::take(Slot::B, 1 << 20);
        assert_eq!(lease.as_mut_ptr() as usize % HUGE, 0);
    }
}
