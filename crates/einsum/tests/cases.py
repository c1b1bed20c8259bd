#!/usr/bin/env python3
"""Writes cases.npz and orders.tsv beside this file: what NumPy makes of a few hundred expressions, and in which order
opt_einsum contracts some of many operands.

Needs numpy, and opt_einsum for the orders and their FLOPs:
    python3 -m venv VENV && VENV/bin/pip install numpy==2.4.6 opt_einsum==3.4.0 && VENV/bin/python cases.py

The archive has two arrays. `cases` is text, a case a line, fields separated by tabs: the function, its argument, the
FLOPs of opt_einsum's optimal order where there are three operands or more (else 0), then for each operand
shape/strides/offset/length in elements, then for the result the shape. `values` has the f64 memory of the operands and
the elements of the results one after the other, in the same order. An error has the result "error".

orders.tsv has an expression a line, fields separated by tabs: the subscripts, the operands' shapes separated by slashes,
the pairs of opt_einsum's greedy order (operands are numbered from 0, products go on from there) and its FLOPs.
"""

import io
import itertools
import math
import pathlib
import string
import zipfile

import numpy as np
import opt_einsum

rng = np.random.default_rng(17)
lines, values = [], []


def memory(array):
    """The smallest span of memory that holds an array's elements, and where its first element lies in it."""
    strides = [s // array.itemsize for s in array.strides]
    reach = [s * (n - 1) for s, n in zip(strides, array.shape)] if array.size else []
    offset = -sum(r for r in reach if r < 0)
    length = offset + sum(r for r in reach if r > 0) + 1 if array.size else 0
    start = array.__array_interface__["data"][0] - offset * array.itemsize
    flat = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_double * length).from_address(start)) if length else np.zeros(0)
    return flat.copy(), strides, offset


def numbers(ns):
    return ",".join(str(n) for n in ns)


def record(function, argument, operands, compute, flops=0):
    operands = [np.asarray(operand, dtype=float) for operand in operands]
    try:
        result = np.asarray(compute(*operands), dtype=float)
    except (ValueError, IndexError):
        result = None
    fields = [function, argument, str(int(flops))]
    for operand in operands:
        flat, strides, offset = memory(operand)
        fields.append(f"{numbers(operand.shape)}/{numbers(strides)}/{offset}/{len(flat)}")
        values.append(flat)
    fields.append("error" if result is None else numbers(result.shape) + f"/{result.size}")
    if result is not None:
        values.append(result.ravel())
    lines.append("\t".join(fields))


def einsum(subscripts, *operands):
    flops = 0
    if len(operands) > 2:
        shapes = [np.shape(operand) for operand in operands]
        flops = opt_einsum.contract_path(subscripts, *shapes, shapes=True, optimize="optimal")[1].opt_cost
    record("einsum", subscripts, operands, lambda *o: np.einsum(subscripts, *o), flops)


def matmul(a, b):
    record("matmul", "", [a, b], np.matmul)


def tensordot(a, b, axes):
    argument = str(axes) if isinstance(axes, int) else ";".join(numbers(side) for side in axes)
    record("tensordot", argument, [a, b], lambda a, b: np.tensordot(a, b, axes))


def ints(*shape):
    """Small integers, so that every order of summation gives the same result exactly."""
    return rng.integers(-4, 5, shape).astype(float)


def layouts(array):
    """The same values in other memory: column-major, every second element, reversed."""
    if array.ndim == 0:
        return
    yield np.asfortranarray(array)
    spread = np.zeros([2 * n + 1 for n in array.shape])
    spread[tuple(slice(0, 2 * n, 2) for n in array.shape)] = array
    yield spread[tuple(slice(0, 2 * n, 2) for n in array.shape)]
    backwards = (slice(None, None, -1),) * array.ndim
    yield np.ascontiguousarray(array[backwards])[backwards]


# NumPy's documentation of einsum, in its order.
a, b, c = np.arange(25).reshape(5, 5), np.arange(5), np.arange(6).reshape(2, 3)
for s in ["ii", "ii->i", "ij->i", "ij->", "ji", "ij->ji", "...j->..."]:
    einsum(s, a)
for s, operands in [
    ("ij,j", (a, b)), ("...j,j", (a, b)), ("...j,...j", (a, b)), ("...j->...", (a,)), ("i...->...", (a,)),
    ("i,i", (b, b)), ("i,i->", (b, b)), ("ij->ji", (c,)), ("ji", (c,)), (",", (3, c)), ("..., ...", (3, c)),
    (",ij", (3, c)), ("i,j", (np.arange(2) + 1, b)), ("i...->...", (a,)), ("...i->...", (a,)),
    ("ijk,jil->kl", (np.arange(60).reshape(3, 4, 5), np.arange(24).reshape(4, 3, 2))),
    ("ki,jk->ij", (np.arange(6).reshape(3, 2), np.arange(12).reshape(4, 3))),
    ("ki,...k->i...", (np.arange(6).reshape(3, 2), np.arange(12).reshape(4, 3))),
    ("k...,jk", (np.arange(6).reshape(3, 2), np.arange(12).reshape(4, 3))),
    ("ea,fb,abcd,gc,hd->efgh", (ints(3, 3), ints(3, 3), ints(3, 3, 3, 3), ints(3, 3), ints(3, 3))),
    ("ijk,ilm,njm,nlk,abc->", tuple(np.arange(64).reshape(2, 4, 8)[:, :2, :n] for n in (2, 2, 2, 2, 2))),
    ("i", (b,)), ("i->", (b,)), ("ij,jk", (a, a)), ("ij,kj->ik", (a, a)), ("ij,ij->ij", (a, a)), ("ij,jh", (a, a)),
    ("ij,jh->hi", (a, a)), ("i,i,i->i", (b, b, b)), ("ij...,jk...->ik...", (ints(2, 3, 4), ints(3, 5, 4))),
]:
    einsum(s, *operands)
tensordot(np.arange(60).reshape(3, 4, 5), np.arange(24).reshape(4, 3, 2), ([1, 0], [0, 1]))

# The lesson.
m, v = np.arange(1.0, 10).reshape(3, 3), np.array([10.0, 20, 30])
m1, m2 = ints(5, 28), ints(28, 10)
for array in [m1, *layouts(m1)]:
    einsum("ik,kj->ij", array, m2)
    matmul(array, m2)
einsum("bik,bkj->bij", ints(3, 5, 28), ints(3, 28, 10))
einsum("i,i", v, v)
einsum("i", v)
einsum("ij,ij->", m, m)
einsum("...,ij->ij", 2, m)
einsum("ij,j->ij", m, v)
einsum("ij,i->ij", m, v)
einsum("i,j->ij", v, v)
einsum("ij,ij->ij", m, np.broadcast_to(v, (3, 3)))
einsum("ij,ij->ij", m, np.broadcast_to(v[:, None], (3, 3)))
einsum("hwc,c->hwc", ints(8, 8, 3), ints(3))
einsum("...,...->...", v[None, :, None], v[:, None, None])
einsum("...,...->...", ints(1, 4, 5), ints(3, 1, 5))
einsum("aij,bij->abij", ints(1, 4, 3), ints(4, 1, 3))

# Contractions of every kind, in every layout.
kinds = [
    ("ij,jk->ik", (3, 4), (4, 5)), ("ij,jk->ki", (3, 4), (4, 5)), ("ji,jk->ik", (4, 3), (4, 5)),
    ("ij,kj->ik", (3, 4), (5, 4)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bij,bjk->kbi", (2, 3, 4), (2, 4, 5)),
    ("ijb,jkb->ikb", (3, 4, 2), (4, 5, 2)), ("bqc,bchw->bqhw", (2, 3, 4), (2, 4, 2, 3)),
    ("ijk,jil->kl", (3, 4, 5), (4, 3, 2)), ("abcd,be->aecd", (2, 3, 2, 4), (3, 5)),
    ("abcd,cdef->abef", (2, 3, 2, 2), (2, 2, 3, 2)), ("abcd,ebfd->aecf", (2, 3, 2, 2), (3, 3, 2, 2)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)), ("bhqk,bhkd->bqhd", (2, 2, 3, 4), (2, 2, 4, 5)),
    ("i,j->ij", (3,), (4,)), ("i,i->i", (3,), (3,)), ("ij,i->ij", (3, 4), (3,)), ("ij,j->i", (3, 4), (4,)),
    ("ij,k->ik", (3, 4), (5,)), ("ij,kl->", (3, 4), (2, 5)), ("iij,jk->ik", (3, 3, 4), (4, 2)),
    ("iji,j->i", (3, 4, 3), (4,)), ("iij,jj->ij", (3, 3, 4), (4, 4)), ("ijk,k->", (2, 3, 4), (4,)),
    ("bij,jk->bik", (2, 3, 4), (4, 5)), ("ij,bjk->bik", (3, 4), (2, 4, 5)), ("ij,bjk", (3, 4), (2, 4, 5)),
    ("Ab,bA", (2, 3), (3, 2)), ("bA,Ac", (2, 3), (3, 2)), ("ij,jk->ik", (3, 1), (4, 5)),
    ("ij,jk->ik", (1, 4), (4, 5)), ("ij,ij->ij", (3, 1), (1, 4)), ("ij,ij->", (3, 1), (1, 4)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)), ("ij...,...jk->...ik", (3, 4, 2), (2, 4, 2)),
    ("i...,...i->...", (3, 2, 4), (4, 3)), ("...,...", (2, 1), (3,)), ("i...,i...->...", (3, 4), (3,)),
    ("i...j,j...->...i", (3, 2, 4), (4,)), ("ij,jk->ik", (0, 4), (4, 5)), ("ij,jk->ik", (3, 0), (0, 5)),
    ("i,i->", (0,), (1,)), ("ij,jk -> i k", (2, 3), (3, 2)),
]
for s, shape_a, shape_b in kinds:
    x, y = ints(*shape_a), ints(*shape_b)
    einsum(s, x, y)
    for x2, y2 in zip(layouts(x), layouts(y)):
        einsum(s, x2, y2)
for s, shape in [
    ("ijk->", (2, 3, 4)), ("ijk->j", (2, 3, 4)), ("ijk->ki", (2, 3, 4)), ("kji", (2, 3, 4)), ("iii", (3, 3, 3)),
    ("iii->i", (3, 3, 3)), ("iij->j", (3, 3, 4)), ("ijij->ji", (2, 3, 2, 3)), ("i...i->...", (3, 2, 3)),
    ("...", (2, 3)), ("...->...", (2, 3)), ("", ()), ("->", ()), ("i...j->j...i", (2, 3, 4)), ("ij->j", (0, 3)),
    ("ij->i", (3, 1)), ("...i", (2, 3)), ("ij->...ij", (2, 3)),
]:
    x = ints(*shape)
    einsum(s, x)
    for x2 in layouts(x):
        einsum(s, x2)

# Many operands: orders, shared labels, scalars.
for s, *shapes in [
    ("ij,jk,kl->il", (2, 6), (6, 3), (3, 5)), ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("a,ab,abc->c", (2,), (2, 3), (2, 3, 4)), ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)), (",,->", (), (), ()),
    ("i,j,k,l->", (2,), (3,), (4,), (5,)), ("i,j,k->kji", (2,), (3,), (4,)), ("ab,bc,ca->", (2, 3), (3, 4), (4, 2)),
    ("abc,bcd,cde->ae", (2, 3, 4), (3, 4, 2), (4, 2, 3)), ("ij,j,i->", (3, 4), (4,), (3,)),
    ("ab,ac,ad,ae->bcde", (2, 2), (2, 3), (2, 2), (2, 3)), ("bij,bjk,bkl,b->bil", (2, 3, 2), (2, 2, 4), (2, 4, 3), (2,)),
    ("...ij,...jk,kl->...il", (2, 1, 3, 2), (3, 2, 4), (4, 2)), ("ab,bc,cd,de,ef->af", *[(n, n + 1) for n in range(2, 7)]),
    ("eb,cb,fb->cef", (3, 4), (2, 4), (5, 4)), ("dd,fb,be,cdb->cef", (3, 3), (2, 4), (4, 3), (2, 3, 4)),
    ("bca,cdb,dbf,afc->", (2, 3, 4), (3, 2, 2), (2, 2, 3), (4, 3, 3)), ("aa,bb,ab->", (3, 3), (2, 2), (3, 2)),
]:
    einsum(s, *[ints(*shape) for shape in shapes])

# matmul: ranks, batches, broadcasting, empty axes, errors.
batches = [(), (2,), (1,), (3, 2), (3, 1), (1, 2)]
for left, right in itertools.product(batches, batches):
    matmul(ints(*left, 3, 4), ints(*right, 4, 5))
for left, right in [
    ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)), ((0, 4), (4, 5)),
    ((3, 0), (0, 5)), ((0,), (0,)), ((0, 3, 4), (4, 5)), ((1, 1), (1, 1)), ((3, 4), (5, 4)), ((4,), (3, 4)),
    ((2, 3, 4), (3, 4, 5)), ((), (3,)), ((3,), ()), ((2, 3, 4), (3,)), ((3, 1, 4), (1, 4, 2)),
]:
    matmul(ints(*left), ints(*right))
x, y = ints(3, 4, 5), ints(3, 5, 2)
for x2, y2 in itertools.product([x, *layouts(x)], [y, *layouts(y)]):
    matmul(x2, y2)
matmul(np.broadcast_to(ints(4, 5), (3, 4, 5)), y)
matmul(x, np.broadcast_to(ints(5), (3, 2, 5)).transpose(0, 2, 1))
for axes in [0, 1, 2, 3, 4, ([0], [1]), ([1, 0], [0, 1]), ([-1], [-1]), ([0, 0], [0, 1]), ([3], [0]), ([0, 1], [0])]:
    tensordot(ints(3, 4, 3), ints(4, 3, 3), axes)
tensordot(ints(2, 3, 4), ints(3, 4, 2), 2)
record("outer", "", [ints(2, 3), ints(4)], np.outer)
record("outer", "", [ints(2, 3).T, ints(2, 2).T], np.outer)

# What NumPy refuses.
for s, *shapes in [
    ("ij,jk->ii", (2, 3), (3, 2)), ("ij,jk->im", (2, 3), (3, 2)), ("ij,jk", (2, 3), (4, 2)), ("ij", (2,)), ("i", (2, 3)),
    ("ii", (2, 3)), ("ii->i", (1, 3)), ("i.j", (2, 3)), ("....", (2,)), ("...i...", (2, 3)), ("i->i->i", (2,)),
    ("i>i", (2,)), ("i-i", (2,)), ("i1", (2, 3)), ("...i->i", (2, 3)), ("ij,jk", (2, 3)), ("i->i,", (2,)),
    ("...,...", (2,), (3,)), ("i;j", (2, 3)), ("i,j", (2,)), ("i- >i", (2,)),
]:
    einsum(s, *[ints(*shape) for shape in shapes])

arrays = {
    "cases": np.frombuffer("\n".join(lines).encode(), dtype=np.uint8),
    "values": np.concatenate(values).astype("<f8"),
}
# As numpy.savez_compressed, but with a fixed date, so that the file depends on this program and NumPy alone.
path = pathlib.Path(__file__).with_suffix(".npz")
with zipfile.ZipFile(path, "w") as archive:
    for name, array in arrays.items():
        data = io.BytesIO()
        np.save(data, array)
        entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, data.getvalue(), zipfile.ZIP_DEFLATED, 9)
print(f"{len(lines)} cases, {len(arrays['values'])} values, {path.stat().st_size} bytes")

# Greedy orders, of networks given by their axes: which operands have each. Few lengths, so that many costs are equal.
rng = np.random.default_rng(18)
orders = []


def network(count, axes, kept=()):
    """Records the order for operands with these axes; `kept` and one in six others are the output's."""
    labels = dict(zip(string.ascii_letters, [*axes, *kept]))
    lens = {label: int(rng.integers(2, 5)) for label in labels}
    output = "".join(label for i, label in enumerate(labels) if i >= len(axes) or rng.integers(6) == 0)
    terms = ["".join(label for label, owners in labels.items() if i in owners) for i in range(count)]
    shapes = [[lens[label] for label in term] for term in terms]

    # A label that one operand alone has and the output has not is summed first here, but not by opt_einsum.
    lone = {label for label, owners in labels.items() if len(set(owners)) == 1} - set(output)
    flops = sum(math.prod(shape) for term, shape in zip(terms, shapes) if lone & set(term))
    rest = ["".join(label for label in term if label not in lone) for term in terms]
    path, info = opt_einsum.contract_path(
        ",".join(rest) + "->" + output, *[[lens[label] for label in term] for term in rest],
        shapes=True, optimize="greedy",
    )
    pairs = " ".join(numbers(sorted(pair)) for pair in opt_einsum.paths.linear_to_ssa(path))
    fields = [",".join(terms) + "->" + output, "/".join(map(numbers, shapes)), pairs, str(flops + int(info.opt_cost))]
    orders.append("\t".join(fields))


for count in range(9, 17):
    chain = [(i, i + 1) for i in range(count - 1)]
    network(count, chain, [(0,), (count - 1,)])
    network(count, [*chain, (0, count - 1)])
    network(count, [(i, int(rng.integers(i))) for i in range(1, count)])
    network(count, [(0, i) for i in range(1, count)], [(i,) for i in range(1, count)])
    # Axes of one to four operands.
    network(count, [rng.integers(count, size=rng.integers(1, 5)).tolist() for _ in range(count + 4)])
    # A ring of six, some of whose operands come again.
    network(count, [[i for i in range(count) if i % 6 in (j, (j + 1) % 6)] for j in range(6)])
    # Three chains.
    network(count, [(i, i + 3) for i in range(count - 3)], [(i,) for i in range(3)])
    # A batch of chains.
    network(count, [*chain, range(count)])
path.with_name("orders.tsv").write_text("\n".join(orders) + "\n")
print(f"{len(orders)} orders")
