//! The lesson's three rungs: three loops, elementwise, broadcast.
