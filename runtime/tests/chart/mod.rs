//! A picture of the swaps of a session: how large the largest step of each is beside what is allowed, and the sound around the worst.
//!
//! Plain SVG, written line by line: above a dot for each edit, at 1 the bound; below the six that come nearest to it, the old program's
//! sound, the fade in grey, and the new program's.

use std::fmt::Write;

/// A swap.
pub struct Case {
    /// Its number in the session.
    pub edit: usize,
    /// The largest step from frame to frame in the fade, and what is allowed.
    pub step: f32,
    pub bound: f32,
    /// Left and right, from a fade before it to a fade after it has ended.
    pub sound: Vec<f32>,
}

impl Case {
    fn share(&self) -> f32 {
        self.step / self.bound
    }
}

const WIDTH: f32 = 960.0;

/// The picture, for fades of so many frames.
pub fn draw(cases: &[Case], fade: usize) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 620\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"620\" fill=\"#fff\"/>\n"
    );
    let mut put = |line: std::fmt::Arguments| {
        let _ = writeln!(svg, "{line}");
    };
    put(format_args!("<text x=\"40\" y=\"20\">Largest step of each swap as a share of what is allowed (1)</text>"));
    for tenth in [0, 5, 10] {
        let y = 210 - tenth * 17;
        put(format_args!("<path d=\"M40 {y}H940\" stroke=\"#ccc\"/>"));
        put(format_args!("<text x=\"12\" y=\"{}\" fill=\"#666\">{:.1}</text>", y + 4, tenth as f32 / 10.0));
    }
    for (i, case) in cases.iter().enumerate() {
        let (x, y) = (44.0 + i as f32 * 892.0 / cases.len() as f32, 210.0 - 170.0 * case.share());
        put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"#c60\"/>"));
    }
    let mut worst: Vec<&Case> = cases.iter().collect();
    worst.sort_by(|a, b| b.share().total_cmp(&a.share()));
    for (i, case) in worst.iter().take(6).enumerate() {
        let (left, top) = (40.0 + (i % 3) as f32 * 306.0, 250.0 + (i / 3) as f32 * 185.0);
        let (wide, high) = (286.0, 140.0);
        let frames = case.sound.len() / 2;
        let x = |frame: usize| left + wide * frame as f32 / frames as f32;
        let most = case.sound.iter().fold(1e-6f32, |most, x| most.max(x.abs()));
        // A fade before the swap is shown, unless the session is younger than that.
        let begin = frames.saturating_sub(2 * fade);
        put(format_args!(
            "<rect x=\"{:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{high}\" fill=\"#eee\"/>",
            x(begin),
            x(begin + fade) - x(begin)
        ));
        let place = |frame: usize| top + high / 2.0 - high / 2.0 * case.sound[2 * frame] / most;
        let mut path = format!("M{:.1} {:.1}", x(0), place(0));
        for frame in (2..frames).step_by(2) {
            let _ = write!(path, "L{:.1} {:.1}", x(frame), place(frame));
        }
        put(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"#06c\"/>"));
        put(format_args!(
            "<text x=\"{left}\" y=\"{}\">edit {}: a step of {:.4}, {:.4} allowed</text>",
            top + high + 18.0,
            case.edit,
            case.step,
            case.bound
        ));
    }
    svg + "</svg>\n"
}
