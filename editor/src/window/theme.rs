//! How everything looks: colours by what they mean, and sizes.
//!
//! A theme is data. Views ask for a role (`weak`, `playing`) and never for a colour of their own, so a theme that meets its contrasts meets
//! them everywhere. The colours of categories are those that people with the common kinds of colour-blindness can tell apart (Okabe and
//! Ito, "Color Universal Design", 2008), and none of them speaks alone: each category has a letter as well.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, Style, TextStyle, Visuals};
use modurust_runtime::compiler::ide::Class;

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn palette(hex: [u32; 8]) -> [Color32; 8] {
    let mut colours = [Color32::BLACK; 8];
    let mut i = 0;
    while i < 8 {
        colours[i] = rgb(hex[i]);
        i += 1;
    }
    colours
}

/// Colours and sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name, as it is chosen by.
    pub name: &'static str,
    /// Light on dark.
    pub dark: bool,
    /// Behind canvases and code.
    pub back: Color32,
    /// Behind panels.
    pub panel: Color32,
    /// What stands out of a panel: buttons, cells.
    pub raised: Color32,
    /// Borders and grids.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text that says less.
    pub weak: Color32,
    /// What is selected, and where the keys go.
    pub accent: Color32,
    /// What plays; levels.
    pub playing: Color32,
    /// What waits; warnings.
    pub queued: Color32,
    /// What is wrong; overs; recording.
    pub bad: Color32,
    /// By [`Theme::category`].
    categories: [Color32; 8],
    /// By kinds of words: comment, keyword, function, variable, parameter, number, pattern, operator.
    words: [Color32; 8],
}

/// The themes, the default first.
pub static THEMES: [Theme; 3] = [
    Theme {
        name: "dark",
        dark: true,
        back: rgb(0x0d_1015),
        panel: rgb(0x14_1920),
        raised: rgb(0x1f_2731),
        line: rgb(0x2c_3742),
        text: rgb(0xdd_e4ec),
        weak: rgb(0x93_a1b1),
        accent: rgb(0x5a_c8e8),
        playing: rgb(0x5f_d38d),
        queued: rgb(0xf2_c14e),
        bad: rgb(0xff_7a72),
        categories: palette([0xe6_9f00, 0x56_b4e9, 0x2f_c79a, 0xd9_8cb8, 0xf0_e442, 0x7d_9cf5, 0xf0_7a3c, 0x9a_a7b5]),
        words: palette([0x7f_8d9c, 0xd9_8cb8, 0x6f_c3f0, 0xdd_e4ec, 0xc8_b6f2, 0xf2_b866, 0x8f_dc9b, 0xa8_b5c4]),
    },
    Theme {
        name: "contrast",
        dark: true,
        back: rgb(0x00_0000),
        panel: rgb(0x00_0000),
        raised: rgb(0x1c_1c1c),
        line: rgb(0x8a_8a8a),
        text: rgb(0xff_ffff),
        weak: rgb(0xd2_d2d2),
        accent: rgb(0x66_e0ff),
        playing: rgb(0x6c_ff9a),
        queued: rgb(0xff_dd33),
        bad: rgb(0xff_8a80),
        categories: palette([0xff_b733, 0x7c_cbff, 0x3d_e6b0, 0xff_a8d8, 0xff_f15c, 0xa8_bcff, 0xff_9257, 0xe0_e0e0]),
        words: palette([0xc0_c0c0, 0xff_a8d8, 0x8c_d8ff, 0xff_ffff, 0xdc_ccff, 0xff_cc80, 0xa6_ffb4, 0xff_ffff]),
    },
    Theme {
        name: "light",
        dark: false,
        back: rgb(0xfb_fbf9),
        panel: rgb(0xf0_f0ec),
        raised: rgb(0xe2_e3de),
        line: rgb(0xc4_c8c6),
        text: rgb(0x1b_2128),
        weak: rgb(0x55_606b),
        accent: rgb(0x00_6f94),
        playing: rgb(0x1b_7f46),
        queued: rgb(0x8a_5d00),
        bad: rgb(0xb3_261e),
        categories: palette([0x9a_6200, 0x00_6ea8, 0x00_7a5a, 0xa0_4a80, 0x7a_6c00, 0x3a_4fb8, 0xb3_4700, 0x5a_6570]),
        words: palette([0x62_6c77, 0x9a_3f78, 0x00_5f96, 0x1b_2128, 0x5c_45a6, 0x92_5200, 0x1f_7040, 0x4c_5763]),
    },
];

impl Theme {
    /// The colour of a category by its number; the last is for what has none.
    pub fn category(&self, category: usize) -> Color32 {
        self.categories[category.min(self.categories.len() - 1)]
    }

    /// The colour of a word in the code.
    pub fn word(&self, class: Class) -> Color32 {
        self.words[match class {
            Class::Comment => 0,
            Class::Keyword => 1,
            Class::Function | Class::Namespace => 2,
            Class::Variable | Class::Property => 3,
            Class::Parameter => 4,
            Class::Number => 5,
            Class::Pattern | Class::Text => 6,
            Class::Operator => 7,
        }]
    }

    /// The colour of a level: calm up to -6 dB, then a warning, then too much.
    pub fn level(&self, db: f32) -> Color32 {
        match db {
            ..-6.0 => self.playing,
            ..-0.1 => self.queued,
            _ => self.bad,
        }
    }

    /// Gives a context letters: signs that the proportional face lacks are taken from the other.
    pub fn letters(ctx: &egui::Context) {
        let mut fonts = egui::FontDefinitions::default();
        let hack = fonts.families.get(&FontFamily::Monospace).and_then(|faces| faces.first().cloned());
        if let (Some(hack), Some(faces)) = (hack, fonts.families.get_mut(&FontFamily::Proportional)) {
            faces.insert(1.min(faces.len()), hack);
        }
        ctx.set_fonts(fonts);
    }

    /// Gives a context this look.
    pub fn dress(&self, ctx: &egui::Context) {
        ctx.set_theme(if self.dark { egui::Theme::Dark } else { egui::Theme::Light });
        ctx.all_styles_mut(|style| self.style(style));
    }

    fn style(&self, style: &mut Style) {
        let mut visuals = if self.dark { Visuals::dark() } else { Visuals::light() };
        visuals.panel_fill = self.panel;
        visuals.window_fill = self.panel;
        visuals.extreme_bg_color = self.back;
        visuals.faint_bg_color = self.raised;
        visuals.code_bg_color = self.raised;
        visuals.override_text_color = Some(self.text);
        visuals.weak_text_color = Some(self.weak);
        visuals.hyperlink_color = self.accent;
        visuals.error_fg_color = self.bad;
        visuals.warn_fg_color = self.queued;
        visuals.selection.bg_fill = self.accent.gamma_multiply(0.32);
        visuals.selection.stroke = Stroke::new(1.0, self.accent);
        visuals.text_cursor.stroke = Stroke::new(2.0, self.accent);
        // A cursor that blinks would draw a frame twice a second for nothing.
        visuals.text_cursor.blink = false;
        visuals.window_stroke = Stroke::new(1.0, self.line);
        let round = CornerRadius::same(4);
        for widget in [
            &mut visuals.widgets.noninteractive,
            &mut visuals.widgets.inactive,
            &mut visuals.widgets.hovered,
            &mut visuals.widgets.active,
            &mut visuals.widgets.open,
        ] {
            widget.corner_radius = round;
            widget.expansion = 0.0;
            widget.fg_stroke.color = self.text;
            widget.bg_stroke = Stroke::new(1.0, self.line);
            widget.bg_fill = self.raised;
            widget.weak_bg_fill = self.raised;
        }
        visuals.widgets.hovered.bg_stroke.color = self.weak;
        visuals.widgets.active.bg_stroke.color = self.accent;
        style.visuals = visuals;
        style.spacing.item_spacing = egui::vec2(6.0, 4.0);
        style.spacing.button_padding = egui::vec2(7.0, 3.0);
        style.spacing.interact_size.y = 22.0;
        style.interaction.selectable_labels = false;
        style.animation_time = 0.0;
        let sizes = [
            (TextStyle::Body, 13.5, FontFamily::Proportional),
            (TextStyle::Button, 13.5, FontFamily::Proportional),
            (TextStyle::Small, 11.0, FontFamily::Proportional),
            (TextStyle::Heading, 17.0, FontFamily::Proportional),
            (TextStyle::Monospace, 14.0, FontFamily::Monospace),
        ];
        style.text_styles = sizes.into_iter().map(|(style, size, family)| (style, FontId::new(size, family))).collect();
    }
}

/// How far two colours stand apart to the eye, 1 to 21 (WCAG 2.2, "contrast ratio").
#[cfg(test)]
pub(crate) fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |colour: Color32| {
        let [r, g, b, _] = egui::Rgba::from(colour).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_out_of_what_lies_behind_it() {
        for theme in &THEMES {
            for back in [theme.back, theme.panel] {
                assert!(contrast(theme.text, back) >= 7.0, "{}: text", theme.name);
                for (name, colour) in [("weak", theme.weak), ("bad", theme.bad), ("queued", theme.queued)] {
                    assert!(contrast(colour, back) >= 4.5, "{}: {name} {}", theme.name, contrast(colour, back));
                }
                for (i, colour) in theme.words.iter().enumerate() {
                    assert!(contrast(*colour, back) >= 4.5, "{}: word {i} {}", theme.name, contrast(*colour, back));
                }
                for (i, colour) in theme.categories.iter().enumerate() {
                    assert!(contrast(*colour, back) >= 3.0, "{}: category {i}", theme.name);
                }
            }
        }
    }
}
