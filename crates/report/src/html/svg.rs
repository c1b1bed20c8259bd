use super::style;
use super::text::escape;

/// Size of a chart and of the room for its axes.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 76.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 48.0;

/// How many kernels have a colour of their own.
pub(super) const COLOURS: usize = 6;

/// An axis from one number to another, both above 0 if it is logarithmic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) logarithmic: bool,
}

impl Axis {
    /// 0 at its start, 1 at its end.
    fn at(&self, value: f64) -> f64 {
        let scale = |x: f64| if self.logarithmic { x.max(1e-12).ln() } else { x };
        let (from, to) = (scale(self.from), scale(self.to));
        if to > from { ((scale(value) - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Round numbers along it.
    fn ticks(&self) -> Vec<f64> {
        let step = |span: f64| {
            let power = 10f64.powf((span / 5.0).log10().floor());
            [1.0, 2.0, 5.0, 10.0].map(|f| f * power).into_iter().find(|step| span / step <= 6.0)
        };
        if !self.logarithmic {
            let step = step(self.to - self.from).unwrap_or(1.0).max(1e-9);
            return (0..=6).map(|n| self.from + f64::from(n) * step).filter(|&x| x <= self.to).collect();
        }
        let powers = (self.from.log2().ceil() as i32)..=(self.to.log2().floor() as i32);
        let every = (powers.clone().count() / 7 + 1) as i32;
        powers.filter(|power| power % every == 0).map(|power| 2f64.powi(power)).collect()
    }
}

/// A chart that is being drawn.
pub(super) struct Chart {
    x: Axis,
    y: Axis,
    marks: String,
}

impl Chart {
    /// With axes, their names and a grid.
    pub(super) fn new((x, x_name): (Axis, &str), (y, y_name): (Axis, &str)) -> Self {
        let mut chart = Self { x, y, marks: String::new() };
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in x.ticks() {
            let (at, _) = chart.place(tick, y.from);
            chart.marks += &format!(
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 18.0,
                short(tick)
            );
        }
        for tick in y.ticks() {
            let (_, at) = chart.place(x.from, tick);
            chart.marks += &format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 8.0,
                at + 4.0,
                short(tick)
            );
        }
        chart.marks += &format!(
            "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text><text x=\"8\" y=\"14\">{}</text>\n",
            (LEFT + right) / 2.0,
            HEIGHT - 8.0,
            escape(x_name),
            escape(y_name)
        );
        chart
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let (width, height) = (WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP);
        (LEFT + width * self.x.at(x), TOP + height * (1.0 - self.y.at(y)))
    }

    /// A broken line for a limit, with its name where it ends; or where it begins, as lines that meet at their ends
    /// would have theirs on top of each other.
    pub(super) fn limit(&mut self, from: (f64, f64), to: (f64, f64), name: &str) {
        let ((x0, y0), (x1, y1)) = (self.place(from.0, from.1), self.place(to.0, to.1));
        let (x, y) = if y0 > y1 { (x0 + 4.0, y0 - 6.0) } else { (x1 + 6.0, y1 + 4.0) };
        self.marks += &format!(
            "<path class=\"limit\" d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\"/><text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n",
            escape(name)
        );
    }

    /// A line of a kernel.
    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: usize) {
        self.marks +=
            &format!("<polyline class=\"line k{}\" points=\"{}\"/>\n", colour % COLOURS, self.points(points));
    }

    /// A point that says what it is.
    pub(super) fn mark(&mut self, (x, y): (f64, f64), colour: usize, says: &str) {
        let (x, y) = self.place(x, y);
        let shape = match colour % 3 {
            0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\""),
            1 => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"", x - 4.0, y - 4.0),
            _ => format!("<path d=\"M{x:.1} {:.1}l5 9h-10z\"", y - 5.5),
        };
        let says = escape(says);
        self.marks += &format!(
            "{shape} class=\"mark k{}\" data-says=\"{says}\"><title>{says}</title></{}>\n",
            colour % COLOURS,
            ["circle", "rect", "path"][colour % 3]
        );
    }

    /// The picture, and for whoever cannot see it, what it shows.
    pub(super) fn picture(self, alternative: &str) -> String {
        format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"chart\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"{}\">\n{}</svg></div>\n",
            escape(alternative),
            self.marks
        )
    }

    /// A picture with a title above it and the names of its kernels below.
    pub(super) fn file(self, caption: &str, alternative: &str, names: &[String]) -> String {
        let mut marks = format!("<text x=\"{LEFT}\" y=\"{}\">{}</text>\n", -10, escape(caption));
        for (index, name) in names.iter().enumerate() {
            let x = LEFT + 112.0 * index as f64;
            let y = HEIGHT + 14.0;
            marks += &format!(
                "<path class=\"line k{}\" d=\"M{x} {}h18\"/><text x=\"{}\" y=\"{y}\">{}</text>\n",
                index % COLOURS,
                y - 4.0,
                x + 24.0,
                escape(name)
            );
        }
        let (above, below) = (30.0, if names.is_empty() { 0.0 } else { 26.0 });
        let marks = format!("<g transform=\"translate(0 {above})\">\n{marks}{}</g>\n", self.marks);
        style::file(&marks, (WIDTH, HEIGHT + above + below), alternative)
    }

    fn points(&self, points: &[(f64, f64)]) -> String {
        let place = |&(x, y): &(f64, f64)| {
            let (x, y) = self.place(x, y);
            format!("{x:.1},{y:.1}")
        };
        points.iter().map(place).collect::<Vec<_>>().join(" ")
    }
}

/// The names of the kernels under a chart, in their colours.
pub(super) fn legend(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let marks = ["&#9679;", "&#9632;", "&#9650;"];
    let item = |(index, name): (usize, &String)| {
        format!("<li><span class=\"i{}\">{}</span> {}</li>", index % COLOURS, marks[index % 3], escape(name))
    };
    format!("<ul class=\"legend\">{}</ul>\n", names.iter().enumerate().map(item).collect::<String>())
}

/// A tick's number.
fn short(x: f64) -> String {
    if x >= 1.0 || x == 0.0 { format!("{x:.0}") } else { format!("1/{:.0}", 1.0 / x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let axis = |from, to, logarithmic| Axis { from, to, logarithmic }.ticks();
        assert_eq!(axis(0.0, 118.0, false), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(axis(4.0, 4096.0, true), [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0]);
        for to in [0.3, 7.0, 99.0, 12345.0] {
            let ticks = axis(0.0, to, false);
            assert!((3..=7).contains(&ticks.len()), "{to}: {ticks:?}");
        }
    }

    #[test]
    fn what_is_outside_stays_on_the_edge() {
        let axis = Axis { from: 1.0, to: 100.0, logarithmic: true };
        assert_eq!((axis.at(10.0), axis.at(1000.0), axis.at(0.0)), (0.5, 1.0, 0.0));
    }
}
