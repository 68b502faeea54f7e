//! Plots as pictures in the page (SVG), drawn here: they need no script, and every value can be read by pointing at it.
//!
//! A picture holds shapes alone and is stretched to the width that there is; what is written around it is text of the page,
//! which keeps its size on a phone.

use std::fmt::Write;

/// A picture is so wide and so high, in units of its own.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 150.0;

/// One of the things that are drawn in a plot: its class in the stylesheet, and its value in each stretch.
pub(super) struct Drawn {
    pub(super) class: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

/// How a value becomes a height, 0 to 1.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// From zero to here.
    Linear(f64),
    /// From here to there, each tenfold as high as the last.
    Tenfold(f64, f64),
}

impl Scale {
    fn height(self, value: f64) -> f64 {
        let share = match self {
            Scale::Linear(top) => value / top,
            Scale::Tenfold(low, high) => (value.max(low) / low).log10() / (high / low).log10(),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) * HEIGHT } else { 0.0 }
    }
}

/// A round number that is not below any of these, and can be halved.
pub(super) fn top(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max);
    let mut top = 2.0;
    for factor in [2.0, 2.5, 2.0].iter().cycle() {
        // 2, 4, 10, 20, 40, 100, ...
        if top >= most || top > 1e15 {
            return top;
        }
        top *= factor;
    }
    top
}

/// Bars, one upon the other.
pub(super) fn stacked(name: &str, told: &[String], drawn: &[Drawn], scale: Scale) -> String {
    let count = told.len().max(1);
    let step = WIDTH / count as f64;
    let gap = (step * 0.16).min(2.0);
    let mut shapes = grid();
    let mut below = vec![0.0; count];
    for Drawn { class, values } in drawn {
        let mut path = String::new();
        for (at, value) in values.iter().enumerate().take(count) {
            let Some(value) = value.filter(|value| *value > 0.0) else { continue };
            let (from, to) = (scale.height(below[at]), scale.height(below[at] + value));
            // What happened at all can be seen.
            let height = (to - from).max(1.5);
            let x = at as f64 * step + gap / 2.0;
            let _ = write!(path, "M{x:.1} {:.1}h{:.1}v-{height:.1}h-{:.1}z", HEIGHT - from, step - gap, step - gap);
            below[at] += value;
        }
        if !path.is_empty() {
            let _ = write!(shapes, r#"<path class="fill {class}" d="{path}"/>"#);
        }
    }
    picture(name, &shapes, told)
}

/// Lines, broken where there is nothing.
pub(super) fn lines(name: &str, told: &[String], drawn: &[Drawn], scale: Scale) -> String {
    let step = WIDTH / told.len().max(1) as f64;
    let mut shapes = grid();
    for Drawn { class, values } in drawn {
        let mut path = String::new();
        let mut pen_is_down = false;
        for (at, value) in values.iter().enumerate() {
            let Some(value) = value else {
                pen_is_down = false;
                continue;
            };
            let (x, y) = ((at as f64 + 0.5) * step, HEIGHT - scale.height(*value));
            // One that stands alone is a short stroke.
            match pen_is_down {
                true => drop(write!(path, "L{x:.1} {y:.1}")),
                false => drop(write!(path, "M{:.1} {y:.1}H{x:.1}", x - step * 0.3)),
            }
            pen_is_down = true;
        }
        let _ = write!(shapes, r#"<path class="line {class}" d="{path}"/>"#);
    }
    picture(name, &shapes, told)
}

/// A small picture of a destination's last hour, for a row of a table.
pub(super) fn spark(name: &str, good: &[u64], bad: &[u64]) -> String {
    let count = good.len().max(1);
    let (width, height) = (120.0, 24.0);
    let step = width / count as f64;
    let most = good.iter().zip(bad).map(|(good, bad)| good + bad).max().unwrap_or(0).max(1) as f64;
    let bars = |class: &str, of: &dyn Fn(usize) -> (u64, u64)| {
        let mut path = String::new();
        for at in 0..good.len() {
            let (below, value) = of(at);
            if value > 0 {
                let (from, tall) = (below as f64 / most * height, (value as f64 / most * height).max(1.5));
                let (x, wide) = (at as f64 * step, step * 0.82);
                let _ = write!(path, "M{x:.1} {:.1}h{wide:.1}v-{tall:.1}h-{wide:.1}z", height - from);
            }
        }
        format!(r#"<path class="fill {class}" d="{path}"/>"#)
    };
    format!(
        r#"<svg class="spark" role="img" viewBox="0 0 {width} {height}" preserveAspectRatio="none"><title>{}</title><path class="ground" d="M0 {height}H{width}"/>{}{}</svg>"#,
        escaped(name),
        bars("ok", &|at| (0, good[at])),
        bars("bad", &|at| (good[at], bad[at])),
    )
}

fn grid() -> String {
    let mut grid = String::new();
    for share in [0.0, 0.5, 1.0] {
        let y = (HEIGHT * share).clamp(0.5, HEIGHT - 0.5);
        let _ = write!(grid, r#"<path class="grid" d="M0 {y}H{WIDTH}"/>"#);
    }
    grid
}

fn picture(name: &str, shapes: &str, told: &[String]) -> String {
    let step = WIDTH / told.len().max(1) as f64;
    let mut out = format!(
        r#"<svg class="plot" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"><title>{}</title>{shapes}"#,
        escaped(name)
    );
    for (at, told) in told.iter().enumerate() {
        let x = at as f64 * step;
        let _ = write!(
            out,
            r#"<rect class="hover" x="{x:.1}" y="0" width="{step:.1}" height="{HEIGHT}"><title>{}</title></rect>"#,
            escaped(told)
        );
    }
    out.push_str("</svg>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_round_and_not_below_anything() {
        for (most, expected) in
            [(0.0, 2.0), (2.0, 2.0), (3.0, 4.0), (5.0, 10.0), (11.0, 20.0), (41.0, 100.0), (f64::NAN, 2.0)]
        {
            assert_eq!(top([most].into_iter()), expected, "{most}");
        }
        assert!(top([f64::INFINITY].into_iter()) > 1e15);
    }

    #[test]
    fn nothing_that_is_drawn_leaves_the_picture() {
        for scale in [Scale::Linear(10.0), Scale::Tenfold(0.001, 1_000.0), Scale::Linear(0.0), Scale::Tenfold(1.0, 1.0)]
        {
            for value in [0.0, 0.0001, 5.0, 1e9, f64::NAN, f64::INFINITY] {
                let height = scale.height(value);
                assert!((0.0..=HEIGHT).contains(&height), "{value}: {height}");
            }
        }
    }

    #[test]
    fn a_name_is_text_and_no_part_of_the_picture() {
        let told = ["<script>\"&".to_owned()];
        let drawn = [Drawn { class: "ok", values: vec![Some(1.0)] }];
        let picture = stacked("<b>", &told, &drawn, Scale::Linear(2.0));
        assert!(!picture.contains("<script") && !picture.contains("<b>"), "{picture}");
        assert!(picture.contains("&lt;script&gt;&quot;&amp;") && picture.contains("h598.0"), "{picture}");
        assert!(lines("x", &[], &[], Scale::Linear(0.0)).contains("</svg>"));
        assert!(spark("x", &[], &[]).contains("</svg>"));
    }
}
