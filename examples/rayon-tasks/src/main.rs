//! Products inside tasks of rayon: calls nest, and share the pool that they are called in.

use matmul::{Error, MatRef, Matrix};
use rayon::prelude::*;

fn main() -> Result<(), Error> {
    // A pool of the program's own; what runs in it stays in it.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads can be started");
    let b: Vec<f32> = (0..300 * 200).map(|i| (i % 7) as f32 - 3.0).collect();
    let b = MatRef::from_row_major(&b, 300, 200)?;

    let multiply = |task: usize| -> Result<Matrix<f32>, Error> {
        let a: Vec<f32> = (0..250 * 300).map(|i| ((i + task) % 5) as f32 - 2.0).collect();
        matmul::matmul(MatRef::from_row_major(&a, 250, 300)?, b)
    };
    let inside: Vec<_> = pool.install(|| (0..8).into_par_iter().map(multiply).collect::<Result<_, _>>())?;

    // The same one after the other, outside of any task: the same bits.
    for (task, found) in inside.iter().enumerate() {
        assert_eq!(found.as_slice(), multiply(task)?.as_slice(), "task {task}");
    }
    println!("8 products in 2 threads: the same bits as one after the other");

    // Hold no lock across a product in a task: its thread may run another task meanwhile. Take what is needed out of the
    // lock first, and put the result in afterwards.
    let total = std::sync::Mutex::new(0.0);
    pool.install(|| {
        inside.par_iter().for_each(|c| {
            let sum: f32 = c.as_slice().iter().sum();
            *total.lock().expect("no task panicked") += f64::from(sum);
        });
    });
    println!("sum of all: {}", total.into_inner().expect("no task panicked"));
    Ok(())
}
