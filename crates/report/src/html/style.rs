use super::text::escape;

/// Colours that colour-blind readers can tell apart (Okabe and Ito, 2008), darker or lighter as the ground asks for.
const COLOURS: &str = "
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1b1b1b; --soft: #5c5c5c; --rule: #dcdcdc; --card: #f4f4f4;
  --c0: #0072b2; --c1: #c04f00; --c2: #00795a; --c3: #a8477f; --c4: #7a6a00; --c5: #1f77a8; --hot: 0, 114, 178; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181b; --ink: #e8e8e8; --soft: #a5a8ad; --rule: #3a3d42; --card: #202327;
    --c0: #56b4e9; --c1: #f0904a; --c2: #2fc79a; --c3: #e59bc4; --c4: #e0cf4a; --c5: #8ecbf0; --hot: 86, 180, 233; }
}
";

/// Of charts, in a page and alone.
const CHARTS: &str = "
svg text { fill: var(--ink); } .axis { stroke: var(--soft); } .grid { stroke: var(--rule); }
.limit { stroke: var(--soft); stroke-dasharray: 6 4; fill: none; } .line { fill: none; stroke-width: 2; }
.k0 { stroke: var(--c0); } .k1 { stroke: var(--c1); } .k2 { stroke: var(--c2); } .k3 { stroke: var(--c3); }
.k4 { stroke: var(--c4); } .k5 { stroke: var(--c5); } .mark { fill: var(--ground); stroke-width: 2; }
.bar { fill: var(--c0); stroke: none; } .hot { fill: rgb(var(--hot)); stroke: none; }
";

const STYLE: &str = "
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.lead { font-size: 1.15rem; border-left: .3rem solid var(--c0); padding-left: .8rem; }
.scroll { overflow-x: auto; max-width: 100%; } figure { margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption, figcaption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th[scope=row], th:first-child, td:last-child { text-align: left; }
th[scope=row] { position: sticky; left: 0; background: var(--ground); }
svg { width: 100%; min-width: 34rem; height: auto; font: 13px system-ui, sans-serif; }
.i0 { color: var(--c0); } .i1 { color: var(--c1); } .i2 { color: var(--c2); } .i3 { color: var(--c3); }
.i4 { color: var(--c4); } .i5 { color: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: 0; padding: 0; }
.cell { color: var(--ink); }
[data-says] { cursor: pointer; } details { margin: .5rem 0; } summary { color: var(--soft); cursor: pointer; }
#says { position: sticky; bottom: .5rem; display: block; background: var(--card); border: 1px solid var(--rule);
  border-radius: .4rem; padding: .4rem .8rem; } #says:empty { display: none; }
";

/// What a mark says when it is touched; a pointer that rests on it gets the same from its title.
const SCRIPT: &str = "
document.addEventListener('click', (event) => {
  const mark = event.target.closest('[data-says]');
  document.getElementById('says').textContent = mark ? mark.dataset.says : '';
});
";

/// A whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{COLOURS}{STYLE}{CHARTS}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <output id=\"says\" aria-live=\"polite\"></output>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escape(title)
    )
}

/// A chart as a file of its own, for whatever shows pictures: with the page's colours, by day and by night.
pub(super) fn file(marks: &str, (width, height): (f64, f64), alternative: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n\
         <style>{COLOURS}svg {{ font: 13px system-ui, sans-serif; }}\n{CHARTS}</style>\n\
         <rect width=\"100%\" height=\"100%\" style=\"fill: var(--ground)\"/>\n{marks}</svg>\n",
        escape(alternative)
    )
}
