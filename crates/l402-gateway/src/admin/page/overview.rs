//! The first page: what was earned, what happens now, and what needs a look.

use std::sync::Arc;

use l402::UnixTime;
use maud::{Markup, html};

use super::chart::{self, Bar, Bars};
use super::figure;
use super::income::{HOUR, Income, Sum, UNATTRIBUTED};
use super::layout::{Grade, choice, heading, state};
use super::live::Live;

const DAY: u64 = 24;

/// A time up to now that a page shows, and the bars that it is cut into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Span {
    Day,
    Week,
    #[default]
    Month,
}

impl Span {
    /// Reads the parameter `span`.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("24h") => Self::Day,
            Some("7d") => Self::Week,
            _ => Self::Month,
        }
    }

    /// The name of the parameter's value.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The same for people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Day => "the last 24 hours",
            Self::Week => "the last 7 days",
            Self::Month => "the last 30 days",
        }
    }

    const fn hours(self) -> u64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 30 * DAY,
        }
    }

    /// The hours of one bar.
    const fn step(self) -> u64 {
        match self {
            Self::Day => 1,
            Self::Week => 6,
            Self::Month => DAY,
        }
    }

    /// Returns the begin of the first bar.
    pub(super) fn from(self, now: UnixTime) -> UnixTime {
        UnixTime::from_secs(self.first(now) * HOUR)
    }

    /// Returns the first hour: bars begin at whole steps of UTC, and the last one is not over.
    fn first(self, now: UnixTime) -> u64 {
        let last = now.secs() / HOUR / self.step() * self.step();
        (last + self.step()).saturating_sub(self.hours())
    }
}

/// The income of some times.
#[derive(Clone, Debug, Default)]
pub(super) struct Earned {
    /// Since midnight (UTC), and on the whole day before.
    today: Sum,
    yesterday: Sum,
    /// 7 and 30 days up to now, each with the time of the same length before.
    week: (Sum, Sum),
    month: (Sum, Sum),
    /// The bars of the span: the begin of each, and its sum.
    bars: Vec<(UnixTime, Sum)>,
    /// The routes of the span, the largest income first.
    routes: Vec<(Arc<str>, Sum)>,
}

impl Earned {
    /// Sums up the hours until now.
    pub(super) fn of(income: &Income, span: Span, now: UnixTime) -> Self {
        let this = now.secs() / HOUR;
        let (midnight, end) = (this / DAY * DAY, this + 1);
        let pair = |hours: u64| {
            let (begin, before) = (end.saturating_sub(hours), end.saturating_sub(2 * hours));
            (income.sold(begin..end), income.sold(before..begin))
        };
        let first = span.first(now);
        let steps = (first..end).step_by(usize::try_from(span.step()).unwrap_or(1));
        let bars = steps.map(|hour| {
            let sum = income.sold(hour..hour + span.step());
            (UnixTime::from_secs(hour * HOUR), sum)
        });
        Self {
            today: income.sold(midnight..end),
            yesterday: income.sold(midnight.saturating_sub(DAY)..midnight),
            week: pair(7 * DAY),
            month: pair(30 * DAY),
            bars: bars.collect(),
            routes: income.by_route(first..end),
        }
    }
}

/// The income, or why it is not known.
pub(super) type Known = Result<Earned, String>;

/// The state of a part, as a line.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) grade: Grade,
    /// One or two words.
    pub(super) state: String,
    /// A sentence, or nothing.
    pub(super) more: String,
}

/// Something that happened, for people.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) time: UnixTime,
    pub(super) grade: Grade,
    pub(super) text: String,
}

/// Everything that the page shows.
pub(super) struct Overview {
    pub(super) now: UnixTime,
    pub(super) span: Span,
    pub(super) earned: Known,
    pub(super) live: Live,
    pub(super) status: Vec<Status>,
    pub(super) events: Vec<Event>,
}

impl Overview {
    /// Returns the page without its frame.
    pub(super) fn content(&self) -> Markup {
        html! {
            (heading("Overview", &html! { p.quiet { (figure::when(self.now)) " UTC" } }))
            @match &self.earned {
                Ok(earned) => {
                    (figures(earned))
                    (self.over_time(earned))
                    div.grid.wide { (by_route(&earned.routes, self.span)) (self.live.card()) }
                }
                Err(why) => {
                    p.note.fair role="status" { (figure::line(why, 400)) }
                    (self.live.card())
                }
            }
            div.grid.two { (statuses(&self.status)) (events(&self.events, self.now)) }
        }
    }

    fn over_time(&self, earned: &Earned) -> Markup {
        let all = [("?span=24h", "24h"), ("?span=7d", "7d"), ("/", "30d")];
        html! {
            section.card aria-labelledby="over-time" {
                div.cardhead {
                    h2 #over-time { "Revenue over " (self.span.title()) }
                    (choice("Time shown", "", &all, self.span.name()))
                }
                (bars(earned, self.span, self.now))
            }
        }
    }
}

/// The chart of the income.
pub(super) fn bars(earned: &Earned, span: Span, now: UnixTime) -> Markup {
    let sum = earned.bars.iter().map(|(_, sum)| sum.msat).sum();
    let bars = earned.bars.iter().map(|(begin, sum)| Bar {
        label: match span {
            Span::Day => figure::clock(*begin),
            Span::Week => format!("{} {}", figure::day(*begin), figure::clock(*begin)),
            Span::Month => figure::day(*begin),
        },
        value: sum.msat,
        text: format!("{} sat", figure::sat_text(sum.msat)),
        is_open: begin.secs() + span.step() * HOUR > now.secs(),
    });
    Bars {
        id: "revenue",
        title: "Revenue over time",
        description: format!("{} sat in {}.", figure::sat_text(sum), span.title()),
        columns: ("Time (UTC)", "Revenue"),
        bars: bars.collect(),
        scale: chart::sat_scale,
    }
    .draw()
}

fn figures(earned: &Earned) -> Markup {
    let change = |(now, before): (Sum, Sum), than: &str| match figure::change(now.msat, before.msat)
    {
        Some(change) => format!("{change} on the {than} before"),
        None => figure::counted(now.payments, "payment"),
    };
    let yesterday = format!("{} sat yesterday", figure::sat_text(earned.yesterday.msat));
    html! {
        dl.card.figures {
            div { dt { "Today" } dd.hero { (figure::sat(earned.today.msat)) } dd.more { (yesterday) } }
            div { dt { "7 days" } dd { (figure::sat(earned.week.0.msat)) } dd.more { (change(earned.week, "7 days")) } }
            div { dt { "30 days" } dd { (figure::sat(earned.month.0.msat)) } dd.more { (change(earned.month, "30 days")) } }
        }
    }
}

/// The routes of a span with their share.
fn by_route(routes: &[(Arc<str>, Sum)], span: Span) -> Markup {
    const SHOWN: usize = 8;
    // What belongs to no route must not make the bars of the routes shorter.
    let sold = routes.iter().filter(|(route, _)| **route != *UNATTRIBUTED);
    let most = sold.map(|(_, sum)| sum.msat).max().unwrap_or(0);
    html! {
        section.card aria-labelledby="by-route" {
            div.cardhead { h2 #by-route { "By route" } a.small href={ "/sales?span=" (span.name()) } { "All sales" } }
            @if routes.is_empty() { p.empty { "Nothing was sold in " (span.title()) "." } }
            @else {
                table {
                    thead { tr { th scope="col" { "Route" } th.num scope="col" { "Payments" } th.num scope="col" { "Revenue" } } }
                    tbody {
                        @for (route, sum) in routes.iter().take(SHOWN) {
                            tr {
                                th scope="row" {
                                    (route_name(route))
                                    @if **route != *UNATTRIBUTED { (chart::share(sum.msat, most)) }
                                }
                                td.num { (figure::thousands(sum.payments)) }
                                td.num { (figure::sat(sum.msat)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Shows a route, which is an operator's text, or that nobody knows which one it was.
pub(super) fn route_name(route: &str) -> Markup {
    if route == UNATTRIBUTED {
        return html! { span.quiet title="Arrived at the node, and nobody knows yet what for" { "unattributed" } };
    }
    html! { span.route { (figure::line(route, 120)) } }
}

fn statuses(all: &[Status]) -> Markup {
    html! {
        section.card aria-labelledby="states" {
            div.cardhead { h2 #states { "State" } a.small href="/node" { "Details" } }
            ul.events {
                @for status in all {
                    li {
                        span { (state(status.grade, &status.state)) }
                        span { (figure::line(&status.name, 120)) @if !status.more.is_empty() { " " span.quiet { (figure::line(&status.more, 200)) } } }
                    }
                }
            }
        }
    }
}

fn events(all: &[Event], now: UnixTime) -> Markup {
    html! {
        section.card aria-labelledby="notices" {
            h2 #notices { "Last notices" }
            @if all.is_empty() { p.empty { "None since the start of this gateway." } }
            ul.events {
                @for event in all {
                    li {
                        span { (figure::ago(event.time, now)) }
                        @match event.grade {
                            Grade::Good | Grade::Done | Grade::Unknown => span { (figure::line(&event.text, 300)) },
                            grade => span { (state(grade, "")) (figure::line(&event.text, 300)) },
                        }
                    }
                }
            }
        }
    }
}
