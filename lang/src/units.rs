//! Units of quantities and what they measure.

/// A unit as written after a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `%`
    Percent,
    /// `hz`
    Hz,
    /// `khz`
    Khz,
    /// `bpm`
    Bpm,
    /// `bar`, `bars`
    Bar,
    /// `b`, `beat`, `beats`
    Beat,
    /// `n`: a note value, a fraction of a whole note (`3/16n`)
    Whole,
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `smp`: samples
    Sample,
    /// `db`
    Decibel,
    /// `st`: semitones
    Semitone,
    /// `ct`: cents
    Cent,
    /// `oct`
    Octave,
    /// `deg`
    Degree,
}

/// Every spelling, longest first where one is the start of another.
pub const SPELLINGS: &[(&str, Unit)] = &[
    ("%", Unit::Percent),
    ("khz", Unit::Khz),
    ("hz", Unit::Hz),
    ("bpm", Unit::Bpm),
    ("bars", Unit::Bar),
    ("bar", Unit::Bar),
    ("beats", Unit::Beat),
    ("beat", Unit::Beat),
    ("ms", Unit::Millisecond),
    ("us", Unit::Microsecond),
    ("smp", Unit::Sample),
    ("s", Unit::Second),
    ("db", Unit::Decibel),
    ("st", Unit::Semitone),
    ("ct", Unit::Cent),
    ("oct", Unit::Octave),
    ("deg", Unit::Degree),
    ("b", Unit::Beat),
    ("n", Unit::Whole),
];

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dim {
    /// A plain number or an ordinary signal.
    #[default]
    None,
    /// Hertz.
    Frequency,
    /// Seconds.
    Time,
    /// Beats of the current tempo (a bar is as many as the meter says).
    Beats,
    /// Decibels; becomes a linear factor in a product.
    Gain,
    /// A MIDI note number; becomes a frequency where one is wanted.
    Pitch,
    /// Semitones.
    Interval,
    /// Radians.
    Angle,
    /// Beats per minute.
    Tempo,
}

impl Unit {
    /// The unit of a spelling.
    pub fn parse(text: &str) -> Option<Unit> {
        SPELLINGS.iter().find(|(s, _)| *s == text).map(|(_, u)| *u)
    }

    /// The usual spelling.
    pub fn spelling(self) -> &'static str {
        match self {
            Unit::Bar => "bars",
            Unit::Beat => "b",
            other => SPELLINGS.iter().find(|(_, u)| *u == other).map_or("", |(s, _)| s),
        }
    }

    /// What it measures. Bars and note values are [`Dim::Beats`]; samples are [`Dim::Time`].
    pub fn dim(self) -> Dim {
        match self {
            Unit::Percent => Dim::None,
            Unit::Hz | Unit::Khz => Dim::Frequency,
            Unit::Bpm => Dim::Tempo,
            Unit::Bar | Unit::Beat | Unit::Whole => Dim::Beats,
            Unit::Second | Unit::Millisecond | Unit::Microsecond | Unit::Sample => Dim::Time,
            Unit::Decibel => Dim::Gain,
            Unit::Semitone | Unit::Cent | Unit::Octave => Dim::Interval,
            Unit::Degree => Dim::Angle,
        }
    }
}

impl Dim {
    /// With its article, for messages: "a frequency".
    pub fn article(self) -> &'static str {
        match self {
            Dim::None => "a plain number",
            Dim::Frequency => "a frequency",
            Dim::Time => "a time",
            Dim::Beats => "a length in beats",
            Dim::Gain => "a gain in dB",
            Dim::Pitch => "a note",
            Dim::Interval => "an interval",
            Dim::Angle => "an angle",
            Dim::Tempo => "a tempo",
        }
    }
}
