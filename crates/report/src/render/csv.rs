//! The rows of a report for a spreadsheet: RFC 4180, a line each.

use crate::schema::{Cell, Outcome, Report, Row};

const HEAD: &str = "shape,class,m,k,n,batch,dtype,threads,kernel,owner,outcome,failed,calls,samples,quiet,best_gflops,\
                    quiet_median_gflops,median_gflops,q1_gflops,q3_gflops,limit_gflops,error_ratio,called,counted_calls,cycles,instructions,l1d_misses,cache_misses,\
                    instructions_per_cycle,cycles_per_fma";

/// `report.csv`. What was not measured is empty.
pub(crate) fn csv(report: &Report) -> String {
    let mut text = format!("{HEAD}\r\n");
    for cell in &report.cells {
        let s = &cell.shape;
        let limit = cell.limit.as_ref().filter(|limit| !limit.exceeded).map(|limit| limit.gflops);
        let sizes = [s.m, s.k, s.n, s.batch].map(|size| size.to_string());
        for row in &cell.rows {
            let mut fields = vec![s.name.clone(), crate::Class::of(s).name().to_owned()];
            fields.extend(sizes.iter().cloned());
            fields.extend([cell.dtype.to_string(), cell.threads.to_string()]);
            fields.extend(of_row(row, limit));
            fields.extend(counted(cell, row));
            text += &fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
            text += "\r\n";
        }
    }
    text
}

fn of_row(row: &Row, limit: Option<f64>) -> Vec<String> {
    let outcome = match &row.outcome {
        Outcome::Measured => "measured".to_owned(),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::Unavailable(why) => format!("unavailable: {why}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    };
    let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    let owner = format!("{:?}", row.owner).to_lowercase();
    let mut fields = vec![row.kernel.clone(), owner, outcome, row.failed.to_string(), row.calls.to_string()];
    let s = row.summary;
    fields.extend(
        [s.map(|s| s.samples), s.map(|s| s.quiet)].map(|n| n.map_or_else(String::new, |n| n.to_string())),
    );
    let rates = [
        s.map(|s| s.all.max),
        s.and_then(|s| s.quiet_median),
        s.map(|s| s.all.median),
        s.map(|s| s.all.q1),
        s.map(|s| s.all.q3),
        limit,
        row.check.map(|check| check.error_ratio),
    ];
    fields.extend(rates.map(number));
    fields.push(row.called.map_or_else(String::new, |called| format!("{called:?}").to_lowercase()));
    fields
}

/// What was counted, and the rates of it.
fn counted(cell: &Cell, row: &Row) -> [String; 7] {
    let Some(counters) = &row.counters else { return Default::default() };
    let count = |x: Option<u64>| x.map_or_else(String::new, |x| x.to_string());
    let rate = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
    [
        counters.calls.to_string(),
        count(counters.cycles),
        count(counters.instructions),
        count(counters.l1d_misses),
        count(counters.cache_misses),
        rate(counters.per_cycle()),
        rate(counters.cycles_per_fma(&cell.shape)),
    ]
}

/// In quotes where it must be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::fixed;

    #[test]
    fn every_row_is_a_line_of_as_many_fields() {
        let mut report = fixed();
        report.cells[0].rows[1].outcome = Outcome::Skipped("would take \"long\", 17 s".into());
        report.cells[0].rows[2].counters = Some(crate::Counters {
            calls: 2,
            cycles: Some(31_250),
            instructions: Some(93_750),
            l1d_misses: Some(25),
            cache_misses: None,
        });
        let text = csv(&report);
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 1 + report.cells[0].rows.len());
        assert_eq!(
            lines[3],
            "50x50x50,squares to 64,50,50,50,1,f32,1,simd,own,measured,false,1,4,2,100.000000,90.000000,65.000000,\
             50.000000,85.000000,125.000000,0.062500,,2,31250,93750,25,,3.000000,0.125000"
        );
        assert!(lines[2].contains(",\"skipped: would take \"\"long\"\", 17 s\","), "{}", lines[2]);
        let commas = |line: &str| line.matches(',').count();
        assert_eq!((commas(lines[0]), commas(lines[2])), (29, 30));
    }
}
