//! A digit for the eye: in the terminal, and as a PNG image.

use crate::dataset::EDGE;

/// Draws an image of 28 columns in plain characters, two per pixel because characters are about twice as high as
/// wide. `pixels` are values of x, row by row; a last row that is not whole is left out.
pub fn text(pixels: &[f32]) -> String {
    const INK: &[u8; 10] = b" .:-=+*#%@";
    let mut text = String::new();
    for row in pixels.chunks_exact(EDGE) {
        let line: String =
            row.iter().flat_map(|&p| [char::from(INK[usize::from(level(p)) * 10 / 256]); 2]).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Writes an image of 28 columns as a PNG in 8-bit grey, `scale` dots per pixel in both directions. `pixels` are
/// values of x, row by row; a last row that is not whole is left out.
///
/// # Errors
/// The writer's, and [`std::io::ErrorKind::InvalidInput`] when the image has no dots or too many for a PNG.
#[cfg(feature = "png")]
pub fn png(out: impl std::io::Write, pixels: &[f32], scale: u16) -> std::io::Result<()> {
    let scale = usize::from(scale);
    let rows = pixels.chunks_exact(EDGE);
    let too_many = |_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "too many dots for a PNG");
    let height = u32::try_from(rows.len() * scale).map_err(too_many)?;
    let mut encoder = png::Encoder::new(out, (EDGE * scale) as u32, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut dots = Vec::new();
    for row in rows {
        let line: Vec<u8> = row.iter().flat_map(|&p| std::iter::repeat_n(level(p), scale)).collect();
        (0..scale).for_each(|_| dots.extend_from_slice(&line));
    }
    let error = |e: png::EncodingError| match e {
        png::EncodingError::IoError(e) => e,
        e => std::io::Error::new(std::io::ErrorKind::InvalidInput, e),
    };
    let mut writer = encoder.write_header().map_err(error)?;
    writer.write_image_data(&dots).map_err(error)?;
    writer.finish().map_err(error)
}

/// Writes [`png()`] to a file, which appears only when it is whole.
///
/// # Errors
/// [`crate::Error::Io`], naming the file or its folder.
#[cfg(feature = "png")]
pub fn png_file(path: &std::path::Path, pixels: &[f32], scale: u16) -> Result<(), crate::Error> {
    crate::files::write_whole(path, |out| png(out, pixels, scale))
}

/// Back from pixel / 256 to the pixel; casts saturate, and NaN becomes 0.
fn level(p: f32) -> u8 {
    (p * 256.0) as u8
}
