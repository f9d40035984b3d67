//! Pictures of sound: the wave, and its frequencies over time, as PNG files.
//!
//! Both are drawn from the samples alone, in fixed colours and a fixed size, so that two pictures can be laid side by side. The
//! spectrogram is of both sides together, under a Hann window of 4096 frames; its frequencies go up in octaves.

use super::Failure;
use realfft::RealFftPlanner;
use std::io::BufWriter;
use std::path::Path;

const WIDTH: usize = 1200;
const HEIGHT: usize = 480;
/// Room for the scales, left and below.
const LEFT: usize = 44;
const BELOW: usize = 18;
/// Frames of one spectrum.
pub const WINDOW: usize = 4096;
/// The quietest colour, in decibels below a full-scale sine.
const FLOOR: f32 = -100.0;
const LOWEST: f32 = 20.0;

const PAPER: [u8; 3] = [12, 12, 16];
const LINES: [u8; 3] = [60, 60, 72];
const INK: [u8; 3] = [190, 190, 200];
const WAVE: [u8; 3] = [240, 170, 80];

/// Rows of pixels, red, green and blue.
pub struct Picture {
    pixels: Vec<u8>,
}

impl Picture {
    fn new() -> Picture {
        Picture { pixels: PAPER.repeat(WIDTH * HEIGHT) }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < WIDTH && y < HEIGHT {
            let at = (y * WIDTH + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Figures in three by five dots, twice as large; what is no figure is a gap.
    fn text(&mut self, x: usize, y: usize, text: &str) {
        for (i, c) in text.chars().enumerate() {
            let rows = GLYPHS.iter().find(|(glyph, _)| *glyph == c).map_or([0; 5], |(_, rows)| *rows);
            for (row, bits) in rows.into_iter().enumerate() {
                for column in (0..3).filter(|column| bits >> (2 - column) & 1 == 1) {
                    for dot in 0..4 {
                        self.set(x + i * 8 + column * 2 + dot % 2, y + row * 2 + dot / 2, INK);
                    }
                }
            }
        }
    }

    /// Seconds below, with a line at each step of 1, 2 or 5.
    fn seconds(&mut self, length: f32) {
        let step = (-3..4)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|k: f32| k * 10f32.powi(power)))
            .find(|step| length / step <= 12.0)
            .unwrap_or(length);
        let mut tick = 0;
        while tick as f32 * step < length {
            let t = tick as f32 * step;
            let x = LEFT + (t / length * (WIDTH - LEFT) as f32) as usize;
            (HEIGHT - BELOW..HEIGHT - BELOW + 4).for_each(|y| self.set(x, y, INK));
            self.text(x + 3, HEIGHT - 12, &format!("{}s", (t * 1000.0).round() / 1000.0));
            tick += 1;
        }
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let name = |e: &dyn std::fmt::Display| Failure::because(format!("{}: {e}", path.display()));
        let file = std::fs::File::create(path).map_err(|e| name(&e))?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), WIDTH as u32, HEIGHT as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(|e| name(&e))?;
        writer.write_image_data(&self.pixels).and_then(|()| writer.finish()).map_err(|e| name(&e))
    }
}

/// Figures, each as five rows of three bits.
const GLYPHS: &[(char, [u8; 5])] = &[
    ('0', [7, 5, 5, 5, 7]),
    ('1', [2, 6, 2, 2, 7]),
    ('2', [7, 1, 7, 4, 7]),
    ('3', [7, 1, 7, 1, 7]),
    ('4', [5, 5, 7, 1, 1]),
    ('5', [7, 4, 7, 1, 7]),
    ('6', [7, 4, 7, 5, 7]),
    ('7', [7, 1, 1, 1, 1]),
    ('8', [7, 5, 7, 5, 7]),
    ('9', [7, 5, 7, 1, 7]),
    ('.', [0, 0, 0, 0, 2]),
    ('-', [0, 0, 7, 0, 0]),
    ('k', [4, 5, 6, 5, 5]),
    ('s', [0, 3, 2, 1, 3]),
    ('L', [4, 4, 4, 4, 7]),
    ('R', [7, 5, 6, 5, 5]),
];

/// From black over blue and red to yellow and white, as the level goes from 0 to 1.
fn heat(level: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 6] = [
        [12.0, 12.0, 16.0],
        [38.0, 22.0, 92.0],
        [130.0, 30.0, 110.0],
        [215.0, 70.0, 60.0],
        [250.0, 165.0, 40.0],
        [255.0, 250.0, 210.0],
    ];
    let at = level.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let (i, part) = ((at as usize).min(STOPS.len() - 2), at - (at as usize).min(STOPS.len() - 2) as f32);
    std::array::from_fn(|c| (STOPS[i][c] + part * (STOPS[i + 1][c] - STOPS[i][c])) as u8)
}

/// Levels in decibels of the bins of a spectrum around a frame; 0 is a sine at full scale.
pub fn spectrum(mono: &[f32], middle: usize, plan: &dyn realfft::RealToComplex<f32>) -> Vec<f32> {
    let start = middle as isize - (WINDOW / 2) as isize;
    let mut buffer: Vec<f32> = (0..WINDOW)
        .map(|i| {
            let x = usize::try_from(start + i as isize).ok().and_then(|at| mono.get(at)).copied().unwrap_or(0.0);
            x * (0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / WINDOW as f32).cos())
        })
        .collect();
    let mut bins = plan.make_output_vec();
    if plan.process(&mut buffer, &mut bins).is_err() {
        return Vec::new();
    }
    bins.iter().map(|c| 20.0 * (c.norm() * 4.0 / WINDOW as f32).max(1e-9).log10()).collect()
}

/// Frequencies over time, of samples of two channels in turn.
pub fn spectrogram(samples: &[f32], rate: u32) -> Picture {
    let mono: Vec<f32> = samples.chunks(2).map(|s| s.iter().sum::<f32>() / 2.0).collect();
    let (width, height, rate) = (WIDTH - LEFT, HEIGHT - BELOW, rate as f32);
    let octaves = (rate / 2.0 / LOWEST).log2();
    let row = |hz: f32| height as f32 * (1.0 - (hz / LOWEST).log2() / octaves);
    let hz = |y: f32| LOWEST * (octaves * (1.0 - y / height as f32)).exp2();
    let plan = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let mut picture = Picture::new();
    for x in 0..width {
        let levels = spectrum(&mono, mono.len() * x / width, plan.as_ref());
        for y in 0..height {
            // The loudest of the bins of a row, or between two bins where rows are finer.
            let (low, high) = (hz(y as f32 + 1.0) / rate * WINDOW as f32, hz(y as f32) / rate * WINDOW as f32);
            let inside = (low.ceil() as usize..=high as usize).filter_map(|bin| levels.get(bin)).copied();
            let between = || {
                let at = (low + high) / 2.0;
                let near = |bin: usize| levels.get(bin).copied().unwrap_or(FLOOR);
                near(at as usize) + at.fract() * (near(at as usize + 1) - near(at as usize))
            };
            let level = inside.reduce(f32::max).unwrap_or_else(between);
            picture.set(LEFT + x, y, heat(1.0 - level / FLOOR));
        }
    }
    for (at, name) in [(50.0, "50"), (100.0, "100"), (200.0, "200"), (500.0, "500"), (1e3, "1k"), (2e3, "2k")]
        .into_iter()
        .chain([(5e3, "5k"), (10e3, "10k"), (20e3, "20k")])
        .filter(|(at, _)| *at < rate / 2.0)
    {
        let y = row(at) as usize;
        (LEFT - 4..LEFT).for_each(|x| picture.set(x, y, INK));
        picture.text(LEFT - 8 - 8 * name.len(), y.saturating_sub(5), name);
    }
    picture.seconds(mono.len() as f32 / rate);
    picture
}

/// The wave over time, left above right, of samples of two channels in turn; the lines are full scale and nothing.
pub fn waveform(samples: &[f32], rate: u32) -> Picture {
    let (width, half) = (WIDTH - LEFT, (HEIGHT - BELOW) / 2);
    let frames = samples.len() / 2;
    let mut picture = Picture::new();
    for (side, name) in ["L", "R"].into_iter().enumerate() {
        let middle = half * side + half / 2;
        let row = |x: f32| (middle as f32 - x.clamp(-1.1, 1.1) * (half as f32 * 0.44)) as usize;
        for level in [-1.0, 0.0, 1.0] {
            (LEFT..WIDTH).for_each(|x| picture.set(x, row(level), LINES));
        }
        picture.text(LEFT - 16, row(0.0) - 5, name);
        for x in 0..width {
            let (from, to) = (frames * x / width, (frames * (x + 1) / width + 1).min(frames));
            let part = (from..to).map(|frame| samples[frame * 2 + side]).filter(|x| x.is_finite());
            let (low, high) = part.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
            if low <= high {
                (row(high)..=row(low)).for_each(|y| picture.set(LEFT + x, y, WAVE));
            }
        }
    }
    picture.seconds(frames as f32 / rate as f32);
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32) -> Vec<f32> {
        (0..48_000).flat_map(|i| [(std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin(); 2]).collect()
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        let at = (y * WIDTH + x) * 3;
        [picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]]
    }

    #[test]
    fn a_tone_is_a_line_at_its_height() {
        let picture = spectrogram(&tone(1000.0), 48_000);
        let octaves = (24_000.0f32 / LOWEST).log2();
        let line = ((HEIGHT - BELOW) as f32 * (1.0 - 50f32.log2() / octaves)) as usize;
        let bright = |y: usize| pixel(&picture, 600, y).iter().map(|c| u32::from(*c)).sum::<u32>();
        assert!((line - 2..line + 3).any(|y| bright(y) > 650), "nothing bright at 1 kHz");
        assert!(bright(line - 60) < 100 && bright(line + 60) < 100, "bright beside 1 kHz");
    }

    #[test]
    fn a_wave_fills_its_half_and_silence_is_a_line() {
        let mut sound = tone(3000.0);
        sound.iter_mut().skip(1).step_by(2).for_each(|x| *x = 0.0);
        let picture = waveform(&sound, 48_000);
        let drawn = |y: usize| pixel(&picture, 700, y) == WAVE;
        let half = (HEIGHT - BELOW) / 2;
        assert!((0..half).filter(|y| drawn(*y)).count() > half * 8 / 10);
        assert!((half..2 * half).filter(|y| drawn(*y)).count() <= 2);
    }

    #[test]
    fn odd_sounds_have_pictures_too() {
        for sound in [vec![], vec![f32::NAN; 20], vec![1e30; 2], tone(1.0)] {
            assert_eq!(waveform(&sound, 44_100).pixels.len(), WIDTH * HEIGHT * 3);
            assert_eq!(spectrogram(&sound, 8_000).pixels.len(), WIDTH * HEIGHT * 3);
        }
    }
}
