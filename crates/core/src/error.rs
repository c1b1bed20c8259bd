use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why a view or a matrix could not be made or a product could not be computed. Nothing has been written to C.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A slice does not have nrows · ncols elements.
    Length {
        /// Rows asked for; of a batch those of all matrices, or the greatest integer if there are more.
        nrows: usize,
        /// Columns asked for.
        ncols: usize,
        /// Elements in the slice.
        found: usize,
    },
    /// A bias has not one number for each column of C.
    Bias {
        /// Columns of C.
        ncols: usize,
        /// Numbers in the bias.
        found: usize,
    },
    /// A strided view reaches an element outside its slice.
    OutOfBounds {
        /// Rows and columns asked for.
        shape: (usize, usize),
        /// Row and column stride, in elements.
        strides: (isize, isize),
        /// Lowest and highest element index that the view would reach, or the end of `i128` if it is beyond that.
        reached: (i128, i128),
        /// Elements in the slice.
        len: usize,
    },
    /// A batch reaches an element outside its slice.
    BatchOutOfBounds {
        /// Number of matrices, and elements from one to the next.
        batch: (usize, isize),
        /// Rows and columns of each.
        shape: (usize, usize),
        /// Row and column stride, in elements.
        strides: (isize, isize),
        /// Lowest and highest element index that the batch would reach, or the end of `i128` if it is beyond that.
        reached: (i128, i128),
        /// Elements in the slice.
        len: usize,
    },
    /// The strides of a mutable batch do not nest, so two of its elements may be one.
    BatchOverlap {
        /// Number of matrices, and elements from one to the next.
        batch: (usize, isize),
        /// Rows and columns of each.
        shape: (usize, usize),
        /// Row and column stride, in elements.
        strides: (isize, isize),
    },
    /// The batches of a product have different numbers of matrices.
    Count {
        /// Matrices A.
        a: usize,
        /// Matrices B.
        b: usize,
        /// Matrices C.
        c: usize,
    },
    /// A mutable view's strides make two of its elements one.
    Overlap {
        /// Rows and columns asked for.
        shape: (usize, usize),
        /// Row and column stride, in elements.
        strides: (isize, isize),
    },
    /// A range of rows or columns does not lie inside a view.
    Range {
        /// First index and one past the last.
        range: (usize, usize),
        /// Number of rows or columns there are.
        len: usize,
    },
    /// The shapes of A, B and C do not form a product.
    Shape {
        /// Rows and columns of A.
        a: (usize, usize),
        /// Rows and columns of B.
        b: (usize, usize),
        /// Rows and columns of C.
        c: (usize, usize),
    },
    /// Memory for a new matrix is not to be had.
    TooLarge {
        /// Its rows.
        nrows: usize,
        /// Its columns.
        ncols: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// This machine or build cannot run the kernel.
    Unavailable {
        /// The kernel's name.
        kernel: String,
        /// What is missing.
        needs: String,
    },
    /// There is no kernel of this name in this build.
    UnknownKernel {
        /// The name asked for.
        name: String,
        /// The environment variable that asked for it, if it was one.
        variable: Option<&'static str>,
        /// The name that was probably meant.
        nearest: Option<&'static str>,
        /// Every name there is.
        known: Vec<&'static str>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { nrows, ncols, found } => match nrows.checked_mul(*ncols) {
                Some(expected) => {
                    write!(f, "a {nrows}x{ncols} matrix needs {expected} elements, found {found}")
                }
                None => write!(f, "a {nrows}x{ncols} matrix has more elements than memory, found {found}"),
            },
            Error::Bias { ncols, found } => {
                write!(f, "a bias for {ncols} columns needs {ncols} elements, found {found}")
            }
            Error::OutOfBounds { shape: (m, n), strides: (rs, cs), reached: (lo, hi), len } => write!(
                f,
                "a {m}x{n} view with strides ({rs}, {cs}) reaches elements {lo}..={hi}, but the slice has {len}"
            ),
            Error::BatchOutOfBounds {
                batch: (count, stride),
                shape: (m, n),
                strides: (rs, cs),
                reached,
                len,
            } => {
                write!(
                    f,
                    "{count} {m}x{n} matrices {stride} elements apart with strides ({rs}, {cs}) reach elements \
                     {}..={}, but the slice has {len}",
                    reached.0, reached.1
                )
            }
            Error::BatchOverlap { batch: (count, stride), shape: (m, n), strides: (rs, cs) } => write!(
                f,
                "a mutable batch needs strides that nest, found {count} {m}x{n} matrices {stride} elements apart \
                 with strides ({rs}, {cs})"
            ),
            Error::Count { a, b, c } => {
                write!(f, "a batch needs as many matrices A as B as C, found {a}, {b} and {c}")
            }
            Error::Overlap { shape: (m, n), strides: (rs, cs) } => write!(
                f,
                "a mutable {m}x{n} view needs strides that keep its elements apart, found ({rs}, {cs})"
            ),
            Error::Range { range: (start, end), len } => {
                write!(f, "the range {start}..{end} does not lie inside 0..{len}")
            }
            Error::Shape { a, b, c } => {
                write!(
                    f,
                    "cannot multiply A ({}x{}) by B ({}x{}) into C ({}x{}): ",
                    a.0, a.1, b.0, b.1, c.0, c.1
                )?;
                if a.1 != b.0 {
                    write!(f, "A has {} columns but B has {} rows", a.1, b.0)
                } else {
                    write!(f, "C must be {}x{}", a.0, b.1)
                }
            }
            Error::TooLarge { nrows, ncols, element } => {
                write!(f, "no memory for a {nrows}x{ncols} matrix of {element} bytes an element")
            }
            Error::Unavailable { kernel, needs } => {
                write!(f, "kernel {kernel} cannot run here: needs {needs}")
            }
            Error::UnknownKernel { name, variable, nearest, known } => {
                if let Some(variable) = variable {
                    write!(f, "{variable}: ")?;
                }
                write!(f, "unknown kernel {name:?}")?;
                if let Some(nearest) = nearest {
                    write!(f, ", did you mean {nearest}?")?;
                }
                f.write_str(" There are: ")?;
                for (i, name) in known.iter().enumerate() {
                    write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for Error {}
