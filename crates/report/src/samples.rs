//! A row's samples in the JSON: columns of short integers, a fifth of what a list of objects takes.
//!
//! Six digits of the fastest time are finer than the clock of the shortest sample, and four of a canary finer than what
//! a quiet moment is told by. Reading and writing again changes nothing.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::Sample;

/// Digits that are kept of the fastest time and of the highest canary.
const DIGITS: [i32; 2] = [6, 4];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    /// Decimal places of a second that `time` counts, and of a GFLOP/s that `canary` and `drift` count.
    places: [u8; 2],
    /// Of a call.
    time: Vec<u64>,
    /// Before the batch.
    canary: Vec<u64>,
    /// By how much it was higher after the batch.
    drift: Vec<i64>,
    /// Index and round, where that is not the one before and 1; the first is 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    round: Vec<(usize, usize)>,
    /// Index and count, where it is not 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    switched: Vec<(usize, u64)>,
}

/// As they have been written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Columns(Columns),
    /// Until version 2, and where there are none.
    List(Vec<Sample>),
}

pub(crate) fn serialize<S: Serializer>(samples: &[Sample], to: S) -> Result<S::Ok, S::Error> {
    if samples.is_empty() { samples.serialize(to) } else { columns(samples).serialize(to) }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Sample>, D::Error> {
    match Written::deserialize(from)? {
        Written::List(samples) => Ok(samples),
        Written::Columns(columns) => list(&columns).map_err(serde::de::Error::custom),
    }
}

/// So many that `digits` of a number are before the point.
fn places(number: f64, digits: i32) -> u8 {
    let places = f64::from(digits - 1) - number.log10().floor();
    // A number that is none gets none; 10²² is the last power of ten that an f64 holds.
    places.clamp(0.0, 22.0) as u8
}

fn power(places: u8) -> f64 {
    10f64.powi(places.into())
}

fn columns(samples: &[Sample]) -> Columns {
    let fastest = samples.iter().map(|s| s.seconds).fold(f64::MAX, f64::min);
    let highest = samples.iter().map(|s| s.canary.0.max(s.canary.1)).fold(0.0, f64::max);
    let places = [places(fastest, DIGITS[0]), places(highest, DIGITS[1])];
    let [second, gflops] = places.map(power);
    let canary = |x: f64| (x * gflops).round() as i64;
    let follows = |index: usize| index.checked_sub(1).map_or(0, |before| samples[before].round + 1);
    let enumerated = || samples.iter().enumerate();
    Columns {
        places,
        time: samples.iter().map(|s| (s.seconds * second).round() as u64).collect(),
        canary: samples.iter().map(|s| canary(s.canary.0).max(0) as u64).collect(),
        drift: samples.iter().map(|s| canary(s.canary.1) - canary(s.canary.0)).collect(),
        round: enumerated().filter(|&(i, s)| s.round != follows(i)).map(|(i, s)| (i, s.round)).collect(),
        switched: enumerated().filter(|(_, s)| s.switched > 0).map(|(i, s)| (i, s.switched)).collect(),
    }
}

fn list(columns: &Columns) -> Result<Vec<Sample>, String> {
    let Columns { places, time, canary, drift, round, switched } = columns;
    let lens = [time.len(), canary.len(), drift.len()];
    if lens != [lens[0]; 3] {
        return Err(format!("samples: expected columns of one length, found {lens:?}"));
    }
    if let Some(index) = round.iter().map(|r| r.0).chain(switched.iter().map(|s| s.0)).find(|&i| i >= lens[0])
    {
        return Err(format!("samples: expected an index below {}, found {index}", lens[0]));
    }
    let [second, gflops] = places.map(power);
    let mut next = 0;
    let sample = |index: usize| {
        let here = round.iter().find(|(at, _)| *at == index).map_or(next, |&(_, round)| round);
        next = here + 1;
        let before = canary[index] as f64;
        Sample {
            round: here,
            seconds: time[index] as f64 / second,
            canary: (before / gflops, (before + drift[index] as f64) / gflops),
            switched: switched.iter().find(|(at, _)| *at == index).map_or(0, |&(_, count)| count),
        }
    };
    Ok((0..lens[0]).map(sample).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Row {
        #[serde(with = "super")]
        samples: Vec<Sample>,
    }

    fn written(samples: &[Sample]) -> String {
        serde_json::to_string(&Row { samples: samples.to_vec() }).unwrap()
    }

    fn read(json: &str) -> Result<Vec<Sample>, String> {
        serde_json::from_str::<Row>(json).map(|row| row.samples).map_err(|err| err.to_string())
    }

    fn noisy(count: usize) -> Vec<Sample> {
        let sample = |index: usize| Sample {
            round: index + usize::from(index > 5),
            seconds: 51.234_567e-6 * (1.0 + (index as f64 * 0.7).sin().abs() / 10.0),
            canary: (118.123_456 - (index % 7) as f64 / 9.0, 117.654_321 + (index % 3) as f64 / 7.0),
            switched: u64::from(index == 9) * 2,
        };
        (0..count).map(sample).collect()
    }

    #[test]
    fn columns_are_as_documented() {
        let sample = |round, seconds, canary, switched| Sample { round, seconds, canary, switched };
        let samples = [sample(0, 2.5e-6, (100.0, 98.0), 0), sample(2, 1.25e-5, (97.5, 100.0), 3)];
        let json = "{\"samples\":{\"places\":[11,1],\"time\":[250000,1250000],\"canary\":[1000,975],\"drift\":[-20,25],\
                    \"round\":[[1,2]],\"switched\":[[1,3]]}}";
        assert_eq!(written(&samples), json);
        assert_eq!(read(json).unwrap(), samples);
        assert_eq!(written(&[]), "{\"samples\":[]}");
    }

    #[test]
    fn what_is_read_is_what_was_written_within_the_digits() {
        let samples = noisy(100);
        let back = read(&written(&samples)).unwrap();
        for (was, is) in samples.iter().zip(&back) {
            assert_eq!((was.round, was.switched), (is.round, is.switched));
            assert!((was.seconds / is.seconds - 1.0).abs() < 1e-5, "{was:?} {is:?}");
            assert!((was.canary.0 / is.canary.0 - 1.0).abs() < 1e-3, "{was:?} {is:?}");
            assert!((was.canary.1 / is.canary.1 - 1.0).abs() < 1e-3, "{was:?} {is:?}");
        }
        assert_eq!(written(&back), written(&samples));
        assert_eq!(read(&written(&back)).unwrap(), back);
    }

    #[test]
    fn they_take_a_quarter_of_a_list() {
        let samples = noisy(100);
        let list = serde_json::to_string(&samples).unwrap();
        assert!(4 * written(&samples).len() < list.len(), "{} of {}", written(&samples).len(), list.len());
        assert_eq!(read(&format!("{{\"samples\":{list}}}")).unwrap(), samples);
    }

    #[test]
    fn times_of_any_length_have_their_digits() {
        for seconds in [0.0, 1e-9, 3e-4, 7.25, 12345.0] {
            let sample = Sample { round: 0, seconds, canary: (0.0, 0.0), switched: 0 };
            let back = read(&written(&[sample])).unwrap();
            assert!((back[0].seconds - seconds).abs() <= 1e-5 * seconds, "{seconds} {back:?}");
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let bad = "{\"samples\":{\"places\":[11,1],\"time\":[1,2],\"canary\":[1],\"drift\":[0]}}";
        assert!(read(bad).unwrap_err().contains("one length, found [2, 1, 1]"));
        let bad = "{\"samples\":{\"places\":[11,1],\"time\":[1],\"canary\":[1],\"drift\":[0],\"switched\":[[1,1]]}}";
        assert!(read(bad).unwrap_err().contains("below 1, found 1"));
    }
}
