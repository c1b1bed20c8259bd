use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// A kind of product that people have, and that kernels are good or bad at as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Images by a layer.
    Mnist,
    /// No dimension above 64.
    Small,
    /// No dimension above 512.
    Middle,
    /// Larger, in all dimensions.
    Large,
    /// One dimension far below the others.
    Thin,
    /// A or B is a vector.
    Vector,
    /// Many products in a call.
    Batch,
}

impl Class {
    /// Every class, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Mnist, Self::Small, Self::Middle, Self::Large, Self::Thin, Self::Vector, Self::Batch];

    /// The class of a product.
    pub fn of(shape: &Shape) -> Self {
        let (low, high) = (shape.m.min(shape.k).min(shape.n), shape.m.max(shape.k).max(shape.n));
        match () {
            () if shape.batch > 1 => Self::Batch,
            () if shape.is_gemv() => Self::Vector,
            () if shape.group == "mnist" => Self::Mnist,
            () if high > 8 * low => Self::Thin,
            () if high <= 64 => Self::Small,
            () if high <= 512 => Self::Middle,
            () => Self::Large,
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mnist => "MNIST",
            Self::Small => "squares to 64",
            Self::Middle => "squares to 512",
            Self::Large => "squares above 512",
            Self::Thin => "thin",
            Self::Vector => "with a vector",
            Self::Batch => "batches",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups;

    #[test]
    fn every_shape_has_the_class_that_people_would_say() {
        let of = |name: &str| Class::of(&groups::select(&[name]).unwrap()[0]);
        for (name, class) in [
            ("5x784x10", Class::Mnist),
            ("64", Class::Small),
            ("65", Class::Middle),
            ("512/tn", Class::Middle),
            ("1000x1000x1001", Class::Large),
            ("8x2000x2000", Class::Thin),
            ("1x240x240", Class::Vector),
            ("256x(32x32x32)", Class::Batch),
        ] {
            assert_eq!(of(name), class, "{name}");
        }
        // None is empty.
        for class in Class::ALL {
            assert!(groups::table().iter().any(|shape| Class::of(shape) == class), "{class}");
        }
    }
}
