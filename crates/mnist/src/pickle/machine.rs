//! The stack machine.

use super::array::{Array, Dtype};
use super::error::{MAX_OPCODES, PickleError};
use super::input::Input;
use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;

/// Opcodes, by their names in Python's pickletools.
mod op {
    pub(super) const MARK: u8 = b'(';
    pub(super) const STOP: u8 = b'.';
    pub(super) const BININT: u8 = b'J';
    pub(super) const BININT1: u8 = b'K';
    pub(super) const BININT2: u8 = b'M';
    pub(super) const NONE: u8 = b'N';
    pub(super) const REDUCE: u8 = b'R';
    pub(super) const BINSTRING: u8 = b'T';
    pub(super) const SHORT_BINSTRING: u8 = b'U';
    pub(super) const BUILD: u8 = b'b';
    pub(super) const GLOBAL: u8 = b'c';
    pub(super) const BINGET: u8 = b'h';
    pub(super) const LONG_BINGET: u8 = b'j';
    pub(super) const BINPUT: u8 = b'q';
    pub(super) const LONG_BINPUT: u8 = b'r';
    pub(super) const TUPLE: u8 = b't';
    pub(super) const PROTO: u8 = 0x80;
    pub(super) const TUPLE1: u8 = 0x85;
    pub(super) const TUPLE2: u8 = 0x86;
    pub(super) const TUPLE3: u8 = 0x87;
    pub(super) const NEWTRUE: u8 = 0x88;
    pub(super) const NEWFALSE: u8 = 0x89;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Global {
    Reconstruct,
    Ndarray,
    Dtype,
}

/// A value on the stack or in the memo. Copies share what they hold, so that no pickle can blow itself up.
#[derive(Clone, Debug)]
enum Value {
    Mark,
    None,
    Bool(bool),
    Int(i64),
    Bytes(Rc<Vec<u8>>),
    Global(Global),
    Tuple(Rc<Vec<Value>>),
    /// An object that BUILD may still change, by its index: all copies see the change.
    Object(usize),
}

#[derive(Debug)]
enum Object {
    /// A type; `built` once its byte order is known.
    Dtype { dtype: Dtype, built: bool },
    /// An array; none before it is built and after it is taken.
    Array(Option<Array>),
}

pub(super) struct Machine<R> {
    input: Input<R>,
    /// Where the present opcode begins.
    at: u64,
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
    objects: Vec<Object>,
    /// Bytes that may still become elements of arrays. Only a pickle that makes several arrays of one remembered
    /// string can need more than it has bytes.
    budget: u64,
}

impl<R: Read> Machine<R> {
    pub(super) fn new(input: Input<R>) -> Self {
        let budget = input.limit;
        Machine { input, at: 0, stack: Vec::new(), memo: BTreeMap::new(), objects: Vec::new(), budget }
    }

    pub(super) fn run(mut self) -> Result<[(Array, Array); 3], PickleError> {
        for _ in 0..MAX_OPCODES {
            self.at = self.input.offset;
            let opcode = self.input.byte()?;
            if opcode == op::STOP {
                let arrays = self.result()?;
                self.input.finish()?;
                return Ok(arrays);
            }
            self.step(opcode)?;
        }
        Err(PickleError::TooMany { offset: self.input.offset })
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            op::PROTO => return self.protocol(),
            op::BUILD => return self.build(),
            op::BINPUT | op::LONG_BINPUT => return self.put(opcode),
            op::BINGET | op::LONG_BINGET => self.get(opcode)?,
            op::MARK => Value::Mark,
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::BININT1 => Value::Int(self.input.byte()?.into()),
            op::BININT2 => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::BINSTRING | op::SHORT_BINSTRING => {
                let len = self.length(opcode == op::SHORT_BINSTRING)?;
                Value::Bytes(Rc::new(self.input.bytes(len)?))
            }
            op::GLOBAL => Value::Global(self.global()?),
            op::REDUCE => self.reduce()?,
            op::TUPLE => self.tuple_from_mark()?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            _ => return Err(PickleError::Opcode { offset: self.at, opcode }),
        };
        self.stack.push(value);
        Ok(())
    }

    /// One byte or four, little-endian. Python reads the four as signed and refuses a negative length; here it is
    /// then longer than any limit of the lesson's.
    fn length(&mut self, short: bool) -> Result<u32, PickleError> {
        if short { Ok(self.input.byte()?.into()) } else { Ok(u32::from_le_bytes(self.input.array()?)) }
    }

    fn unexpected<T>(&self, expected: &'static str, found: &str) -> Result<T, PickleError> {
        Err(PickleError::Value { offset: self.at, expected, found: found.to_owned() })
    }

    fn pop(&mut self, expected: &'static str) -> Result<Value, PickleError> {
        match self.stack.pop() {
            Some(value) => Ok(value),
            None => self.unexpected(expected, "an empty stack"),
        }
    }

    fn protocol(&mut self) -> Result<(), PickleError> {
        match self.input.byte()? {
            2 => Ok(()),
            other => self.unexpected("pickle protocol 2", &format!("protocol {other}")),
        }
    }

    fn put(&mut self, opcode: u8) -> Result<(), PickleError> {
        let key = self.length(opcode == op::BINPUT)?;
        match self.stack.last() {
            Some(value) => self.memo.insert(key, value.clone()),
            None => return self.unexpected("a value to remember", "an empty stack"),
        };
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<Value, PickleError> {
        let key = self.length(opcode == op::BINGET)?;
        match self.memo.get(&key) {
            Some(value) => Ok(value.clone()),
            None => self.unexpected("a remembered value", &format!("nothing under memo key {key}")),
        }
    }

    fn global(&mut self) -> Result<Global, PickleError> {
        let module = self.input.line()?;
        let name = self.input.line()?;
        match (module.as_str(), name.as_str()) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Ok(Global::Reconstruct),
            ("numpy", "ndarray") => Ok(Global::Ndarray),
            ("numpy", "dtype") => Ok(Global::Dtype),
            _ => Err(PickleError::Global { offset: self.at, found: format!("{module}.{name}") }),
        }
    }

    fn tuple(&mut self, len: usize) -> Result<Value, PickleError> {
        match self.stack.len().checked_sub(len) {
            Some(start) => Ok(Value::Tuple(Rc::new(self.stack.split_off(start)))),
            None => self.unexpected("the items of a tuple", &format!("a stack of {}", self.stack.len())),
        }
    }

    fn tuple_from_mark(&mut self) -> Result<Value, PickleError> {
        match self.stack.iter().rposition(|v| matches!(v, Value::Mark)) {
            Some(mark) => {
                let items = self.stack.split_off(mark + 1);
                self.stack.pop();
                Ok(Value::Tuple(Rc::new(items)))
            }
            None => self.unexpected("a mark", "none on the stack"),
        }
    }

    /// The two calls by which NumPy begins an array and a type; BUILD completes both.
    fn reduce(&mut self) -> Result<Value, PickleError> {
        let args = self.pop("arguments")?;
        let callable = self.pop("a callable")?;
        let args = match &args {
            Value::Tuple(items) => items.as_slice(),
            other => return self.unexpected("a tuple of arguments", &name(other)),
        };
        let object = match (&callable, args) {
            (
                Value::Global(Global::Reconstruct),
                [Value::Global(Global::Ndarray), Value::Tuple(shape), Value::Bytes(code)],
            ) if matches!(shape[..], [Value::Int(0)]) && code.as_slice() == b"b" => Object::Array(None),
            (Value::Global(Global::Dtype), [Value::Bytes(code), Value::Int(0), Value::Int(1)]) => {
                Object::Dtype { dtype: self.dtype(code)?, built: false }
            }
            _ => {
                return self.unexpected(
                    "_reconstruct(ndarray, (0,), 'b') or dtype(code, 0, 1)",
                    &format!("{} called with {} arguments", name(&callable), args.len()),
                );
            }
        };
        self.objects.push(object);
        Ok(Value::Object(self.objects.len() - 1))
    }

    fn dtype(&self, code: &[u8]) -> Result<Dtype, PickleError> {
        match code {
            b"f4" => Ok(Dtype::F32),
            b"i8" => Ok(Dtype::I64),
            _ => Err(PickleError::Dtype { offset: self.at, found: code.escape_ascii().to_string() }),
        }
    }

    fn build(&mut self) -> Result<(), PickleError> {
        let state = self.pop("a state")?;
        let index = match self.stack.last() {
            Some(&Value::Object(index)) => index,
            Some(other) => return self.unexpected("an array or dtype to build", &name(other)),
            None => return self.unexpected("an array or dtype to build", "an empty stack"),
        };
        let state = match &state {
            Value::Tuple(items) => items.as_slice(),
            other => return self.unexpected("a tuple as state", &name(other)),
        };
        let object = match self.objects[index] {
            Object::Dtype { dtype, .. } => self.build_dtype(dtype, state)?,
            Object::Array(_) => self.build_array(state)?,
        };
        self.objects[index] = object;
        Ok(())
    }

    /// State: version, byte order, sub-array, names, fields, size, alignment, flags.
    fn build_dtype(&self, dtype: Dtype, state: &[Value]) -> Result<Object, PickleError> {
        use Value::{Bytes, Int, None};
        match state {
            [Int(3), Bytes(order), None, None, None, Int(-1), Int(-1), Int(0)] => match order.as_slice() {
                b"<" => Ok(Object::Dtype { dtype, built: true }),
                other => {
                    let found = format!("{}{dtype:?}", other.escape_ascii());
                    Err(PickleError::Dtype { offset: self.at, found })
                }
            },
            _ => self.unexpected("the state of a plain dtype", &format!("{} items", state.len())),
        }
    }

    /// State: version, shape, type, Fortran order, bytes.
    fn build_array(&mut self, state: &[Value]) -> Result<Object, PickleError> {
        use Value::{Bool, Bytes, Int, Object as Obj, Tuple};
        let (dims, dtype, bytes) = match state {
            [Int(1), Tuple(dims), Obj(index), Bool(false), Bytes(bytes)] => match self.objects[*index] {
                Object::Dtype { dtype, built: true } => (dims, dtype, bytes),
                _ => return self.unexpected("a complete dtype", "another object"),
            },
            _ => {
                return self
                    .unexpected("the state of an array in C order", &format!("{} items", state.len()));
            }
        };
        let mut shape = Vec::new();
        for dim in dims.iter() {
            match dim {
                Int(n) => shape.push(*n),
                other => return self.unexpected("an integer in the shape", &name(other)),
            }
        }
        let sizes: Option<Vec<usize>> = shape.iter().map(|&n| usize::try_from(n).ok()).collect();
        let len = sizes.as_ref().and_then(|s| s.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d)));
        match sizes {
            Some(sizes) if len == Some(bytes.len()) => {
                let (offset, found, limit) = (self.at, bytes.len() as u64, self.budget);
                self.budget =
                    limit.checked_sub(found).ok_or(PickleError::TooLong { offset, found, limit })?;
                Ok(Object::Array(Some(Array { shape: sizes, data: dtype.decode(bytes) })))
            }
            _ => Err(PickleError::Length { offset: self.at, shape, size: dtype.size(), found: bytes.len() }),
        }
    }

    /// What STOP returns: the only value on the stack must be the lesson's tuple of tuples.
    fn result(&mut self) -> Result<[(Array, Array); 3], PickleError> {
        let stack = std::mem::take(&mut self.stack);
        let [Value::Tuple(splits)] = stack.as_slice() else {
            return self.unexpected("one tuple", &format!("{} values on the stack", stack.len()));
        };
        let [train, valid, test] = splits.as_slice() else {
            return self.unexpected("three tuples", &format!("a tuple of {}", splits.len()));
        };
        Ok([self.pair(train)?, self.pair(valid)?, self.pair(test)?])
    }

    fn pair(&mut self, value: &Value) -> Result<(Array, Array), PickleError> {
        match value {
            Value::Tuple(items) => match items.as_slice() {
                [x, y] => Ok((self.take(x)?, self.take(y)?)),
                other => self.unexpected("a tuple (x, y)", &format!("a tuple of {}", other.len())),
            },
            other => self.unexpected("a tuple (x, y)", &name(other)),
        }
    }

    fn take(&mut self, value: &Value) -> Result<Array, PickleError> {
        let array = match value {
            Value::Object(index) => match &mut self.objects[*index] {
                Object::Array(array) => array.take(),
                Object::Dtype { .. } => None,
            },
            _ => None,
        };
        match array {
            Some(array) => Ok(array),
            None => self.unexpected("a complete array, used once", &name(value)),
        }
    }
}

/// The kind of a value, for messages; its content may be 150 MB.
fn name(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("a string of {} bytes", bytes.len()),
        Value::Tuple(items) => format!("a tuple of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        other => format!("{other:?}"),
    }
}
