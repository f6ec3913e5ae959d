//! The run's own record: what was begun, accepted and done, one line each.
//!
//! A line that counts is on the disk before the next step. A last line without its end was being written when
//! the run died, and is cut off. A deal's line has when it was won, so that a run that goes on shows the CRM's
//! readers the same deal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use afterglow_domain::Timestamp;
use afterglow_support::key_of;

use super::victim::Victim;
use crate::name::Name;
use crate::plan::Plan;
use crate::run::customer;

/// The record of a run.
pub struct Book {
    folder: PathBuf,
    plan: Plan,
    pages: Mutex<Pages>,
}

/// What the lines say.
#[derive(Default)]
struct Pages {
    file: Option<File>,
    begun: BTreeMap<u64, Timestamp>,
    accepted: BTreeSet<u64>,
    kills: BTreeMap<Victim, u64>,
    /// Of the sessions that are over.
    earlier: Tally,
    /// Of this one.
    now: Tally,
    /// When replicas were killed or stopped, and until when work that began then shows who took over.
    windows: Vec<(Harm, Range<Timestamp>)>,
    /// The one that is being watched: it counts when its calm is over, and not where the run is interrupted.
    watched: Option<Range<Timestamp>>,
    last_noted: Option<Timestamp>,
}

/// What a session counts for itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// How long it has run, in seconds.
    pub(super) seconds: u64,
    /// How many answers the gift vendor has lost.
    pub(super) lost: u64,
}

/// What was done to a replica of each role at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    Killed,
    Stopped,
}

impl Book {
    /// The book in the folder, and whether a run was begun there. A folder whose run has ended, or was never
    /// begun, is emptied; one with a run of another plan is refused.
    pub fn open(folder: &Path, plan: &Plan) -> (Self, bool) {
        let (begun, ended) = (folder.join("plan.txt"), folder.join("summary.txt"));
        let resumed = begun.exists() && !ended.exists();
        if resumed {
            let found = std::fs::read_to_string(&begun).unwrap();
            let (found, wanted) = (found.trim(), plan.to_string());
            assert!(found == wanted, "{} holds a run of {found}; name another FOLDER", folder.display());
        } else if folder.exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
        std::fs::create_dir_all(folder).unwrap();
        let mut pages = Pages::default();
        let path = folder.join("book.txt");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].lines().for_each(|line| pages.read(line));
        pages.earlier.seconds += std::mem::take(&mut pages.now.seconds);
        pages.earlier.lost += std::mem::take(&mut pages.now.lost);
        let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        file.set_len(whole as u64).unwrap();
        writeln!(file, "session").unwrap();
        pages.file = Some(file);
        (Self { folder: folder.to_owned(), plan: *plan, pages: Mutex::new(pages) }, resumed)
    }

    /// Everything is there to begin: from now on the folder holds a run.
    pub(super) fn begin(&self) {
        std::fs::write(self.folder.join("plan.txt"), format!("{}\n", self.plan)).unwrap();
    }

    /// The run has ended: the next one in this folder begins anew.
    pub(super) fn end(&self, summary: &str) {
        std::fs::write(self.folder.join("summary.txt"), summary).unwrap();
    }

    /// The plan.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Deals that were begun and not accepted yet, and when each was won.
    pub(super) fn unanswered(&self) -> Vec<(u64, Timestamp)> {
        self.with(|pages| {
            let open = pages.begun.iter().filter(|(n, _)| !pages.accepted.contains(n));
            open.map(|(n, at)| (*n, *at)).collect()
        })
    }

    /// Every deal that was begun, and when it was won.
    pub(super) fn begun(&self) -> Vec<(u64, Timestamp)> {
        self.with(|pages| pages.begun.iter().map(|(n, at)| (*n, *at)).collect())
    }

    /// The number of the first deal that was never begun: they are begun in order.
    pub(super) fn next(&self) -> u64 {
        self.with(|pages| pages.begun.last_key_value().map_or(0, |(n, _)| n + 1))
    }

    /// The keys of the accepted deals.
    pub(super) fn accepted(&self) -> BTreeSet<Name> {
        self.with(|pages| pages.accepted.iter().map(|n| key(*n)).collect())
    }

    /// How many deals were accepted.
    pub(super) fn accepted_count(&self) -> u64 {
        self.with(|pages| pages.accepted.len() as u64)
    }

    /// How often everybody was killed.
    pub(super) fn kills(&self) -> BTreeMap<Victim, u64> {
        self.with(|pages| pages.kills.clone())
    }

    /// How often anybody was killed.
    pub(super) fn kills_count(&self) -> u64 {
        self.with(|pages| pages.kills.values().sum())
    }

    /// When replicas were killed or stopped, and what is being watched now.
    pub(super) fn watched(&self) -> Vec<Range<Timestamp>> {
        self.with(|pages| {
            let noted = pages.windows.iter().map(|(_, within)| within);
            noted.chain(&pages.watched).cloned().collect()
        })
    }

    /// When replicas were killed or stopped.
    pub(super) fn windows(&self) -> Vec<(Harm, Range<Timestamp>)> {
        self.with(|pages| pages.windows.clone())
    }

    /// What all sessions counted.
    pub(super) fn tally(&self) -> Tally {
        self.with(|pages| Tally {
            seconds: pages.earlier.seconds + pages.now.seconds,
            lost: pages.earlier.lost + pages.now.lost,
        })
    }

    /// When a session wrote its tally last.
    pub(super) fn last_noted(&self) -> Option<Timestamp> {
        self.with(|pages| pages.last_noted)
    }

    /// A deal is put into the CRM.
    pub(super) fn note_begun(&self, n: u64, at: Timestamp) {
        self.write(&format!("begun {n} {}", at.0));
    }

    /// A deal's webhook was answered with success.
    pub(super) fn note_accepted(&self, n: u64) {
        self.write(&format!("accepted {n}"));
    }

    /// Somebody was killed.
    pub(super) fn note_kill(&self, victim: Victim) {
        self.write(&format!("kill {victim}"));
    }

    /// What begins within this time is watched.
    pub(super) fn watch(&self, within: &Range<Timestamp>) {
        self.with(|pages| pages.watched = Some(within.clone()));
    }

    /// A replica of each role was harmed; what began within this time shows who took over.
    pub(super) fn note_window(&self, harm: Harm, within: &Range<Timestamp>) {
        self.write(&format!("{} {} {}", harm.word(), within.start.0, within.end.0));
    }

    /// What this session has counted so far.
    pub(super) fn note_tally(&self, at: Timestamp, Tally { seconds, lost }: Tally) {
        self.write(&format!("tally {} {seconds} {lost}", at.0));
    }

    fn write(&self, line: &str) {
        self.with(|pages| {
            pages.read(line);
            let file = pages.file.as_mut().expect("the book is open");
            writeln!(file, "{line}").unwrap();
            file.sync_data().unwrap();
        });
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Pages) -> T) -> T {
        use_it(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Harm {
    fn word(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
        }
    }
}

impl Pages {
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let time = |at: usize| Timestamp(words[at].parse().unwrap());
        match words[0] {
            "begun" => drop(self.begun.insert(number(1), time(2))),
            "accepted" => drop(self.accepted.insert(number(1))),
            "kill" => *self.kills.entry(Victim::parse(words[1]).unwrap()).or_default() += 1,
            "killed" => self.windows.push((Harm::Killed, time(1)..time(2))),
            "stopped" => self.windows.push((Harm::Stopped, time(1)..time(2))),
            "tally" => {
                self.last_noted = Some(time(1));
                self.now = Tally { seconds: number(2), lost: number(3) };
            }
            "session" => {
                self.earlier.seconds += self.now.seconds;
                self.earlier.lost += self.now.lost;
                self.now = Tally::default();
            }
            other => panic!("the book says {other:?}"),
        }
    }
}

/// The key of a deal by its number.
fn key(n: u64) -> Name {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", key_of(&customer(n, Timestamp::EPOCH)));
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_its_book_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("run");
        let plan = Plan { seed: 1, deals: 9, kills: 3, lose_percent: 20, open: Plan::OPEN };
        let (book, resumed) = Book::open(&folder, &plan);
        assert!(!resumed);
        book.begin();
        book.note_begun(0, Timestamp(5));
        book.note_begun(1, Timestamp(6));
        book.note_accepted(1);
        book.note_kill(Victim::Broker);
        book.note_window(Harm::Stopped, &(Timestamp(1)..Timestamp(2)));
        book.note_tally(Timestamp(7), Tally { seconds: 3, lost: 1 });
        book.note_tally(Timestamp(8), Tally { seconds: 4, lost: 2 });
        drop(book);
        let torn = folder.join("book.txt");
        let text = std::fs::read_to_string(&torn).unwrap();
        std::fs::write(&torn, format!("{text}accepted 0")).unwrap();
        let (book, resumed) = Book::open(&folder, &plan);
        assert!(resumed);
        assert_eq!((book.unanswered(), book.next()), (vec![(0, Timestamp(5))], 2));
        assert_eq!((book.accepted_count(), book.kills_count()), (1, 1));
        assert_eq!(book.accepted(), BTreeSet::from([key(1)]));
        assert_eq!(book.windows(), [(Harm::Stopped, Timestamp(1)..Timestamp(2))]);
        book.note_tally(Timestamp(9), Tally { seconds: 10, lost: 10 });
        assert_eq!((book.tally().seconds, book.tally().lost), (14, 12));
        book.end("done");
        let (book, resumed) = Book::open(&folder, &plan);
        assert!(!resumed && book.next() == 0);
    }

    #[test]
    #[should_panic(expected = "name another FOLDER")]
    fn another_plan_is_another_folder() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { seed: 1, deals: 9, kills: 3, lose_percent: 20, open: Plan::OPEN };
        Book::open(folder.path(), &plan).0.begin();
        Book::open(folder.path(), &Plan { deals: 10, ..plan });
    }
}
