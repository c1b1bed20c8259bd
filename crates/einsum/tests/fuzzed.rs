//! The fuzz targets of the public API on bytes of a plain generator, without a fuzzer: the same bytes in every run.

#[path = "../../../fuzz/api.rs"]
mod api;

/// SplitMix64: the same numbers everywhere.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Checks so many inputs; at least one in a hundred comes to a product.
fn each(inputs: u64, check: fn(&[u8]) -> bool) {
    let inputs = if cfg!(miri) { inputs / 2000 } else { inputs };
    let mut products = 0;
    for input in 0..inputs {
        let mut state = input;
        // More than any input takes.
        let bytes: Vec<u8> = (0..24).flat_map(|_| random(&mut state).to_le_bytes()).collect();
        products += u64::from(check(&bytes));
        // What a fuzzer finds first.
        check(&bytes[..input as usize % 32]);
    }
    assert!(products > inputs / 100, "{products} products of {inputs} inputs");
}

#[test]
fn any_view_multiplies_or_is_refused() {
    each(200_000, api::products);
}

#[test]
fn any_expression_has_an_answer_or_an_error() {
    each(200_000, api::einsum);
}
