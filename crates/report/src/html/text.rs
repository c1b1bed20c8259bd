use crate::render::Table;

/// Text that is no markup, in content and in quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table that scrolls by itself where the screen is narrow; nothing if it has no rows.
pub(super) fn table(table: &Table, caption: &str) -> String {
    if table.is_empty() {
        return String::new();
    }
    let mut lines = table.cells();
    let head: String = lines
        .next()
        .into_iter()
        .flatten()
        .map(|text| format!("<th scope=\"col\">{}</th>", escape(text)))
        .collect();
    let line = |cells: &Vec<String>| {
        let rest: String = cells.iter().skip(1).map(|text| format!("<td>{}</td>", escape(text))).collect();
        let first = cells.first().map_or("", String::as_str);
        format!("<tr><th scope=\"row\">{}</th>{rest}</tr>\n", escape(first))
    };
    let body: String = lines.map(line).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n",
        escape(caption)
    )
}
