//! `cargo xtask asm KERNEL`: what the compiler made of a SIMD kernel.
//!
//! Reads the assembly that rustc writes for x86-64 (AT&T syntax) and AArch64, on ELF, Mach-O and COFF.

use std::fmt;
use std::fs;

use crate::folders::target;
use crate::{Error, cargo, status};
use matmul_lab::say;

/// Compiles matmul-simd to assembly and prints the functions with `kernel` in their symbol.
pub(crate) fn run(kernel: &str) -> Result<u8, Error> {
    // A target directory of its own: the extra flags would otherwise evict what other commands have built.
    let folder = target()?.join("asm");
    let file = folder.join("matmul_simd.s");
    let mut rustc = cargo();
    rustc.args(["rustc", "--release", "--lib", "--package", "matmul-simd", "--target-dir"]).arg(&folder);
    let code = status(rustc.args(["--", "--emit"]).arg(format!("asm={}", file.display())))?;
    if code != 0 {
        return Ok(code);
    }
    let read_error = |source| Error::Read { what: file.display().to_string(), source };
    let text = fs::read_to_string(&file).map_err(read_error)?;
    let functions = functions(&text);
    let chosen: Vec<_> = functions.iter().filter(|f| f.symbol.contains(kernel)).collect();
    if chosen.is_empty() {
        let with_fmas = functions.iter().filter(|f| f.counts().fmas > 0);
        let known = with_fmas.map(|f| format!("  {}\n", f.symbol)).collect();
        return Err(Error::NoSuchKernel { kernel: kernel.into(), known });
    }
    for function in chosen {
        say!("{function}");
    }
    Ok(0)
}

/// One instruction, or the label of a block inside a function.
#[derive(Clone, Copy, Debug)]
enum Line<'a> {
    Label(&'a str),
    Instruction { mnemonic: &'a str, operands: &'a str },
}

/// A function's symbol and body.
#[derive(Debug)]
struct Function<'a> {
    symbol: &'a str,
    lines: Vec<Line<'a>>,
}

/// What a stretch of code consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    instructions: usize,
    fmas: usize,
    /// Instructions that read memory, also as an operand of an FMA.
    loads: usize,
    /// Instructions that write memory.
    stores: usize,
    /// Loads and stores relative to the stack pointer: spills, if they are in a loop. `push` and `pop`, which save
    /// the caller's registers, are not counted.
    stack: usize,
    /// Calls, and jumps to another function.
    calls: usize,
}

/// Splits an assembly file at its global labels. Data, which has no instructions, is left out.
fn functions(text: &str) -> Vec<Function<'_>> {
    let mut functions: Vec<Function> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(label) = trimmed.strip_suffix(':') {
            let label = label.trim_matches('"');
            match functions.last_mut() {
                Some(function) if is_local(label) => function.lines.push(Line::Label(label)),
                _ => functions.push(Function { symbol: label, lines: Vec::new() }),
            }
        } else if line.starts_with(char::is_whitespace)
            && trimmed.starts_with(|c: char| c.is_ascii_lowercase())
        {
            // A directive starts with a dot, a comment with # or //; what is left is code.
            let (mnemonic, operands) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
            if let Some(function) = functions.last_mut() {
                function.lines.push(Line::Instruction { mnemonic, operands: operands.trim() });
            }
        }
    }
    functions.retain(|f| f.lines.iter().any(|line| matches!(line, Line::Instruction { .. })));
    functions
}

/// `.LBB0_1` (ELF, COFF), `LBB0_1` and `Ltmp3` (Mach-O).
fn is_local(label: &str) -> bool {
    label.starts_with(".L")
        || label.starts_with("LBB")
        || label.starts_with("Ltmp")
        || label.starts_with("Lfunc")
}

impl Function<'_> {
    fn counts(&self) -> Counts {
        count(&self.lines)
    }

    /// The k-loops: of the loops whose body is one straight run of instructions, those with the most FMAs. Several,
    /// if the loop was compiled for several layouts; none, if no loop has an FMA.
    fn inner_loops(&self) -> Vec<Counts> {
        let mut loops = Vec::new();
        // The labels since the last jump, any of which may be the top of the loop that the next jump closes.
        let mut tops: Vec<(&str, usize)> = Vec::new();
        for (i, line) in self.lines.iter().enumerate() {
            match *line {
                Line::Label(label) => tops.push((label, i)),
                Line::Instruction { mnemonic, .. } if is_jump(mnemonic) => {
                    let top = tops.iter().find(|(label, _)| line.target() == Some(label));
                    loops.extend(top.map(|&(_, top)| count(&self.lines[top..=i])));
                    tops.clear();
                }
                Line::Instruction { .. } => {}
            }
        }
        let most = loops.iter().map(|counts| counts.fmas).max().unwrap_or(0);
        loops.retain(|counts| counts.fmas > 0 && counts.fmas == most);
        loops
    }
}

impl<'a> Line<'a> {
    /// The local label that this instruction may jump to.
    fn target(&self) -> Option<&'a str> {
        let Line::Instruction { mnemonic, operands } = self else { return None };
        let last = operands.rsplit([',', ' ', '\t']).next()?;
        (is_jump(mnemonic) && is_local(last)).then_some(last)
    }
}

fn is_jump(mnemonic: &str) -> bool {
    // x86-64: j*; AArch64: b, b.cond, cbz, cbnz, tbz, tbnz (br is an indirect jump, bl a call).
    mnemonic.starts_with('j')
        || mnemonic == "b"
        || ["b.", "cbz", "cbnz", "tbz", "tbnz"].iter().any(|jump| mnemonic.starts_with(jump))
}

fn count(lines: &[Line]) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        let Line::Instruction { mnemonic, operands } = line else { continue };
        let (load, store) = memory_access(mnemonic, operands);
        let leaves =
            matches!(*mnemonic, "jmp" | "b") && line.target().is_none() && !operands.starts_with('*');
        counts.instructions += 1;
        counts.fmas += usize::from(is_fma(mnemonic));
        counts.loads += usize::from(load);
        counts.stores += usize::from(store);
        counts.stack += usize::from((load || store) && is_on_stack(operands));
        counts.calls +=
            usize::from(leaves || mnemonic.starts_with("call") || matches!(*mnemonic, "bl" | "blr"));
    }
    counts
}

fn is_fma(mnemonic: &str) -> bool {
    const PREFIXES: [&str; 10] =
        ["vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmla", "fmls", "fmadd", "fmsub", "fnmadd", "fnmsub"];
    PREFIXES.iter().any(|prefix| mnemonic.starts_with(prefix))
}

fn is_on_stack(operands: &str) -> bool {
    operands.contains("(%rsp") || operands.contains("[sp")
}

/// Whether an instruction loads and whether it stores.
fn memory_access(mnemonic: &str, operands: &str) -> (bool, bool) {
    if operands.contains('[') {
        // AArch64: only loads and stores have brackets, and prefetches.
        return (mnemonic.starts_with("ld"), mnemonic.starts_with("st"));
    }
    let is_address = ["lea", "nop", "prefetch", "clflush"].iter().any(|prefix| mnemonic.starts_with(prefix));
    if !operands.contains('(') || is_address {
        return (false, false);
    }
    // x86-64, AT&T: the last operand is the destination; a mask {%k1} may follow it.
    let last_is_memory = operands.trim_end_matches(|c: char| c != ')' && c != ',').ends_with(')');
    let only_reads =
        ["cmp", "test", "bt", "ucomis", "comis", "vucomis", "vcomis", "vptest", "vtest", "call", "jmp"]
            .iter()
            .any(|prefix| mnemonic.starts_with(prefix));
    if !last_is_memory || only_reads {
        return (true, false);
    }
    let only_writes =
        ["mov", "vmov", "set", "vextract", "vpextr", "pextr", "vcvtps2ph", "vpmov", "vcompress"]
            .iter()
            .any(|prefix| mnemonic.starts_with(prefix));
    (!only_writes, true)
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { instructions, fmas, loads, stores, stack, calls } = self;
        write!(
            f,
            "{instructions:5} instructions {fmas:4} FMAs {loads:4} loads {stores:4} stores {stack:4} on the stack \
             {calls:3} calls"
        )
    }
}

impl fmt::Display for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.symbol)?;
        writeln!(f, "  function   {}", self.counts())?;
        for counts in self.inner_loops() {
            writeln!(f, "  inner loop {counts}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nested loops, a remainder loop with fewer FMAs, one spill in the outer loop.
    const X86: &str = "\
\t.section .text.f32_6x16_avx2
\t.type _ZN11matmul_simd13f32_6x16_avx217h0E,@function
_ZN11matmul_simd13f32_6x16_avx217h0E:
\t.cfi_startproc
\tpushq\t%rbx
\tmovq\t24(%rdi), %rax
.LBB0_1:
\tvmovups\t%ymm1, 32(%rsp)
.LBB0_2:
\tvmovups\t(%rax), %ymm0
\tvbroadcastss\t(%rcx,%rdx,4), %ymm2
\tvfmadd231ps\t%ymm0, %ymm2, %ymm3
\tvfmadd231ps\t4(%rcx){1to8}, %ymm2, %ymm4
\tprefetcht0\t512(%rax)
\tleaq\t32(%rax), %rax
\tdecq\t%rsi
\tjne\t.LBB0_2
.LBB0_3:
\tvfmadd231ss\t(%rax), %xmm1, %xmm5
\tjne .LBB0_3
\taddq\t$1, (%rbx)
\tcmpq\t%rax, (%rbx)
\tjne\t.LBB0_1
\tvmovups\t%zmm0, (%rax) {%k1}
\tcallq\t*memcpy@GOTPCREL(%rip)
\tpopq\t%rbx
\tjmp\tcore_panicking
.Lfunc_end0:
\t.size x, .Lfunc_end0-x

other:
\tretq
table:
\t.long\t7
";

    const AARCH64: &str = "\
__ZN11matmul_simd13f32_8x12_neon17h0E:
\tstp\tx29, x30, [sp, #-16]!
LBB3_1:
\tldp\tq0, q1, [x1], #32
\tldr\tq2, [sp, #16]
\tfmla.4s\tv3, v0, v2[0]
\tfmla\tv4.4s, v1.4s, v2.s[1]
\tprfm\tpldl1keep, [x1, #256]
\tsubs\tx2, x2, #1
\tb.ne\tLBB3_1
\tcbz\tx3, LBB3_4
\tbl\t_memcpy
LBB3_4:
\tst1\t{ v3.4s }, [x0]
\tret
";

    #[test]
    fn x86_64_is_counted() {
        let functions = functions(X86);
        let symbols: Vec<_> = functions.iter().map(|f| f.symbol).collect();
        assert_eq!(symbols, ["_ZN11matmul_simd13f32_6x16_avx217h0E", "other"]);
        let all = Counts { instructions: 20, fmas: 3, loads: 8, stores: 3, stack: 1, calls: 2 };
        assert_eq!(functions[0].counts(), all);
        let inner = Counts { instructions: 8, fmas: 2, loads: 3, stores: 0, stack: 0, calls: 0 };
        assert_eq!(functions[0].inner_loops(), [inner]);
        assert!(functions[1].inner_loops().is_empty());
    }

    #[test]
    fn aarch64_is_counted() {
        let functions = functions(AARCH64);
        assert_eq!(functions.len(), 1);
        let all = Counts { instructions: 12, fmas: 2, loads: 2, stores: 2, stack: 2, calls: 1 };
        assert_eq!(functions[0].counts(), all);
        let inner = Counts { instructions: 7, fmas: 2, loads: 2, stores: 0, stack: 1, calls: 0 };
        assert_eq!(functions[0].inner_loops(), [inner]);
    }

    #[test]
    fn memory_operands_are_told_apart() {
        assert_eq!(memory_access("vmovups", "%ymm0, (%rax)"), (false, true));
        assert_eq!(memory_access("vmovups", "(%rax), %ymm0"), (true, false));
        assert_eq!(memory_access("vmovups", "%zmm0, 8(%rax,%rbx) {%k1}"), (false, true));
        assert_eq!(memory_access("vmovups", "(%rax), %zmm0 {%k1} {z}"), (true, false));
        assert_eq!(memory_access("incq", "8(%rsp)"), (true, true));
        assert_eq!(memory_access("leaq", "8(%rsp), %rax"), (false, false));
        assert_eq!(memory_access("st1", "{ v0.4s, v1.4s }, [x0]"), (false, true));
    }
}
