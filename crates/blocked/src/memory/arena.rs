//! Memory for packed blocks: one reusable buffer per thread and purpose, so that a warm call allocates nothing. What
//! threads keep is bounded by the sizes of blocks, and [`release_memory`] frees it.
//!
//! A buffer is *taken out* of its thread's slot and put back when the lease ends. It is never borrowed across a
//! join: a stealing thread may start another product in the middle of this one, finds the slot empty, and
//! allocates a buffer of its own.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};
use std::alloc::{alloc, dealloc, handle_alloc_error};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a buffer is for: one product packs a block of B and, while it is in use, panels of A; and it keeps the sums of chunks
/// that other threads compute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    A,
    B,
    Sums,
}

const SLOTS: usize = 3;

/// Whole cache lines, so that a packed row of one vector never straddles two.
const LINE: usize = 64;
/// From this size on a buffer is aligned to, and asked for as, huge pages: with 4 KiB pages a 4 MiB block needs
/// 1024 TLB entries.
const HUGE: usize = 2 << 20;

/// The free buffers of a thread, a boxed [`Buffer`] or null for each purpose. Whoever swaps one out owns it: the thread for
/// a product, or [`release_memory`].
#[derive(Default)]
struct Slots([AtomicPtr<Buffer>; SLOTS]);

impl Slots {
    fn swap(&self, slot: usize, buffer: Option<Box<Buffer>>) -> Option<Box<Buffer>> {
        let new = buffer.map_or(ptr::null_mut(), Box::into_raw);
        let old = self.0[slot].swap(new, Ordering::AcqRel);
        // SAFETY: what is in a slot came out of a box here, and is taken out once.
        (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
    }

    fn clear(&self) {
        for slot in 0..SLOTS {
            drop(self.swap(slot, None));
        }
    }
}

/// The slots of all threads that live.
static ALL: Mutex<Vec<Arc<Slots>>> = Mutex::new(Vec::new());

/// Locked for a few instructions that cannot panic.
fn all_threads() -> MutexGuard<'static, Vec<Arc<Slots>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The slots of a thread, in the list of all while it lives.
struct Own(Arc<Slots>);

impl Own {
    fn new() -> Self {
        let slots = Arc::new(Slots::default());
        all_threads().push(slots.clone());
        Self(slots)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        all_threads().retain(|slots| !Arc::ptr_eq(slots, &self.0));
        self.0.clear();
    }
}

thread_local! {
    static FREE: Own = Own::new();
}

/// Frees the memory for packed blocks that threads keep for their next product.
///
/// A thread that has multiplied keeps, while it lives, one block of B, of at most 8 MiB (a share of the last cache), sums of
/// chunks of k where it cut k for other threads, of at most as much, and panels of A of some hundred KiB. This frees those of every thread that is not in the middle of a product; the
/// others keep theirs. The next product of a thread allocates again. It may be called at any time and from any thread.
///
/// ```
/// use matmul_blocked::{Blocked, Kernel, MatMut, MatRef};
///
/// let (a, b, mut c) = (vec![1.0f32; 300 * 300], vec![2.0; 300 * 300], vec![0.0; 300 * 300]);
/// let (a, b) = (MatRef::from_row_major(&a, 300, 300)?, MatRef::from_col_major(&b, 300, 300)?);
/// Blocked::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 300, 300)?)?;
/// matmul_blocked::release_memory();
/// # Ok::<(), matmul_blocked::Error>(())
/// ```
pub fn release_memory() {
    all_threads().iter().for_each(|slots| slots.clear());
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
    buffer: Option<Box<Buffer>>,
    slot: Slot,
    _elements: PhantomData<*mut T>,
}

impl<T> Lease<T> {
    pub(crate) fn take(slot: Slot, len: usize) -> Self {
        let bytes = len * size_of::<T>();
        let buffer = FREE
            .try_with(|free| free.0.swap(slot as usize, None))
            .ok()
            .flatten()
            .filter(|buffer| buffer.layout.size() >= bytes)
            .unwrap_or_else(|| Box::new(buffer(bytes)));
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
        let _ = FREE.try_with(|free| drop(free.0.swap(self.slot as usize, buffer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test releases what another counts on.
    static ALONE: Mutex<()> = Mutex::new(());

    #[test]
    fn a_buffer_is_reused_and_a_nested_lease_gets_its_own() {
        let _alone = ALONE.lock();
        let mut first = Lease::<f32>::take(Slot::A, 1000);
        let mut nested = Lease::<f32>::take(Slot::A, 1000);
        assert_ne!(first.as_mut_ptr(), nested.as_mut_ptr());
        let address = first.as_mut_ptr();
        drop(nested);
        drop(first);
        assert_eq!(Lease::<f32>::take(Slot::A, 900).as_mut_ptr(), address);
        assert_eq!(address as usize % LINE, 0);
    }

    /// Free buffers of all threads that have asked for one here.
    fn kept(of: &[&Arc<Slots>]) -> usize {
        let slots = of.iter().flat_map(|slots| &slots.0);
        slots.filter(|slot| !slot.load(Ordering::SeqCst).is_null()).count()
    }

    #[test]
    fn idle_threads_give_their_buffers_back() {
        let _alone = ALONE.lock();
        let (idle, busy) = (std::sync::Barrier::new(3), std::sync::Barrier::new(3));
        let slots = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            // One waits with its buffers free, the other with one in use.
            for in_use in [false, true] {
                let (idle, busy, slots) = (&idle, &busy, &slots);
                threads.push(scope.spawn(move || {
                    drop(Lease::<f32>::take(Slot::A, 1000));
                    let mut lease = Lease::<f32>::take(Slot::B, 1000);
                    let address = lease.as_mut_ptr();
                    // SAFETY: the lease has room for 1000.
                    unsafe { address.write(1.5) };
                    let lease = in_use.then_some(lease);
                    slots.lock().unwrap().push(FREE.with(|free| free.0.clone()));
                    idle.wait();
                    busy.wait();
                    // SAFETY: the lease lives, and the element was written.
                    assert!(lease.is_none_or(|_| unsafe { address.read() } == 1.5));
                }));
            }
            idle.wait();
            let found = slots.lock().unwrap().clone();
            let found: Vec<_> = found.iter().collect();
            // A and B of the one, A of the other.
            assert_eq!(kept(&found), 3);
            release_memory();
            assert_eq!(kept(&found), 0);
            assert!(found.iter().all(|slots| all_threads().iter().any(|other| Arc::ptr_eq(slots, other))));
            busy.wait();
            // Until their thread-local variables are gone too: the end of a scope does not wait for these.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let ended = slots.into_inner().unwrap();
        assert!(ended.iter().all(|slots| !all_threads().iter().any(|other| Arc::ptr_eq(slots, other))));
        assert_eq!(kept(&ended.iter().collect::<Vec<_>>()), 0);
    }

    #[test]
    fn large_buffers_are_huge_page_aligned() {
        let mut lease = Lease::<f64>::take(Slot::B, 1 << 20);
        assert_eq!(lease.as_mut_ptr() as usize % HUGE, 0);
    }
}
