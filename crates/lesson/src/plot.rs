//! Plots of a training run as SVG files.

use std::error::Error as StdError;
use std::fs;
use std::path::Path;

use matmul_mnist::EDGE;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::{Error, Score};

/// Dots on a side of a drawn pixel.
const SCALE: i32 = 4;
/// Digits in a row.
const COLUMNS: usize = 8;
/// Dots of an image with its caption and margins.
const CELL: (i32, i32) = (EDGE as i32 * SCALE + 16, EDGE as i32 * SCALE + 40);
/// A point of the loss is the mean of this many batches: single ones scatter too much to be read.
const SMOOTHED: usize = 50;

type Drawn<'a> = Result<(), Box<dyn StdError + 'a>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the loss of training over the epochs, with that of the validation set after each of them.
///
/// # Errors
/// [`Error::Plot`] if the file cannot be written. Its folder is made.
pub fn loss(path: &Path, title: &str, batches: &[f64], valid: &[Score]) -> Result<(), Error> {
    let epochs = valid.len().max(1) as f64;
    let at = |batch: usize| batch as f64 * epochs / batches.len() as f64;
    let train: Vec<_> = batches
        .chunks(SMOOTHED)
        .enumerate()
        .map(|(i, losses)| {
            (at(i * SMOOTHED + losses.len()), losses.iter().sum::<f64>() / losses.len() as f64)
        })
        .collect();
    let valid: Vec<_> = (1..).zip(valid).map(|(epoch, score)| (f64::from(epoch), score.loss)).collect();
    let top = train.iter().chain(&valid).map(|point| point.1).fold(0.0, f64::max) * 1.05;

    write(path, (800, 480), |area| {
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..epochs, 0.0..top)?;
        chart.configure_mesh().max_light_lines(0).x_desc("epoch").y_desc("mean cross-entropy").draw()?;
        let line = chart.draw_series(LineSeries::new(train, &BLUE))?;
        line.label(format!("training, mean of {SMOOTHED} batches"))
            .legend(|at| Circle::new(at, 4, BLUE.filled()));
        let points = valid.into_iter().map(|at| Circle::new(at, 4, RED.filled()));
        let points = chart.draw_series(points)?;
        points.label("validation").legend(|at| Circle::new(at, 4, RED.filled()));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
        Ok(())
    })
}

/// An image to show, with what it is and what the model takes it for.
#[derive(Clone, Copy, Debug)]
pub struct Digit<'a> {
    /// 28 × 28 values from 0 to 1, row after row.
    pub pixels: &'a [f32],
    /// What it is.
    pub label: i64,
    /// What the model says.
    pub predicted: usize,
}

/// Draws digits, eight in a row, with the prediction below each: green where it is right, red with the label where
/// it is not.
///
/// # Errors
/// As [`loss`].
pub fn digits(path: &Path, title: &str, digits: &[Digit<'_>]) -> Result<(), Error> {
    let rows = digits.len().div_ceil(COLUMNS).max(1) as i32;
    let size = ((COLUMNS as i32 * CELL.0) as u32, (rows * CELL.1 + 32) as u32);
    write(path, size, |area| {
        let area = area.titled(title, ("sans-serif", 18))?;
        for (index, digit) in digits.iter().enumerate() {
            let (row, column) = (index / COLUMNS, index % COLUMNS);
            let corner = (column as i32 * CELL.0 + 8, row as i32 * CELL.1 + 8);
            image(&area, corner, digit.pixels)?;
            let right = usize::try_from(digit.label) == Ok(digit.predicted);
            let caption = if right {
                digit.predicted.to_string()
            } else {
                format!("{}, is {}", digit.predicted, digit.label)
            };
            let colour = if right { RGBColor(0, 120, 0) } else { RED };
            let below = (corner.0, corner.1 + EDGE as i32 * SCALE + 4);
            area.draw(&Text::new(caption, below, ("sans-serif", 18).into_font().color(&colour)))?;
        }
        Ok(())
    })
}

/// Ink on black, one square for each pixel that has some.
fn image<'a>(area: &Area<'a>, (left, top): (i32, i32), pixels: &[f32]) -> Drawn<'a> {
    let square = |x, y, side| [(x, y), (x + side, y + side)];
    area.draw(&Rectangle::new(square(left, top, EDGE as i32 * SCALE), BLACK.filled()))?;
    for (at, &pixel) in (0..).zip(pixels.iter().take(EDGE * EDGE)) {
        let level = (pixel * 255.0) as u8;
        if level > 0 {
            let (x, y) = (left + at % EDGE as i32 * SCALE, top + at / EDGE as i32 * SCALE);
            area.draw(&Rectangle::new(square(x, y, SCALE), RGBColor(level, level, level).filled()))?;
        }
    }
    Ok(())
}

/// Draws into memory and writes the file when the drawing is whole.
fn write(path: &Path, size: (u32, u32), draw: impl FnOnce(Area<'_>) -> Drawn<'_>) -> Result<(), Error> {
    let error =
        |reason: &dyn ToString| Error::Plot { path: path.display().to_string(), reason: reason.to_string() };
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    area.fill(&WHITE).map_err(|e| error(&e))?;
    draw(area).map_err(|e| error(&e))?;
    fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(|e| error(&e))?;
    fs::write(path, svg).map_err(|e| error(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: impl FnOnce(&Path) -> Result<(), Error>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/plot.svg");
        draw(&path).unwrap();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_loss_is_a_line_with_a_point_for_each_epoch() {
        let batches: Vec<f64> = (0..400).map(|batch| 100.0 / f64::from(batch + 50)).collect();
        let valid = [0.5, 0.4].map(|loss| Score { loss, accuracy: 0.9 });
        let svg = drawn(|path| loss(path, "a title", &batches, &valid));
        assert!(svg.contains("a title") && svg.contains("mean of 50 batches"), "{svg}");
        // Two points and the two of the legend.
        assert_eq!(svg.matches("<circle").count(), 4);
        drawn(|path| loss(path, "nothing yet", &[], &[]));
    }

    #[test]
    fn digits_are_drawn_pixel_by_pixel() {
        let mut pixels = [0.0; EDGE * EDGE];
        (pixels[0], pixels[29]) = (1.0, 0.5);
        let digit = |label, predicted| Digit { pixels: &pixels, label, predicted };
        let svg = drawn(|path| digits(path, "a title", &[digit(7, 7), digit(4, 9)]));
        // Page, and for each digit its ground and two pixels.
        assert_eq!(svg.matches("<rect").count(), 1 + 2 * 3, "{svg}");
        assert!(svg.contains("#7F7F7F") && svg.contains("9, is 4") && !svg.contains("7, is"), "{svg}");
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let message = loss(dir.path(), "", &[1.0], &[]).unwrap_err().to_string();
        assert!(message.contains(&dir.path().display().to_string()), "{message}");
    }
}
