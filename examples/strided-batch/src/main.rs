//! Many small products in one call, on matrices that lie inside a larger array.

use matmul::{BatchMut, BatchRef, Error, MatRef};

fn main() -> Result<(), Error> {
    // Heads of attention: q and k are (tokens, heads, width), and each head multiplies q by the transpose of k.
    const TOKENS: usize = 3;
    const HEADS: usize = 4;
    const WIDTH: usize = 2;
    let q: Vec<f32> = (0..TOKENS * HEADS * WIDTH).map(|i| (i % 5) as f32).collect();
    let k: Vec<f32> = (0..TOKENS * HEADS * WIDTH).map(|i| (i % 3) as f32).collect();

    // Head h is the matrix (tokens, width) that begins at h * width; its rows are heads * width apart.
    let (row, head) = ((HEADS * WIDTH) as isize, WIDTH as isize);
    let q_heads = BatchRef::from_strided(&q, 0, (HEADS, head), (TOKENS, WIDTH), (row, 1))?;
    // The transpose: sizes and strides change places.
    let k_heads = BatchRef::from_strided(&k, 0, (HEADS, head), (WIDTH, TOKENS), (1, row))?;
    let mut scores = [0.0; HEADS * TOKENS * TOKENS];
    let c = BatchMut::from_row_major(&mut scores, HEADS, TOKENS, TOKENS)?;
    matmul::gemm_batch(1.0, q_heads, k_heads, 0.0, c)?;
    for (h, score) in scores.chunks(TOKENS * TOKENS).enumerate() {
        println!("head {h}: {score:?}");
    }

    // One right factor for all: nothing of it is copied.
    let halve = [0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5];
    let halve = BatchRef::shared(MatRef::from_row_major(&halve, TOKENS, TOKENS)?, HEADS);
    let mut half = [0.0; HEADS * TOKENS * TOKENS];
    let scores_in = BatchRef::from_row_major(&scores, HEADS, TOKENS, TOKENS)?;
    let c = BatchMut::from_row_major(&mut half, HEADS, TOKENS, TOKENS)?;
    matmul::gemm_batch(1.0, scores_in, halve, 0.0, c)?;
    assert!(half.iter().zip(&scores).all(|(half, whole)| *half == whole / 2.0));
    println!("halved: {:?}", &half[..3]);
    Ok(())
}
