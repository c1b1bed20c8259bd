//! The one macro of the SIMD files. It only stamps the `#[target_feature]` function that a tile is inlined into
//! and the `MicroKernel` impl that calls it.

/// `stamp_tile!(Proof, element, Vector, function, mr = rows, Across, pack, thin, "features")`: a tile of
/// `rows` × 2 vectors; packing and products with a vector load the vector `Across` across rows.
macro_rules! stamp_tile {
    ($isa:ident, $t:ident, $vector:ident, $function:ident, mr = $mr:literal, $across:ident, $pack:ident, $thin:ident,
     $features:literal) => {
        #[target_feature(enable = $features)]
        unsafe fn $pack(src: matmul_core::MatRef<'_, $t>, width: usize, dst: *mut $t) {
            // SAFETY: the caller's promise; the features are enabled here.
            unsafe { matmul_blocked::pack_panel::<$t, $across>(src, width, dst) }
        }

        #[target_feature(enable = $features)]
        unsafe fn $thin(t: &matmul_blocked::thin::ThinArgs<$t>) {
            // SAFETY: the caller's promise; the features are enabled here.
            unsafe { matmul_blocked::thin::run::<$t, $vector, $across>(t) }
        }

        #[target_feature(enable = $features)]
        unsafe fn $function(t: &matmul_blocked::TileArgs<$t>) {
            // SAFETY: the features are enabled here, and TileArgs::new checked the tile.
            unsafe { matmul_blocked::tile::run::<$t, $vector, $mr>(t) }
        }

        impl matmul_blocked::MicroKernel<$t> for $isa {
            const MR: usize = $mr;
            const NR: usize = 2 * <$vector as Vector<$t>>::LANES;

            #[inline(always)]
            fn run(
                self,
                alpha: $t,
                a: matmul_core::MatRef<'_, $t>,
                b: matmul_core::MatRef<'_, $t>,
                fold: matmul_core::Fold<$t>,
                c: matmul_core::MatMut<'_, $t>,
            ) {
                let shape = (
                    <Self as matmul_blocked::MicroKernel<$t>>::MR,
                    <Self as matmul_blocked::MicroKernel<$t>>::NR,
                );
                let t = matmul_blocked::TileArgs::new(shape, alpha, a, b, fold, c);
                // SAFETY: self exists only through detect(), so the CPU has the features.
                unsafe { $function(&t) }
            }

            #[inline]
            fn thin<'a>(
                self,
                problem: matmul_core::Problem<'a, $t>,
            ) -> Result<(), matmul_core::Problem<'a, $t>> {
                let t = matmul_blocked::thin::ThinArgs::new(problem, <$vector as Vector<$t>>::LANES)?;
                // SAFETY: self exists only through detect(), so the CPU has the features, and the problem is
                // borrowed for 'a.
                unsafe { $thin(&t) }
                Ok(())
            }

            #[inline]
            fn dot<'a>(
                self,
                problem: matmul_core::Problem<'a, $t>,
            ) -> Result<(), matmul_core::Problem<'a, $t>> {
                #[target_feature(enable = $features)]
                unsafe fn dot(t: &matmul_blocked::dot::DotArgs<$t>) {
                    // SAFETY: the caller's promise; the features are enabled here.
                    unsafe { matmul_blocked::dot::run::<$t, $vector>(t) }
                }
                let t = matmul_blocked::dot::DotArgs::new(problem, <$vector as Vector<$t>>::LANES)?;
                // SAFETY: self exists only through detect(), so the CPU has the features, and the problem is
                // borrowed for 'a.
                unsafe { dot(&t) }
                Ok(())
            }

            #[inline]
            unsafe fn pack(self, src: matmul_core::MatRef<'_, $t>, width: usize, dst: *mut $t) {
                // SAFETY: the caller's promise; self exists only through detect(), so the CPU has the features.
                unsafe { $pack(src, width, dst) }
            }
        }
    };
}

pub(crate) use stamp_tile;
