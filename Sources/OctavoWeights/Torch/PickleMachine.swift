/// Runs the little program that a pickle is, and builds inert values only.
///
/// A pickle can name and call any function of Python's. This machine knows the opcodes that checkpoints consist of and
/// the names in `PickleGlobal`; it writes calls down and makes none. Values, stack and memo are bounded, every opcode
/// takes time in proportion to its bytes and what it pops, and nothing is recursive.
///
/// - SeeAlso: `Lib/pickletools.py` in CPython, which specifies every opcode.
struct PickleMachine {
    /// The most that a pickle may hold, in values, elements of containers and memo entries together: a model of 405
    /// billion parameters has a tenth of it.
    private static let capacity = 1 << 21

    private var reader: ByteReader
    private var document = PickleDocument()
    private var stack: [PickleDocument.Reference] = []
    /// Where on the stack marks stand.
    private var marks: [Int] = []
    private var memo: [Int: PickleDocument.Reference] = [:]
    private var remaining = capacity

    /// Runs the pickle in `range` of `file`.
    ///
    /// - Throws: `WeightsError` for a name that is not in `PickleGlobal`, an opcode that checkpoints do not use, and
    ///   anything that is damaged or too large.
    static func run(_ file: MappedFile, in range: Range<Int>) throws(WeightsError) -> PickleDocument {
        var machine = PickleMachine(reader: ByteReader(file, in: range))
        while let opcode = try machine.readOpcode() { try machine.perform(opcode) }
        return machine.document
    }

    private init(reader: ByteReader) { self.reader = reader }

    /// The next opcode; `nil` at the end, with the root in place.
    private mutating func readOpcode() throws(WeightsError) -> Opcode? {
        let start = reader.offset
        let byte = try reader.read(UInt8.self)
        guard let opcode = Opcode(rawValue: byte) else {
            throw reader.failure("refuses the pickle opcode \(byte): checkpoints do not use it", at: start)
        }
        guard opcode == .stop else { return opcode }
        document.root = try pop()
        return nil
    }

    /// The opcodes that PyTorch's files and newer pickles of the same values use.
    private enum Opcode: UInt8 {
        case proto = 0x80
        case frame = 0x95
        case stop = 0x2E  // .
        case mark = 0x28  // (
        case pop = 0x30  // 0
        case popMark = 0x31  // 1
        case none = 0x4E  // N
        case newTrue = 0x88
        case newFalse = 0x89
        case binInt = 0x4A  // J
        case binInt1 = 0x4B  // K
        case binInt2 = 0x4D  // M
        case long1 = 0x8A
        case binFloat = 0x47  // G
        case shortBinUnicode = 0x8C
        case binUnicode = 0x58  // X
        case binUnicode8 = 0x8D
        case emptyTuple = 0x29  // )
        case tuple = 0x74  // t
        case tuple1 = 0x85
        case tuple2 = 0x86
        case tuple3 = 0x87
        case emptyList = 0x5D  // ]
        case append = 0x61  // a
        case appends = 0x65  // e
        case emptyDictionary = 0x7D  // }
        case setItem = 0x73  // s
        case setItems = 0x75  // u
        case binPut = 0x71  // q
        case longBinPut = 0x72  // r
        case memoize = 0x94
        case binGet = 0x68  // h
        case longBinGet = 0x6A  // j
        case global = 0x63  // c
        case stackGlobal = 0x93
        case reduce = 0x52  // R
        case newObject = 0x81
        case build = 0x62  // b
        case binPersistentID = 0x51  // Q
    }

    private mutating func perform(_ opcode: Opcode) throws(WeightsError) {
        switch opcode {
        case .proto: try reader.skip(1)
        case .frame: try reader.skip(8)
        case .mark:
            try spend(1)
            marks.append(stack.count)
        case .pop: _ = try pop()
        case .popMark: _ = try popToMark()
        case .none: try push(0)
        case .newFalse: try push(1)
        case .newTrue: try push(2)
        case .binInt, .binInt1, .binInt2, .long1, .binFloat: try push(new: try readNumber(opcode))
        case .shortBinUnicode, .binUnicode, .binUnicode8: try push(new: .string(try readText(opcode)))
        case .emptyTuple: try push(new: .tuple([]))
        case .tuple: try push(new: .tuple(try popToMark()))
        case .tuple1: try push(new: .tuple(try pop(count: 1)))
        case .tuple2: try push(new: .tuple(try pop(count: 2)))
        case .tuple3: try push(new: .tuple(try pop(count: 3)))
        case .emptyList: try push(new: .list(makeContainer()))
        case .append: try extend(by: try pop(count: 1), isDictionary: false)
        case .appends: try extend(by: try popToMark(), isDictionary: false)
        case .emptyDictionary: try push(new: .dictionary(makeContainer()))
        case .setItem: try extend(by: try pop(count: 2), isDictionary: true)
        case .setItems: try extend(by: try popToMark(), isDictionary: true)
        case .binPut, .longBinPut, .memoize, .binGet, .longBinGet: try useMemo(opcode)
        case .global, .stackGlobal: try push(new: .global(try readGlobal(opcode)))
        case .reduce, .newObject: try push(new: try popCall())
        case .build: try build()
        case .binPersistentID: try push(new: .external(try pop()))
        case .stop: break
        }
    }
}

// MARK: - The stack

extension PickleMachine {
    private mutating func spend(_ count: Int) throws(WeightsError) {
        remaining -= count
        guard remaining >= 0 else {
            throw reader.failure("a pickle of more than \(Self.capacity) values: no checkpoint has so many")
        }
    }

    private mutating func push(_ reference: PickleDocument.Reference) throws(WeightsError) {
        guard stack.count < Self.capacity else { throw reader.failure("a pickle whose stack does not end") }
        stack.append(reference)
    }

    private mutating func push(new value: PickleDocument.Value) throws(WeightsError) {
        try spend(1)
        document.values.append(value)
        try push(PickleDocument.Reference(document.values.count - 1))
    }

    private mutating func pop() throws(WeightsError) -> PickleDocument.Reference {
        try pop(count: 1)[0]
    }

    /// The last `count` values above the last mark.
    private mutating func pop(count: Int) throws(WeightsError) -> [PickleDocument.Reference] {
        guard stack.count - (marks.last ?? 0) >= count else {
            throw reader.failure("a damaged pickle: its stack is empty")
        }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(WeightsError) -> [PickleDocument.Reference] {
        guard let mark = marks.popLast() else { throw reader.failure("a damaged pickle: a mark is missing") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private var top: PickleDocument.Reference? { stack.count > (marks.last ?? 0) ? stack.last : nil }
}

// MARK: - Operands

extension PickleMachine {
    private mutating func readNumber(_ opcode: Opcode) throws(WeightsError) -> PickleDocument.Value {
        switch opcode {
        case .binInt: .integer(Int(try reader.read(Int32.self)))
        case .binInt1: .integer(Int(try reader.read(UInt8.self)))
        case .binInt2: .integer(Int(try reader.read(UInt16.self)))
        case .binFloat: .double(Double(bitPattern: try reader.read(UInt64.self).byteSwapped))
        default: .integer(try readLong())
        }
    }

    /// An integer of up to eight bytes in two's complement.
    private mutating func readLong() throws(WeightsError) -> Int {
        let count = Int(try reader.read(UInt8.self))
        guard count <= 8 else { throw reader.failure("an integer of \(count) bytes: 8 are supported") }
        var bits: UInt64 = 0
        for index in 0..<count { bits |= UInt64(try reader.read(UInt8.self)) << UInt64(8 * index) }
        let unused = 64 - 8 * count
        return unused == 64 ? 0 : Int(Int64(bitPattern: bits << UInt64(unused)) >> Int64(unused))
    }

    private mutating func readText(_ opcode: Opcode) throws(WeightsError) -> String {
        switch opcode {
        case .shortBinUnicode: try reader.readString(count: Int(try reader.read(UInt8.self)))
        case .binUnicode: try reader.readString(count: Int(try reader.read(UInt32.self)))
        default: try reader.readString()
        }
    }

    private mutating func readGlobal(_ opcode: Opcode) throws(WeightsError) -> PickleGlobal {
        let start = reader.offset
        let module: String
        let name: String
        if opcode == .global {
            module = try readLine()
            name = try readLine()
        } else {
            let operands = try pop(count: 2)
            guard let first = document.string(operands[0]), let second = document.string(operands[1]) else {
                throw reader.failure("a damaged pickle: a name is no text")
            }
            (module, name) = (first, second)
        }
        guard let word = PickleGlobal(name: "\(module).\(name)") else {
            throw reader.failure(
                "refuses \(module.prefix(200)).\(name.prefix(200)): not a class of PyTorch or TorchAO checkpoints "
                    + "that Octavo reads (f32, f16, bf16, and TorchAO's Int8DynamicActivationInt8Weight)",
                at: start)
        }
        return word
    }

    /// Text up to the end of its line, which no name of a checkpoint puts further away than 256 bytes.
    private mutating func readLine() throws(WeightsError) -> String {
        let start = reader.offset
        let end = start + min(reader.remaining, 257)
        guard let newline = reader.file.bytes[start..<end].firstIndex(of: UInt8(ascii: "\n")) else {
            throw reader.failure("a damaged pickle: a name without an end")
        }
        let line = try reader.readString(count: newline - start)
        try reader.skip(1)
        return line
    }

    private mutating func useMemo(_ opcode: Opcode) throws(WeightsError) {
        switch opcode {
        case .memoize: try remember(at: memo.count)
        case .binPut: try remember(at: Int(try reader.read(UInt8.self)))
        case .longBinPut: try remember(at: Int(try reader.read(UInt32.self)))
        default:
            let index = opcode == .binGet ? Int(try reader.read(UInt8.self)) : Int(try reader.read(UInt32.self))
            guard let reference = memo[index] else {
                throw reader.failure("a damaged pickle: nothing is remembered as \(index)")
            }
            try push(reference)
        }
    }

    private mutating func remember(at index: Int) throws(WeightsError) {
        guard let top else { throw reader.failure("a damaged pickle: nothing to remember") }
        try spend(1)
        memo[index] = top
    }
}

// MARK: - Containers and calls

extension PickleMachine {
    /// Adds elements, or keys and values in turn, to the container on the stack.
    private mutating func extend(
        by elements: [PickleDocument.Reference], isDictionary: Bool
    ) throws(WeightsError) {
        try spend(elements.count)
        guard let top else { throw reader.failure("a damaged pickle: nothing to add to") }
        switch (document[top], isDictionary) {
        case (.list(let container), false),
            (.dictionary(let container), true) where elements.count % 2 == 0:
            document.containers[Int(container)] += elements
        default: throw reader.failure("a damaged pickle: elements for what is no container of them")
        }
    }

    private mutating func makeContainer() -> Int32 {
        document.containers.append([])
        return Int32(document.containers.count - 1)
    }

    /// What `class(*arguments)` would be; an `OrderedDict` is a dictionary at once.
    private mutating func popCall() throws(WeightsError) -> PickleDocument.Value {
        let operands = try pop(count: 2)
        guard case .global(let function) = document[operands[0]], case .tuple(let arguments) = document[operands[1]]
        else { throw reader.failure("a damaged pickle: a call of what is no function, or without arguments") }
        guard function == .orderedDictionary else { return .call(function, arguments: operands[1], state: nil) }
        guard arguments.isEmpty else { throw reader.failure("an OrderedDict made from a list is not supported") }
        return .dictionary(makeContainer())
    }

    /// Gives an object its state. A dictionary's attributes, as PyTorch's `_metadata`, are of no interest.
    private mutating func build() throws(WeightsError) {
        let state = try pop()
        guard let top else { throw reader.failure("a damaged pickle: nothing to give a state to") }
        switch document[top] {
        case .call(let function, let arguments, nil):
            document[top] = .call(function, arguments: arguments, state: state)
        case .dictionary: break
        default: throw reader.failure("a damaged pickle: a state for what has none")
        }
    }
}
